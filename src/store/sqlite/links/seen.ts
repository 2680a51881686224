const BITS = 4096;

/** A set of the numbers of rows: a bit for each, so that a million take little memory. */
export class Seen {
  readonly #blocks = new Map<number, Uint32Array>();

  /** Adds a number. Returns false where it was there. */
  add(seq: number): boolean {
    const block = Math.floor(seq / BITS);
    let words = this.#blocks.get(block);
    if (!words) {
      words = new Uint32Array(BITS / 32);
      this.#blocks.set(block, words);
    }
    const at = seq - block * BITS;
    const bit = 1 << (at & 31);
    const word = words[at >> 5] as number;
    if ((word & bit) !== 0) return false;
    words[at >> 5] = word | bit;
    return true;
  }
}
