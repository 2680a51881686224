/** The time zone of a date without an offset: the local one of this process, or UTC. */
export type Zone = "local" | "utc";

const FORM =
  /^(\d{4})-(\d\d)-(\d\d)(?:[Tt ](\d\d):(\d\d)(?::(\d\d)(?:\.(\d{1,9}))?)?(Z|z|[+-]\d\d:\d\d)?)?$/;

/**
 * Parses a date (its first moment), or a date and time as in RFC 3339, with optional seconds and offset.
 * Returns milliseconds since 1970; undefined if the text is neither.
 */
export function parseMoment(text: string, zone: Zone): number | undefined {
  const found = FORM.exec(text);
  if (!found) return undefined;
  const part = (index: number) => Number(found[index] ?? 0);
  const [year, month, day, hour, minute, second] = [1, 2, 3, 4, 5, 6].map(part) as [
    number,
    number,
    number,
    number,
    number,
    number,
  ];
  const ms = Math.trunc(Number(`0.${found[7] ?? 0}`) * 1000);
  const utc = new Date(Date.UTC(year, month - 1, day, hour, minute, second, ms));
  // A Date turns the 30th of February into the 2nd of March, and 24:00 or a leap second into the next day.
  const isReal =
    utc.getUTCFullYear() === year &&
    utc.getUTCMonth() === month - 1 &&
    utc.getUTCDate() === day &&
    utc.getUTCHours() === hour &&
    utc.getUTCMinutes() === minute &&
    utc.getUTCSeconds() === second;
  if (!isReal) return undefined;
  const offset = found[8];
  if (offset === undefined && zone === "local") {
    return new Date(year, month - 1, day, hour, minute, second, ms).getTime();
  }
  if (offset === undefined || /^z$/i.test(offset)) return utc.getTime();
  const [hours, minutes] = [Number(offset.slice(1, 3)), Number(offset.slice(4))];
  if (hours > 23 || minutes > 59) return undefined;
  const shift = (hours * 60 + minutes) * 60_000;
  return utc.getTime() - (offset.startsWith("-") ? -shift : shift);
}
