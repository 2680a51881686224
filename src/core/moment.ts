/** The time zone of a date without an offset: the local one of this process, or UTC. */
export type Zone = "local" | "utc";

const FORM =
  /^\d{4}-\d\d-\d\d(?:[Tt ]\d\d:\d\d(?::[0-5]\d(?:\.\d{1,9})?)?(?<offset>[Zz]|[+-]\d\d:\d\d)?)?$/;

/**
 * Parses a date (its first moment), or a date and time as in RFC 3339, with optional seconds and offset.
 * Returns milliseconds since 1970; undefined if the text is neither.
 */
export function parseMoment(text: string, zone: Zone): number | undefined {
  const found = FORM.exec(text);
  if (!found) return undefined;
  try {
    if (found.groups?.offset) return Temporal.Instant.from(text).epochMilliseconds;
    const place = zone === "utc" ? "UTC" : Temporal.Now.timeZoneId();
    return Temporal.PlainDateTime.from(text).toZonedDateTime(place).epochMilliseconds;
  } catch {
    // There is no such day, hour or offset.
    return undefined;
  }
}
