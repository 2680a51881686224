import type { AppendTimes } from "../../nodes.ts";

/** The limits of the buckets, in seconds. */
const LIMITS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, Infinity];

/** Counts how long appends to the journal take. */
export class AppendTally {
  #seconds = 0;
  #count = 0;
  #last: number | undefined;
  readonly #buckets = LIMITS.map(() => 0);

  /** @param ms how long one took */
  add(ms: number): void {
    const seconds = ms / 1000;
    this.#count++;
    this.#seconds += seconds;
    this.#last = seconds;
    const at = LIMITS.findIndex((limit) => seconds <= limit);
    this.#buckets[at] = (this.#buckets[at] ?? 0) + 1;
  }

  get times(): AppendTimes {
    return {
      count: this.#count,
      seconds: this.#seconds,
      last: this.#last,
      buckets: this.#buckets.map((count, at) => ({ upTo: LIMITS[at] ?? Infinity, count })),
    };
  }
}
