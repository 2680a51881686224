import type { Client } from "../../../client/client.ts";
import { XsError } from "../../../core/error.ts";
import { parseId } from "../../../core/id.ts";
import { Collector } from "../collect.ts";
import { FRAME_SCHEMA, type FrameView } from "../frame-view.ts";
import { READS, type Tool, type ToolCall, UNTRUSTED } from "../tool.ts";
import { type Trace, traced } from "../trace.ts";
import { frameAt, LIMIT_ARGUMENT } from "./read.ts";

const DIRECTIONS = ["causes", "effects"] as const;

const STEP_SCHEMA = {
  ...FRAME_SCHEMA,
  properties: {
    ...FRAME_SCHEMA.properties,
    depth: { type: "integer", description: "how many steps away it is" },
  },
} as const;

export const whyTool: Tool = {
  name: "why",
  title: "Causes and effects",
  description: `Tells why a frame is there: its causes (the frames that it came of, up to the root) and its effects (those that came of it), nearest first, with depth in steps. Frames name one another in their meta: frame_id, request_id, spawn_id, handler_id, chunk.of. If causes_next or effects_next is there, there are more: call again with that direction, and after set to it. ${UNTRUSTED}
Examples: {"id":"03hadtdyn9s2dxl5soli9q9dz"}; {"id":"03hadtdyn9s2dxl5soli9q9dz","direction":"effects"}`,
  inputSchema: {
    type: "object",
    properties: {
      id: { type: "string", description: "the frame, by its id" },
      direction: { type: "string", enum: DIRECTIONS, description: "only these. Default: both" },
      after: { type: "string", description: "with direction: go on behind the frame with this id" },
      limit: LIMIT_ARGUMENT,
    },
    required: ["id"],
    additionalProperties: false,
  },
  outputSchema: {
    type: "object",
    properties: {
      frame: FRAME_SCHEMA,
      causes: { type: "array", items: STEP_SCHEMA },
      causes_next: { type: "string", description: "there are more causes: the id for after" },
      effects: { type: "array", items: STEP_SCHEMA },
      effects_next: { type: "string", description: "there are more effects: the id for after" },
    },
    required: ["frame"],
  },
  annotations: READS,
  async run({ id: given, direction, after: from, limit }, call) {
    const id = parseId(String(given));
    const after = from === undefined ? undefined : parseId(String(from));
    if (after !== undefined && direction === undefined) {
      throw new XsError(
        "bad_option",
        "after goes on with one direction: add it, causes or effects",
      );
    }
    return call.store.use(async (client) => {
      const answer: Record<string, unknown> = { frame: await frameAt(client, call, id) };
      for (const each of DIRECTIONS) {
        if (direction !== undefined && direction !== each) continue;
        const { frames, next } = await steps(
          client,
          call,
          { id, after, direction: each },
          Number(limit),
        );
        answer[each] = frames;
        if (next !== undefined) answer[`${each}_next`] = next;
      }
      return answer;
    });
  },
};

async function steps(
  client: Client,
  { bounds, signal }: ToolCall,
  trace: Trace,
  most: number,
): Promise<{ frames: readonly FrameView[]; next: string | undefined }> {
  const collector = new Collector(most, 1 / DIRECTIONS.length);
  for await (const { line, depth } of traced(client, trace, bounds, signal)) {
    if (collector.isFull) return { frames: collector.frames, next: collector.last };
    collector.add(line, { depth });
  }
  return { frames: collector.frames, next: undefined };
}
