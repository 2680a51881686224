import { XsError } from "../core/error.ts";
import { idInLine } from "../core/frame.ts";
import { timestampOf } from "../core/id.ts";
import { parseTopicFilter } from "../core/pattern.ts";
import { checkCombination, READ_ALL } from "../core/read-options.ts";
import { parseTime } from "../core/time.ts";
import type { Call } from "./call.ts";
import { uncachedJson } from "./json-response.ts";
import { type Values, value } from "./options.ts";

const DEFAULT_STEPS = 100;
const MAX_STEPS = 1000;

const time = (text: string, name: string) => parseTime(text, name, "utc");

/** The options of `GET /-/histogram`. */
export const HISTOGRAM_OPTIONS = {
  topic: value("only these topics", "topics", (text) => ({ patterns: parseTopicFilter(text) })),
  since: value("from this time on; else from the oldest frame", "time", time),
  until: value("before this time; else now", "time", time),
  steps: value(`how many parts that time has, at most ${MAX_STEPS}`, "steps", parseSteps),
};

/**
 * Responds with how many frames each part of a time has: `{since, step, counts}`, the times in ms.
 *
 * @throws XsError `bad_option` where the time ends before it begins
 */
export async function histogram(
  { store, request }: Call,
  { topic, steps = DEFAULT_STEPS, ...given }: Values<typeof HISTOGRAM_OPTIONS>,
): Promise<Response> {
  const topics = topic?.patterns;
  const { since: low, until: high } = given;
  if (low !== undefined && high !== undefined) {
    checkCombination({ ...READ_ALL, since: low, until: high });
  }
  const since = given.since ?? (await oldest(store, topics));
  const until = Math.max(given.until ?? Date.now() + 1, since + 1);
  const step = Math.max(1, Math.ceil((until - since) / steps));
  const range = { topics, since, step, steps: Math.ceil((until - since) / step) };
  const counts = await store.histogram(range, request.signal);
  // What is counted must not be lost any more.
  await store.whenDurable();
  return uncachedJson({ since, step, counts });
}

/** The time of the oldest frame; now, where there is none. */
async function oldest(
  store: Call["store"],
  topics: readonly string[] | undefined,
): Promise<number> {
  const line = await store.newestDurable("", "next", topics);
  return line === undefined ? Date.now() : timestampOf(idInLine(line));
}

function parseSteps(text: string, name: string): number {
  const steps = /^[0-9]{1,4}$/.test(text) ? Number(text) : 0;
  if (steps >= 1 && steps <= MAX_STEPS) return steps;
  throw new XsError("bad_option", `${name} is a whole number from 1 to ${MAX_STEPS}`);
}
