import { momentIn } from "./when.ts";

/** Twice the time, around the same middle; up to now where that is later. */
export function widened(
  since: string,
  until: string,
  now = Date.now(),
): { since: string | undefined; until: string | undefined; at: undefined } {
  const last = momentIn(until, now) ?? now;
  const first = momentIn(since, now);
  // Without a begin the time is as wide as can be: what can grow is its end.
  if (first === undefined) return { since: undefined, until: undefined, at: undefined };
  const half = Math.max(500, (last - first) / 2);
  const end = until === "" || last + half >= now ? undefined : new Date(last + half).toISOString();
  const begin = end === undefined ? first - 2 * half : first - half;
  return { since: new Date(Math.max(0, begin)).toISOString(), until: end, at: undefined };
}
