/** A value of the k/v store as bytes; undefined where the key was deleted. */
export type WrittenValue = { readonly bytes: Uint8Array; readonly type: string } | undefined;

/** What a frame wrote to a key. */
interface Written {
  readonly id: string;
  readonly value: WrittenValue;
  /** What a frame that is done had written there before: it holds again if this one fails. */
  readonly before: Written | undefined;
}

/** The entries that a handler has written and the server has not committed: reads of a script see them. */
export class Overlay {
  readonly #written = new Map<string, Written>();

  /** What stands at a key; undefined where nothing is written there that is not committed. */
  get(key: string): { readonly value: WrittenValue } | undefined {
    return this.#written.get(key);
  }

  /**
   * Notes what a frame writes.
   *
   * @param done the last frame that is done
   */
  set(id: string, key: string, value: WrittenValue, done: string): void {
    const known = this.#written.get(key);
    const before = known && known.id <= done ? known : known?.before;
    this.#written.set(key, { id, value, before: before && { ...before, before: undefined } });
  }

  /** What frames up to an id wrote is the store's by now. */
  committed(id: string): void {
    for (const [key, written] of this.#written) if (written.id <= id) this.#written.delete(key);
  }

  /** Nothing is kept of what a frame wrote. */
  forget(id: string): void {
    for (const [key, written] of this.#written) {
      if (written.id !== id) continue;
      if (written.before) this.#written.set(key, written.before);
      else this.#written.delete(key);
    }
  }
}
