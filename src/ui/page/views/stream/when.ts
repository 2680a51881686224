import { DURATION_FORMS, parseDuration } from "../../../../core/time.ts";
import { day } from "../../lib/format.ts";

const LOCAL = /^(\d{4})-(\d\d)-(\d\d)(?:[T ](\d\d):(\d\d)(?::(\d\d)(?:\.(\d{1,3})\d*)?)?)?$/;
const WITH_OFFSET = /^\d{4,6}-\d\d-\d\d[T ]\d\d:\d\d(?::\d\d(?:\.\d+)?)?(?:Z|[+-]\d\d:\d\d)$/i;
const CLOCK = /^\d\d?:\d\d(:\d\d(\.\d+)?)?$/;

/** A time that a person wrote: as the API takes it, or what is wrong with it. */
export type When = { readonly value: string } | { readonly problem: string };

/**
 * Reads what a person writes for a bound in time: an age, a date, a date and a time, a time of today, `today` or
 * `yesterday`. Without an offset it is the person's own time. An age stays one, all others become RFC 3339 in UTC; an
 * empty text stays empty.
 *
 * @param now in ms since 1970
 */
export function parseWhen(text: string, now = Date.now()): When {
  const given = text.trim();
  if (given === "" || parseDuration(given) !== undefined) return { value: given };
  const ms = momentOf(given.toLowerCase(), now);
  if (ms !== undefined && !Number.isNaN(ms)) return { value: new Date(ms).toISOString() };
  const unit = /^\d+$/.test(given) ? `; a number needs a unit, like "${given}m"` : "";
  const isNone = ms !== undefined ? ": there is no such day or hour" : "";
  return {
    problem: `"${given}" is neither an age (${DURATION_FORMS}), a time of today (18:00) nor a date (${day(now)}, ${day(now)} 18:00)${unit}${isNone}`,
  };
}

/** A bound in time that a person wrote, as the API takes it; what is none stays, to be mended. */
export function timeIn(text: string): string {
  const when = parseWhen(text);
  return "value" in when ? when.value : text;
}

/** Shows a bound in time, as {@link parseWhen} takes it: in the person's own time, without the day where it is today. */
export function showWhen(value: string, now = Date.now()): string {
  if (!WITH_OFFSET.test(value)) return value;
  const date = new Date(value);
  if (Number.isNaN(date.getTime())) return value;
  const two = (n: number) => String(n).padStart(2, "0");
  const clock = `${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}`;
  const ms = String(date.getMilliseconds()).padStart(3, "0");
  const short = `${clock}.${ms}`.replace(/\.000$/, "").replace(/^(\d\d:\d\d):00$/, "$1");
  if (day(date.getTime()) === day(now)) return short;
  return `${day(date.getTime())} ${short}`.replace(/ 00:00$/, "");
}

/** The moment of a bound, in ms since 1970; undefined for none. @param value as {@link parseWhen} returns it */
export function momentIn(value: string, now = Date.now()): number | undefined {
  if (value === "") return undefined;
  const age = parseDuration(value);
  return age === undefined ? Date.parse(value) : now - age;
}

/** In ms since 1970; NaN for a day or hour that there is not; undefined for what is no moment. */
function momentOf(text: string, now: number): number | undefined {
  if (WITH_OFFSET.test(text)) return Date.parse(text.replace(" ", "t").toUpperCase());
  if (text === "now") return now;
  if (text === "today") return dayBefore(now, 0);
  if (text === "yesterday") return dayBefore(now, 1);
  const ofToday = CLOCK.test(text) && `${day(now)} ${text.replace(/^\d:/, "0$&")}`;
  const found = LOCAL.exec((ofToday || text).replace("t", " "));
  if (!found) return undefined;
  const [year, month, date, hour, minute, second] = found
    .slice(1, 7)
    .map((part) => Number(part ?? 0));
  const ms = Number((found[7] ?? "0").padEnd(3, "0"));
  const moment = new Date(year ?? 0, (month ?? 1) - 1, date, hour, minute, second, ms);
  const isSame =
    moment.getMonth() + 1 === month &&
    moment.getDate() === date &&
    (hour ?? 0) < 24 &&
    (minute ?? 0) < 60 &&
    (second ?? 0) < 60;
  return isSame ? moment.getTime() : Number.NaN;
}

function dayBefore(now: number, days: number): number {
  const date = new Date(now);
  return new Date(date.getFullYear(), date.getMonth(), date.getDate() - days).getTime();
}
