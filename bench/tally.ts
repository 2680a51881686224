/** Counts what followers got, and tells when it is as much as wished. */
export class Tally {
  #count = 0;
  #wanted = Infinity;
  #reached: () => void = () => {};

  add(count: number): void {
    this.#count += count;
    if (this.#count >= this.#wanted) this.#reached();
  }

  async reach(count: number): Promise<void> {
    if (this.#count >= count) return;
    this.#wanted = count;
    await new Promise<void>((resolve) => {
      this.#reached = resolve;
    });
  }
}
