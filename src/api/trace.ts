import { idInLine } from "../core/frame.ts";
import { parseId } from "../core/id.ts";
import { parseCount } from "../core/read-options.ts";
import type { LineReader } from "../store/frame-reader.ts";
import { InlineReader } from "../store/inline-reader.ts";
import type { TraceDirection } from "../store/trace.ts";
import type { Call } from "./call.ts";
import { FRAME_OPTIONS, findFrame, missingFrame } from "./frame.ts";
import { linesResponse } from "./line-response.ts";
import { flag, type Values, value } from "./options.ts";

export const TRACE_OPTIONS = {
  limit: value("end after this many frames", "count", parseCount),
  after: value("go on behind this frame, in the same order", "id", parseId),
  depth: value("only frames at most this many steps away", "count", parseCount),
  "with-depth": flag("adds to each frame how many steps away it is"),
  ...FRAME_OPTIONS,
};

/** Makes the route that returns what a frame came of, or what came of it: nearest first, each frame once. */
export function trace(direction: TraceDirection) {
  return async (
    call: Call,
    options: Values<typeof TRACE_OPTIONS>,
    name: string,
  ): Promise<Response> => {
    const { store, request } = call;
    const id = idInLine(findFrame(store, name));
    if (request.method === "HEAD") return linesResponse(call, () => NOTHING, idInLine);
    const { limit, after, depth, content } = options;
    const reader = await store.trace(id, direction, {
      limit,
      after,
      depth,
      withTimestamp: options["with-timestamp"],
      withDepth: options["with-depth"],
    });
    // It may have gone meanwhile.
    if (!reader) throw missingFrame(id);
    const frames = content ? new InlineReader(reader, store.content) : reader;
    return linesResponse(call, () => frames, idInLine);
  };
}

const NOTHING: LineReader = { next: async () => undefined, close() {} };
