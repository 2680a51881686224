const CLOCK = new Intl.DateTimeFormat(undefined, {
  hour: "2-digit",
  minute: "2-digit",
  second: "2-digit",
  fractionalSecondDigits: 3,
  hourCycle: "h23",
});
const DAY = new Intl.DateTimeFormat("en-CA", { year: "numeric", month: "2-digit", day: "2-digit" });
const NUMBER = new Intl.NumberFormat("en-US");

/** A local time of day, `14:03:22.123`. @param ms since 1970 */
export function clock(ms: number): string {
  return CLOCK.format(ms);
}

/** A local day, `2026-11-26`. */
export function day(ms: number): string {
  return DAY.format(ms);
}

/** A local day and time. */
export function dayAndClock(ms: number): string {
  return `${day(ms)} ${clock(ms)}`;
}

/** A count, `1,234,567`. */
export function count(n: number): string {
  return NUMBER.format(n);
}

/** A count with its noun, `1 frame`, `2 frames`. */
export function plural(n: number, one: string): string {
  return `${count(n)} ${one}${n === 1 ? "" : "s"}`;
}

/** A size, `512 B`, `1.2 kB`, `3.4 MB`. */
export function size(bytes: number): string {
  if (bytes < 1000) return `${bytes} B`;
  const units = ["kB", "MB", "GB", "TB"];
  const power = Math.min(Math.floor(Math.log10(bytes) / 3), units.length);
  return `${(bytes / 1000 ** power).toPrecision(3)} ${units[power - 1]}`;
}

/** A duration in short, `450 ms`, `12 s`, `3 m`, `5 h`, `2 d`. */
export function duration(ms: number): string {
  if (ms < 1000) return `${Math.round(ms)} ms`;
  if (ms < 60_000) return `${Math.round(ms / 1000)} s`;
  if (ms < 3_600_000) return `${Math.round(ms / 60_000)} m`;
  if (ms < 86_400_000) return `${Math.round(ms / 3_600_000)} h`;
  return `${Math.round(ms / 86_400_000)} d`;
}
