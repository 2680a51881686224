const FIRST_MS = 1000;
const MAX_MS = 60_000;
/** A program that ran for this time was healthy. */
const HEALTHY_MS = 60_000;

/** The wait before the nth attempt after the first, in ms: 1 s, doubling up to a minute. */
export function waitBefore(nth: number): number {
  return Math.min(FIRST_MS * 2 ** (nth - 1), MAX_MS);
}

/** The waits between the runs of a program that keeps ending: 1 s, doubling up to a minute. */
export class Backoff {
  #nth = 1;

  /** Begins the series again, and returns the first wait, in ms: the cause of the end is known and does not recur. */
  anew(): number {
    this.#nth = 1;
    return waitBefore(1);
  }

  /** The next wait, in ms. @param ranMs how long the program ran */
  after(ranMs: number): number {
    if (ranMs >= HEALTHY_MS) this.#nth = 1;
    return waitBefore(this.#nth++);
  }
}
