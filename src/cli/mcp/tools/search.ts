import { setTimeout as sleep } from "node:timers/promises";
import type { Client } from "../../../client/client.ts";
import type { XsError } from "../../../core/error.ts";
import { idInLine } from "../../../core/frame.ts";
import { parseId, timestampOf } from "../../../core/id.ts";
import { topicInLine } from "../../../core/index-keys.ts";
import { formatTime, parseTime } from "../../../core/time.ts";
import { askSearch, inTurns } from "../../kit/ask-search.ts";
import { linesOf } from "../../kit/response-lines.ts";
import { Collector } from "../collect.ts";
import { FRAME_SCHEMA } from "../frame-view.ts";
import { READS, type Tool, type ToolCall, UNTRUSTED } from "../tool.ts";
import { LIMIT_ARGUMENT, TIME_ARGUMENT, TOPIC_ARGUMENT } from "./read.ts";

/** How long a call waits for an index that is being made, in ms: clients give up after a minute by default. */
const INDEX_MS = 25_000;
/** The wait before the next question how far it is, in ms. */
const ASK_AGAIN_MS = 200;

export const searchTool: Tool = {
  name: "search",
  title: "Search frames",
  description: `Finds frames by the words in their content, meta and topic, newest first, each with a snippet around the hit; read with the id has the whole content. All words must be there. "a phrase" in quotes, pre* for words that begin so, -word for those without it, topic:a.* for topics. Case and accents do not count. If truncated is true there are more: repeat the call with after set to next. ${UNTRUSTED}
Examples: {"query":"invoice march"}; {"query":"\\"buy milk\\" -done"}; {"query":"err* topic:app.*","since":"2d"}`,
  inputSchema: {
    type: "object",
    properties: {
      query: { type: "string", minLength: 1, description: "the words" },
      topic: TOPIC_ARGUMENT,
      since: TIME_ARGUMENT,
      until: { type: "string", description: "only frames from before this: as since" },
      after: { type: "string", description: "next of the last answer: go on behind that frame" },
      limit: LIMIT_ARGUMENT,
    },
    required: ["query"],
    additionalProperties: false,
  },
  outputSchema: {
    type: "object",
    properties: {
      frames: {
        type: "array",
        items: {
          ...FRAME_SCHEMA,
          properties: {
            ...FRAME_SCHEMA.properties,
            snippet: { type: "string", description: "the text around a hit" },
            snippet_of: { type: "string", description: "content, meta or topic" },
          },
        },
      },
      truncated: { type: "boolean", description: "there are more frames" },
      next: { type: "string", description: "if there are more: the id to pass as after" },
    },
    required: ["frames", "truncated"],
  },
  annotations: READS,
  async run({ query, topic, since, until, after: from, limit }, call) {
    const after = from === undefined ? undefined : parseId(String(from));
    const parameters = new URLSearchParams({
      q: String(query),
      ...call.bounds.topicQuery(topic as string | undefined),
      ...(since !== undefined && { since: String(since) }),
      ...untilOf(until as string | undefined, after),
      // Behind a frame of another answer, others of its time may come first.
      ...(after === undefined && { limit: String(Number(limit) + 1) }),
    });
    const started = performance.now();
    const building = async (error: XsError) => {
      const seconds = (performance.now() - started) / 1000;
      if (seconds * 1000 > INDEX_MS || call.ending.aborted) throw error;
      call.progress(seconds, INDEX_MS / 1000, error.message);
      await sleep(ASK_AGAIN_MS, undefined, { signal: call.signal });
    };
    const find = async (client: Client) => {
      const init = { signal: call.signal };
      const response = await askSearch(client, `/-/search?${parameters}`, building, init);
      return response && found(response, call, after, Number(limit));
    };
    return inTurns(() => call.store.use(find));
  },
};

/** The frames in the answer of a search, behind one of them. */
async function found(
  response: Response,
  call: ToolCall,
  after: string | undefined,
  most: number,
): Promise<Record<string, unknown>> {
  const collector = new Collector(most);
  const { frames } = collector;
  for await (const line of linesOf(response)) {
    if (after !== undefined && idInLine(line) >= after) continue;
    if (!call.bounds.shows(topicInLine(line))) continue;
    if (collector.isFull) return { frames, truncated: true, next: collector.last };
    const { snippet } = JSON.parse(line) as { snippet: { in: string; text: string } };
    collector.add(line, { snippet: snippet.text, snippet_of: snippet.in });
  }
  return { frames, truncated: false };
}

/** The bound in time of a search: hits come newest first, so those behind a frame are no later. @throws XsError */
function untilOf(given: string | undefined, after: string | undefined): { until?: string } {
  if (after === undefined) return given === undefined ? {} : { until: given };
  const end = timestampOf(after) + 1;
  const asked = given === undefined ? end : parseTime(given, "until", "utc");
  return { until: formatTime(Math.min(asked, end)) };
}
