import { dayAndClock } from "./format.ts";

const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

/** The steps of an axis of time that a person reads with ease, in ms. */
const STEPS = [
  ...[1, 2, 5, 10, 20, 50, 100, 200, 500],
  ...[1, 2, 5, 10, 15, 30].map((n) => n * SECOND),
  ...[1, 2, 5, 10, 15, 30].map((n) => n * MINUTE),
  ...[1, 2, 3, 6, 12].map((n) => n * HOUR),
  ...[1, 2, 7, 14, 30, 91, 182, 365, 730, 3650, 36_500].map((n) => n * DAY),
];

/** A moment of an axis, in ms since 1970, and its label. */
export interface Tick {
  readonly ms: number;
  readonly label: string;
}

/** The labels of an axis of time. A label has the day where the label before is of another day. @param most labels */
export function ticksOf(since: number, until: number, most: number): Tick[] {
  const step = STEPS.find((each) => (until - since) / each <= most) ?? until - since;
  // Steps of hours and days begin where the person's own day does.
  const zone = -new Date(since).getTimezoneOffset() * MINUTE;
  const ticks: Tick[] = [];
  let dayBefore = "";
  for (let ms = Math.ceil((since + zone) / step) * step - zone; ms < until; ms += step) {
    const text = dayAndClock(ms);
    const day = text.slice(0, 10);
    ticks.push({ ms, label: labelOf(text, step, day !== dayBefore) });
    dayBefore = day;
  }
  return ticks;
}

function labelOf(text: string, step: number, isNewDay: boolean): string {
  if (step >= 91 * DAY) return text.slice(0, 7);
  if (step >= DAY) return text.slice(5, 10);
  const clock = text.slice(11, step >= MINUTE ? 16 : step >= SECOND ? 19 : 23);
  return isNewDay ? `${text.slice(5, 10)} ${clock}` : clock;
}
