/** A point of a line: when, in seconds since 1970, and how far behind, in ms; null where nobody looked. */
export type LagPoint = readonly [at: number, ms: number | null];

/** How far a processor was behind, over time. */
export type Lag = readonly LagPoint[];

/** How long nobody looked, in seconds, before the line has a gap. */
const GAP = 15;
/** The shortest time that the chart shows, in seconds. */
const SHORTEST = 120;

/** Adds a point at the end, with a gap before it where nobody looked for long. @param most points that are kept */
export function addPoint(lag: LagPoint[], at: number, ms: number, most: number): void {
  const before = lag.at(-1);
  // The clock was set back: what comes is no part of this line.
  if (before && at < before[0]) lag.length = 0;
  else if (before && at - before[0] > GAP) lag.push([before[0] + 1, null]);
  lag.push([at, ms]);
  if (lag.length > most) lag.splice(0, lag.length - most);
}

/** The times that the chart shows, in seconds: all points, and two minutes at least. @param now in seconds */
export function rangeOf(lag: Lag, now: number): [from: number, to: number] {
  const to = lag.at(-1)?.[0] ?? now;
  return [Math.min(lag[0]?.[0] ?? to, to - SHORTEST), to];
}

/** The path of the line: it is not drawn where nobody looked. */
export function lineOf(lag: Lag, xOf: (at: number) => number, yOf: (ms: number) => number): string {
  let isOn = false;
  return lag
    .map(([at, ms]) => {
      const step = isOn ? "L" : "M";
      isOn = ms !== null;
      return ms === null ? "" : `${step}${xOf(at).toFixed(1)} ${yOf(ms).toFixed(1)}`;
    })
    .join("");
}
