const FIRST_MS = 1000;
const MAX_MS = 60_000;
/** A program that ran for this time was healthy. */
const HEALTHY_MS = 60_000;

/** The waits between the runs of a program that keeps ending: 1 s, doubling up to a minute. */
export class Backoff {
  #next = FIRST_MS;

  /** Begins the series again, and returns the first wait, in ms: the cause of the end is known and does not recur. */
  anew(): number {
    this.#next = FIRST_MS;
    return FIRST_MS;
  }

  /** The next wait, in ms. @param ranMs how long the program ran */
  after(ranMs: number): number {
    const delay = ranMs >= HEALTHY_MS ? FIRST_MS : this.#next;
    this.#next = Math.min(delay * 2, MAX_MS);
    return delay;
  }
}
