import { quoted, XsError } from "./error.ts";

/** The time zone of a date without an offset: the local one of this process, or UTC. */
export type Zone = "local" | "utc";

/** The forms of a duration, for messages and help texts. */
export const DURATION_FORMS = "90s, 15m, 12h, 7d or 4w";

/** The units of a duration, in ms. */
const UNITS: Readonly<Record<string, number>> = {
  s: 1000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
  w: 7 * 86_400_000,
};

/** Parses a duration: `90s`, `15m`, `12h`, `7d`, `4w`. Returns it in ms; undefined for any other text. */
export function parseDuration(text: string): number | undefined {
  const [, digits, unit = ""] = /^([0-9]{1,15})([smhdw])$/.exec(text) ?? [];
  const ms = Number(digits) * (UNITS[unit] ?? Number.NaN);
  return Number.isSafeInteger(ms) ? ms : undefined;
}

/** Writes a duration of whole seconds as {@link parseDuration} takes it, in days at most: `30d`. @param ms above 0 */
export function formatDuration(ms: number): string {
  const unit = ["d", "h", "m"].find((each) => ms % (UNITS[each] ?? 1) === 0) ?? "s";
  return `${ms / (UNITS[unit] ?? 1)}${unit}`;
}

/** Parses an age: a duration, or a number of ms. Returns it in ms. @throws XsError `bad_option` */
export function parseAge(text: string, name: string): number {
  const age = /^[0-9]{1,15}$/.test(text) ? Number(text) : parseDuration(text);
  if (age !== undefined) return age;
  throw new XsError(
    "bad_option",
    `the option ${quoted(name)} is an age, like ${DURATION_FORMS}, or a number of milliseconds, and not ${quoted(text)}`,
  );
}

// A year of six digits is what JavaScript writes after the year 9999, and ids may be of those years.
const FORM =
  /^(?:\d{4}|\+\d{6})-\d\d-\d\d(?:[Tt ]\d\d:\d\d(?::[0-5]\d(?:\.\d{1,9})?)?(?<offset>[Zz]|[+-]\d\d:\d\d)?)?$/;

/**
 * Parses a date (its first moment), or a date and time as in RFC 3339, with optional seconds and offset.
 * Returns milliseconds since 1970, a fraction of one rounded up; undefined if the text is neither.
 */
export function parseMoment(text: string, zone: Zone): number | undefined {
  const found = FORM.exec(text);
  if (!found) return undefined;
  try {
    const instant = found.groups?.offset
      ? Temporal.Instant.from(text)
      : Temporal.PlainDateTime.from(text)
          .toZonedDateTime(zone === "utc" ? "UTC" : Temporal.Now.timeZoneId())
          .toInstant();
    return instant.round({ smallestUnit: "millisecond", roundingMode: "ceil" }).epochMilliseconds;
  } catch {
    // There is no such day, hour or offset.
    return undefined;
  }
}

/** The last time that an id can hold, in ms since 1970: a day in the year 10889. */
const LAST_MS = 2 ** 48 - 1;

/**
 * Parses a bound in time: a date, a date and time, or an age, which counts back from now. Returns milliseconds since
 * 1970 that an id can hold: a time before or after all of these becomes the first or the last of them.
 *
 * @param name of the option
 * @param now in ms since 1970
 * @throws XsError `bad_option`
 */
export function parseTime(text: string, name: string, zone: Zone, now = Date.now()): number {
  const age = parseDuration(text);
  const time = age === undefined ? parseMoment(text, zone) : now - age;
  if (time !== undefined) return Math.max(0, Math.min(time, LAST_MS));
  throw new XsError(
    "bad_option",
    `${name}=${quoted(text)} is neither a date (2026-12-24), a time (2026-12-24T18:00Z) nor an age (${DURATION_FORMS})${hintFor(text)}`,
  );
}

function hintFor(text: string): string {
  if (/^[0-9]+$/.test(text)) return `: a number needs a unit, like ${quoted("90s")}`;
  if (/:\d\d[\d:.]* \d\d:\d\d$/.test(text)) return ": in a URL the + of an offset is %2B";
  return FORM.test(text) ? ": there is no such day, hour or offset" : "";
}

/** The text of a time, in RFC 3339: the inverse of {@link parseTime}. */
export function formatTime(ms: number): string {
  return new Date(ms).toISOString();
}
