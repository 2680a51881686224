import { XsError } from "../core/error.ts";
import { parseTopicFilter } from "../core/pattern.ts";
import { parseCount, parseFollow, READ_ALL, type ReadOptions } from "../core/read-options.ts";
import type { Call } from "./call.ts";
import { FRAME_OPTIONS, readFrameResponse } from "./frame.ts";
import { readResponse } from "./line-response.ts";
import { text, type Values, value } from "./options.ts";

export const FIRST_OPTIONS = {
  last: value("return this many frames", parseCount),
  limit: value("the same as last", parseCount),
  ...FRAME_OPTIONS,
};
export const LAST_OPTIONS = { ...FIRST_OPTIONS, follow: text("stay live") };

type Given = Values<typeof FIRST_OPTIONS> & { readonly follow?: string | undefined };

/** Makes the route that returns the first or last frame, or several, of the stream or of topics. */
export function readEnd(end: "first" | "last") {
  return (call: Call, given: Given, topic: string): Response | Promise<Response> => {
    const { last, limit, "with-timestamp": withTimestamp, content: withContent } = given;
    const topics = topic === "" ? undefined : parseTopicFilter(topic);
    if (last !== undefined && limit !== undefined) {
      throw new XsError("bad_option", "last and limit mean the same here: give one");
    }
    const options = { ...READ_ALL, ...(topics && { topics }) };
    const count = last ?? limit;
    const { follow, pulse } = parseFollow(given.follow ?? null);
    if (count === undefined && !follow) {
      const order = end === "first" ? "asc" : "desc";
      return single(call, { ...options, order, withTimestamp, withContent });
    }
    return readResponse(call, {
      ...options,
      ...(end === "first"
        ? { limit: count ?? 1 }
        : { last: count ?? 1, follow, ...(pulse && { pulse }) }),
      withTimestamp,
      withContent,
    });
  };
}

async function single({ store }: Call, options: ReadOptions): Promise<Response> {
  // "" is below every id, "~" above.
  const edge = options.order === "asc" ? "" : "~";
  const direction = options.order === "asc" ? "next" : "previous";
  // With a `last:` ttl, a frame that replaces another one may not be durable yet, so this waits for it.
  const line = await store.newestDurable(edge, direction, options.topics);
  if (line === undefined) {
    throw new XsError("not_found", `there is no frame ${options.topics ? "of this topic" : "yet"}`);
  }
  const { withTimestamp, withContent: content = false } = options;
  return readFrameResponse(store, line, { "with-timestamp": withTimestamp, content });
}
