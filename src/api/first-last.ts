import { XsError } from "../core/error.ts";
import { idBoundsOf } from "../core/id-bounds.ts";
import { parseTopicFilter } from "../core/pattern.ts";
import {
  checkCombination,
  parseCount,
  parseFollow,
  READ_ALL,
  type ReadOptions,
} from "../core/read-options.ts";
import { parseTime } from "../core/time.ts";
import type { Call } from "./call.ts";
import { FRAME_OPTIONS, readFrameResponse } from "./frame.ts";
import { readResponse } from "./line-response.ts";
import { text, type Values, value } from "./options.ts";

const parseUtc = (text: string, name: string) => parseTime(text, name, "utc");

export const FIRST_OPTIONS = {
  last: value("return this many frames", "count", parseCount),
  limit: value("the same as last", "count", parseCount),
  since: value("only frames of this time or later", "time", parseUtc),
  until: value("only frames from before this time", "time", parseUtc),
  ...FRAME_OPTIONS,
};
export const LAST_OPTIONS = { ...FIRST_OPTIONS, follow: text("stay live", "follow") };

type Given = Values<typeof FIRST_OPTIONS> & { readonly follow?: string | undefined };

/** Makes the route that returns the first or last frame, or several, of the stream or of topics. */
export function readEnd(end: "first" | "last") {
  return (call: Call, given: Given, topic: string): Response | Promise<Response> => {
    const { last, limit, since, until } = given;
    const { "with-timestamp": withTimestamp, content: withContent } = given;
    const topics = topic === "" ? undefined : parseTopicFilter(topic);
    if (last !== undefined && limit !== undefined) {
      throw new XsError("bad_option", "last and limit mean the same here: give one");
    }
    const count = last ?? limit;
    const { follow, pulse } = parseFollow(given.follow ?? null);
    const options = checkCombination({
      ...READ_ALL,
      ...(topics && { topics }),
      ...(since !== undefined && { since }),
      ...(until !== undefined && { until }),
      follow,
    });
    if (count === undefined && !follow) {
      const order = end === "first" ? "asc" : "desc";
      return single(call, { ...options, order, withTimestamp, withContent });
    }
    return readResponse(call, {
      ...options,
      ...(end === "first" ? { limit: count ?? 1 } : { last: count ?? 1, ...(pulse && { pulse }) }),
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
  const bounds = idBoundsOf(options);
  const line = await store.newestDurable(edge, direction, options.topics, bounds);
  if (line === undefined) {
    const where = options.topics ? "of this topic" : bounds ? "in the stream" : "yet";
    throw new XsError(
      "not_found",
      `there is no frame ${where}${bounds ? " between these times" : ""}`,
    );
  }
  const { withTimestamp, withContent: content = false } = options;
  return readFrameResponse(store, line, { "with-timestamp": withTimestamp, content });
}
