import { parseId } from "../core/id.ts";
import { parseReadOptions } from "../core/read-options.ts";
import { parseDuration } from "../core/time.ts";
import type { Call } from "./call.ts";
import { INLINE } from "./frame.ts";
import { readResponse } from "./line-response.ts";
import { type Options, text } from "./options.ts";
import { wantsEvents } from "./sse.ts";

/** The options of a read, as texts: `parseReadOptions` parses them together, in their order. */
export const READ_OPTIONS: Options = {
  "last-id": text("start after this id; in a descending read, below it", "id"),
  after: text("the same as last-id", "id"),
  from: text("start at this id", "id"),
  since: text("only frames of this time or later: a date, RFC 3339, or an age like 15m", "time"),
  until: text("only frames from before this time", "time"),
  tail: text("skip history", "flag"),
  new: text("the same as tail", "flag"),
  follow: text("stay live; a number is the interval of a heartbeat in ms", "follow"),
  wait: text(
    "where history has nothing, wait this many ms for the first frame, then end",
    "milliseconds",
  ),
  limit: text("end after this many frames", "count"),
  last: text("only this many of the newest frames", "count"),
  topic: { ...text("a pattern, or a list of them", "topics"), isList: true },
  order: text("asc, or desc for the newest first", "order"),
  "with-timestamp": text("adds the time of each frame, from its id", "flag"),
  content: text(INLINE.about, INLINE.type),
};

const { topic: _, ...withoutTopic } = READ_OPTIONS;
/** The options of a read of the topic in the path. */
export const TOPIC_READ_OPTIONS: Options = withoutTopic;

/** Reads the stream. */
export function cat(call: Call): Response {
  return read(call, [...call.url.searchParams]);
}

/** Reads the topic in the path, or several of them. */
export function catTopic(call: Call, _: object, topic: string): Response {
  return read(call, [...call.url.searchParams, ["topic", topic]]);
}

function read(call: Call, params: [string, string][]): Response {
  return readResponse(call, parseReadOptions(resume(call, params)));
}

/** Turns `Last-Event-ID`, which an EventSource sends when it reconnects, into `last-id`. */
function resume({ request, url }: Call, params: [string, string][]): [string, string][] {
  const id = wantsEvents(request) ? request.headers.get("last-event-id") : null;
  if (!id) return params;
  const resumed: [string, string] = ["last-id", parseId(id)];
  const { searchParams } = url;
  if (!searchParams.has("follow") && !searchParams.has("wait")) return [...params, resumed];
  // An EventSource reconnects to the same URL, whose options for the start no longer apply.
  const replaced = new Set(["last-id", "after", "from", "tail", "new", "last"]);
  // An age would now count back from a later time, and skip frames that came meanwhile.
  const isAge = parseDuration(searchParams.get("since") ?? "") !== undefined;
  if (isAge) replaced.add("since");
  return [...params.filter(([key]) => !replaced.has(key)), resumed];
}
