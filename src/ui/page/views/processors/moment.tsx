import { dayAndClock, duration } from "../../lib/format.ts";

/** A moment to come, as how far away it is. @param at RFC 3339 */
export function Until({ at }: { at: string }) {
  const ms = Date.parse(at) - Date.now();
  return (
    <time dateTime={at} title={dayAndClock(Date.parse(at))}>
      {ms > 0 ? `in ${duration(ms)}` : "now"}
    </time>
  );
}

/** A moment that has passed, as how long ago it was. @param at RFC 3339 */
export function Ago({ at }: { at: string }) {
  const ms = Date.now() - Date.parse(at);
  return (
    <time dateTime={at} title={dayAndClock(Date.parse(at))}>
      {ms < 1000 ? "just now" : `${duration(ms)} ago`}
    </time>
  );
}
