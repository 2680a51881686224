import { dayAndClock, duration } from "../../lib/format.ts";

/** A moment, as how far away it is, or how long ago it was. @param at RFC 3339 */
export function Moment({ at }: { at: string }) {
  const time = Date.parse(at);
  const ms = time - Date.now();
  const text = Math.abs(ms) < 1000 ? "now" : ms > 0 ? `in ${duration(ms)}` : `${duration(-ms)} ago`;
  return (
    <time dateTime={at} title={dayAndClock(time)}>
      {text}
    </time>
  );
}
