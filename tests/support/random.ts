/** Random choices that a seed repeats (mulberry32). */
export class Random {
  #state: number;

  constructor(seed: number) {
    this.#state = seed | 0;
  }

  /** A number in [0, 1). */
  next(): number {
    this.#state = (this.#state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(this.#state ^ (this.#state >>> 15), 1 | this.#state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  }

  /** A whole number from 0 to below this one. */
  below(end: number): number {
    return Math.floor(this.next() * end);
  }

  /** True so often, of 1. */
  chance(share: number): boolean {
    return this.next() < share;
  }

  pick<T>(choices: readonly T[]): T {
    return choices[this.below(choices.length)] as T;
  }

  /** Another source, with numbers of its own. */
  fork(): Random {
    return new Random(this.below(2 ** 31));
  }
}

/** A number from the environment, for the long version of a test. */
export function setting(name: string, otherwise: number): number {
  const value = process.env[name];
  if (value === undefined || value === "") return otherwise;
  if (!/^[0-9]+$/.test(value)) throw new Error(`${name}=${value} is not a whole number`);
  return Number(value);
}

/** The seed of a run: from the environment, to do one again, or another each time. */
export function seedFrom(name: string): number {
  return setting(name, Date.now() % 2 ** 31);
}

/** Prints what a run did, with what it takes to do it again. */
export function report(command: string, lines: readonly string[]): void {
  process.stderr.write([command, ...lines].join("\n  ").concat("\n"));
}
