import { XsError } from "../core/error.ts";
import { parseId } from "../core/id.ts";
import { parseReadOptions } from "../core/read-options.ts";
import type { Call } from "./call.ts";
import { type Options, text } from "./options.ts";
import { readResponse } from "./read-response.ts";
import { wantsEvents } from "./sse.ts";

/** The options of a read. `parseReadOptions` takes them as they stand, as their order counts. */
export const READ_OPTIONS: Options = {
  "last-id": text("start after this id; in a descending read, below it"),
  after: text("the same as last-id"),
  from: text("start at this id"),
  tail: text("skip history"),
  new: text("the same as tail"),
  follow: text("stay live; a number is a heartbeat every so many ms"),
  limit: text("end after so many frames"),
  last: text("only the newest so many"),
  topic: { ...text("a pattern, or a list of them"), isList: true },
  order: text("asc, or desc for the newest first"),
  "with-timestamp": text("adds the time of each frame, from its id"),
};

/** Reads the stream. */
export function cat(call: Call): Response {
  return read(call, [...call.url.searchParams]);
}

/** Reads one topic of the stream, or several. */
export function catTopic(call: Call, _: object, topic: string): Response {
  if (call.url.searchParams.has("topic")) {
    throw new XsError("bad_option", "the topic is in the path already: leave topic= out");
  }
  return read(call, [...call.url.searchParams, ["topic", topic]]);
}

function read(call: Call, pairs: [string, string][]): Response {
  return readResponse(call, parseReadOptions(resume(call, pairs)));
}

/** `Last-Event-ID`, as an EventSource sends it when it connects again, means `last-id`. */
function resume({ request, url }: Call, pairs: [string, string][]): [string, string][] {
  const id = wantsEvents(request) ? request.headers.get("last-event-id") : null;
  if (!id) return pairs;
  const replaced = new Set(["last-id", "after", "from", "tail", "new", "last"]);
  // The address of an EventSource stays the same, so what it says of the start is done with.
  if (!url.searchParams.has("follow")) return [...pairs, ["last-id", parseId(id)]];
  return [...pairs.filter(([key]) => !replaced.has(key)), ["last-id", parseId(id)]];
}
