/** Tells times as a person reads them: in the time zone of this machine, with a date only where it is needed. */
export class Clock {
  #day: string | undefined;

  /**
   * The time of one of several events in turn, `14:03:22`; with the date, `2026-11-25 14:03:22`, where that is not
   * today's or not that of the event before.
   *
   * @param ms since 1970
   */
  stamp(ms: number, now = Date.now()): string {
    const day = dayOf(new Date(ms));
    const isPlain = day === dayOf(new Date(now)) && (this.#day ?? day) === day;
    this.#day = day;
    return isPlain ? timeOf(new Date(ms)) : `${day} ${timeOf(new Date(ms))}`;
  }
}

/**
 * A time to come: `in 42 s` or `in 5 min` within the hour, then `14:30`, and with the date, `2026-11-25 14:30`, where
 * that is not today's. @param ms since 1970
 */
export function untilTime(ms: number, now = Date.now()): string {
  const seconds = Math.round((ms - now) / 1000);
  if (seconds < 1) return "now";
  if (seconds < 60) return `in ${seconds} s`;
  if (seconds < 3600) return `in ${Math.floor(seconds / 60)} min`;
  const date = new Date(ms);
  const time = timeOf(date).slice(0, 5);
  return dayOf(date) === dayOf(new Date(now)) ? time : `${dayOf(date)} ${time}`;
}

/** A time that has passed: `now`, `42 s ago`, `5 min ago`, `3 h ago`, `12 d ago`; from 60 days on its date. @param ms since 1970 */
export function agoText(ms: number, now = Date.now()): string {
  const seconds = Math.floor((now - ms) / 1000);
  if (seconds < 1) return "now";
  if (seconds < 60) return `${seconds} s ago`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min ago`;
  const hours = Math.floor(seconds / 3600);
  if (hours < 48) return `${hours} h ago`;
  const days = Math.floor(hours / 24);
  return days < 60 ? `${days} d ago` : dayOf(new Date(ms));
}

/** A local time in full: `2026-11-25 14:03:22.123 +01:00`. @param ms since 1970 */
export function fullTime(ms: number): string {
  const date = new Date(ms);
  const offset = -date.getTimezoneOffset();
  const minutes = Math.abs(offset);
  const zone = `${offset < 0 ? "-" : "+"}${two(Math.floor(minutes / 60))}:${two(minutes % 60)}`;
  const fraction = String(date.getMilliseconds()).padStart(3, "0");
  return `${dayOf(date)} ${timeOf(date)}.${fraction} ${zone}`;
}

function dayOf(date: Date): string {
  return `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}`;
}

function timeOf(date: Date): string {
  return [date.getHours(), date.getMinutes(), date.getSeconds()].map(two).join(":");
}

function two(value: number): string {
  return String(value).padStart(2, "0");
}

/** A distance in time: `+12 ms`, `-3 min`. @param ms below 0 for what is before */
export function distance(ms: number): string {
  const sign = ms < 0 ? "-" : "+";
  const size = Math.abs(ms);
  if (size < 1000) return `${sign}${size} ms`;
  if (size < 9950) return `${sign}${(size / 1000).toFixed(1)} s`;
  const [unit, length] = UNITS.find(([, length]) => size < 100 * length) ??
    UNITS.at(-1) ?? ["d", 1];
  return `${sign}${Math.round(size / length)} ${unit}`;
}

const UNITS: readonly (readonly [unit: string, ms: number])[] = [
  ["s", 1000],
  ["min", 60_000],
  ["h", 3_600_000],
  ["d", 86_400_000],
];
