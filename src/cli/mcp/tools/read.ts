import type { Client } from "../../../client/client.ts";
import { XsError } from "../../../core/error.ts";
import { parseId } from "../../../core/id.ts";
import { topicInLine } from "../../../core/index-keys.ts";
import { textIn } from "../../../net/text-body.ts";
import { linesOf } from "../../kit/response-lines.ts";
import { collect } from "../collect.ts";
import {
  FRAME_SCHEMA,
  type FrameView,
  frameView,
  isLarge,
  ONE_CONTENT,
  partView,
} from "../frame-view.ts";
import { READS, type Tool, type ToolCall, UNTRUSTED } from "../tool.ts";

/** The most frames of one answer. */
export const MAX_FRAMES = 200;
const FRAMES = 20;

/** The argument `topic` of every tool that has it. */
export const TOPIC_ARGUMENT = {
  type: "string",
  minLength: 1,
  description:
    "only this topic: a.b; or a pattern: a.* (all below a), *.b and a.*.c (one part), *,!a.* (all but those); several with commas. Default: all",
} as const;

/** The argument `since` of every tool that has it. */
export const TIME_ARGUMENT = {
  type: "string",
  description: "a date, a time (RFC 3339, UTC without an offset) or an age: 90s, 15m, 2h, 7d",
} as const;

/** The argument `limit` of every tool that returns frames. */
export const LIMIT_ARGUMENT = {
  type: "integer",
  minimum: 1,
  most: MAX_FRAMES,
  default: FRAMES,
  description: `at most so many frames; an answer has ${MAX_FRAMES} at most`,
} as const;

export const readTool: Tool = {
  name: "read",
  title: "Read frames",
  description: `Reads frames (events) of the log. Without id: those that the arguments select, oldest first, or newest first with order "desc". With id: that frame, with more of its content. If truncated is true there are more: repeat the call with after set to next. A content that was cut has content_next: call read with its id and offset set to that. ${UNTRUSTED}
Examples: the 5 newest notes {"topic":"note","order":"desc","limit":5}; the last hour {"since":"1h"}; one day {"since":"2026-11-26","until":"2026-11-27"}; one frame {"id":"03hadtdyn9s2dxl5soli9q9dz"}`,
  inputSchema: {
    type: "object",
    properties: {
      id: { type: "string", description: "one frame, by its id" },
      offset: {
        type: "integer",
        minimum: 0,
        description: "with id: the byte of the content at which to begin",
      },
      topic: TOPIC_ARGUMENT,
      after: {
        type: "string",
        description: "an id: only frames behind it in the order of the read",
      },
      since: TIME_ARGUMENT,
      until: { type: "string", description: "only frames from before this: as since" },
      order: { type: "string", enum: ["asc", "desc"], description: "desc: newest first" },
      limit: LIMIT_ARGUMENT,
    },
    additionalProperties: false,
  },
  outputSchema: {
    type: "object",
    properties: {
      frames: { type: "array", items: FRAME_SCHEMA },
      truncated: { type: "boolean", description: "there are more frames" },
      next: { type: "string", description: "if there are more: the id to pass as after" },
    },
    required: ["frames", "truncated"],
  },
  annotations: READS,
  async run({ id, offset, limit, ...given }, call) {
    const options = given as Record<string, string>;
    if (typeof id === "string") {
      const [other] = Object.keys(options);
      if (other !== undefined) {
        throw new XsError("bad_option", `id names one frame: leave ${other} out`);
      }
      const named = parseId(id);
      return call.store.use(async (client) => {
        const frame = await frameAt(client, call, named, Number(offset ?? 0));
        return { frames: [frame], truncated: false };
      });
    }
    if (offset !== undefined) {
      throw new XsError("bad_option", "offset is for the content of one frame: add its id");
    }
    const { bounds, signal } = call;
    const { topic, ...others } = options;
    const most = Number(limit);
    const query = new URLSearchParams({
      ...others,
      ...bounds.topicQuery(topic),
      content: "inline",
      // One more tells whether there are more.
      limit: String(most + 1),
    });
    return call.store.use(async (client) => {
      const response = await client.request(`/?${query}`, { signal });
      const { frames, truncated, last } = await collect(linesOf(response), bounds, most);
      return { frames, truncated, ...(truncated && { next: last }) };
    });
  },
};

/**
 * Reads one frame, with all of its meta, and more of its content than a list has.
 *
 * @param offset the byte of the content at which to begin
 * @throws XsError `not_found`, also for one that is not there for the tools
 */
export async function frameAt(
  client: Client,
  { bounds, signal }: ToolCall,
  id: string,
  offset = 0,
): Promise<FrameView> {
  const line = (await textIn(await client.request(`/${id}?content=inline`, { signal }))).trimEnd();
  if (!bounds.shows(topicInLine(line))) {
    throw new XsError("not_found", `there is no frame ${id}`);
  }
  const view = frameView(line, true, offset);
  if (offset > 0 && Number(view.content_size ?? 0) < offset) {
    throw new XsError(
      "range_not_satisfiable",
      `the content has ${view.content_size ?? 0} bytes, and no byte ${offset}`,
    );
  }
  if (!isLarge(line)) return view;
  const { content_next: _, ...rest } = view;
  return { ...rest, ...(await largeContent(client, view, offset, signal)) };
}

/** A part of content that is too large for the line of its frame. */
async function largeContent(
  client: Client,
  { id, meta, hash, content_size }: FrameView,
  offset: number,
  signal: AbortSignal,
): Promise<object> {
  const size = Number(content_size);
  // The content of a first chunk goes on as long as it grows; its hash names its own piece.
  const isChunk = typeof meta === "object" && meta !== null && "chunk" in meta;
  const path = isChunk ? `/cas/${encodeURIComponent(String(hash))}` : `/${id}/content`;
  const headers = { range: `bytes=${offset}-${offset + ONE_CONTENT + 3}` };
  const response = await client.request(path, { headers, signal });
  return partView(await response.bytes(), offset, size, ONE_CONTENT);
}
