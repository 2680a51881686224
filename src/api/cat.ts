import { XsError } from "../core/error.ts";
import { idInLine } from "../core/frame.ts";
import { parseId } from "../core/id.ts";
import {
  parseCount,
  parseFollow,
  parseReadOptions,
  READ_ALL,
  type ReadOptions,
} from "../core/read-options.ts";
import { parseTopicFilter } from "../core/topic.ts";
import type { Call } from "./call.ts";
import { checkCrowd } from "./crowd.ts";
import { frameResponse } from "./get.ts";
import { linesResponse, wantsEvents } from "./line-response.ts";
import { isOn, onlyOptions } from "./query.ts";

/** Reads the stream, or one topic of it. */
export function readStream(topic?: string) {
  return (call: Call): Response => {
    const pairs = [...call.url.searchParams];
    if (topic !== undefined) {
      if (call.url.searchParams.has("topic")) {
        throw new XsError("bad_option", "the topic is in the path already: leave topic= out");
      }
      pairs.push(["topic", topic]);
    }
    return readResponse(call, parseReadOptions(resume(call, pairs)));
  };
}

/** The first or the last frame, or several, of the stream or of a topic. */
export function readEnd(end: "first" | "last", name?: string) {
  return (call: Call): Response | Promise<Response> => {
    const topics = name === undefined ? undefined : parseTopicFilter(name);
    const known = ["last", "limit", "with-timestamp", ...(end === "last" ? ["follow"] : [])];
    const query = onlyOptions(call.url, known);
    if (query.has("last") && query.has("limit")) {
      throw new XsError("bad_option", "last and limit mean the same here: give one");
    }
    const options = { ...READ_ALL, ...(topics && { topics }) };
    const given = query.get("last") ?? query.get("limit");
    const followed = parseFollow(query.get("follow"));
    if (given === null && !followed.follow) {
      return single(call, { ...options, order: end === "first" ? "asc" : "desc" });
    }
    const count = given === null ? 1 : parseCount(given, query.has("last") ? "last" : "limit");
    const withTimestamp = isOn(query, "with-timestamp");
    const { follow, pulse } = followed;
    return readResponse(call, {
      ...options,
      ...(end === "first" ? { limit: count } : { last: count, follow, ...(pulse && { pulse }) }),
      withTimestamp,
    });
  };
}

async function single({ store, url }: Call, options: ReadOptions): Promise<Response> {
  // Below and above every id.
  const edge = options.order === "asc" ? "" : "~";
  const direction = options.order === "asc" ? "next" : "previous";
  // With a `last:` ttl what took the place of another frame may be about to be durable.
  const line = await store.newestDurable(edge, direction, options.topics);
  if (line === undefined) {
    throw new XsError("not_found", `there is no frame ${options.topics ? "of this topic" : "yet"}`);
  }
  return frameResponse(line, isOn(url.searchParams, "with-timestamp"));
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

function readResponse(call: Call, options: ReadOptions): Response {
  if (options.follow) checkCrowd(call);
  return linesResponse(call, () => call.store.read(options), idInLine);
}
