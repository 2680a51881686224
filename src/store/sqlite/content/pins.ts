/** Large content whose frame is not committed yet: the collector keeps it. */
export class Pins {
  readonly #counts = new Map<string, number>();

  add(hash: string): void {
    this.#counts.set(hash, (this.#counts.get(hash) ?? 0) + 1);
  }

  /** Ends one {@link add}. */
  drop(hash: string): void {
    const count = this.#counts.get(hash) ?? 0;
    if (count > 1) this.#counts.set(hash, count - 1);
    else this.#counts.delete(hash);
  }

  has(hash: string): boolean {
    return this.#counts.has(hash);
  }
}
