const FIRST_MS = 1000;
const MOST_MS = 60_000;
/** A program that ran so long, in ms, was healthy. */
const HEALTHY_MS = 60_000;

/** The waits between the runs of a program that keeps ending: 1 s, doubling up to a minute. */
export class Backoff {
  #next = FIRST_MS;

  /** How long to wait where what it ended of is known and does not come again: it begins anew. */
  anew(): number {
    this.#next = FIRST_MS;
    return FIRST_MS;
  }

  /** How long to wait, in ms, after a run of so many ms. */
  after(ranMs: number): number {
    const delay = ranMs >= HEALTHY_MS ? FIRST_MS : this.#next;
    this.#next = Math.min(delay * 2, MOST_MS);
    return delay;
  }
}
