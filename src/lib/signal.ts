/** A condition that many can wait for: one call wakes them all. */
export class Signal {
  #next = Promise.withResolvers<void>();

  /** Resolves at the next {@link wake}. */
  wait(): Promise<void> {
    return this.#next.promise;
  }

  wake(): void {
    this.#next.resolve();
    this.#next = Promise.withResolvers();
  }
}
