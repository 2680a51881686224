/** After this many deaths in a row with the same frame, the handler has failed on that frame. */
const MAX_DEATHS = 3;

/**
 * Finds the frame on which the process of a handler dies. The process has many frames at once, so after a death the
 * next process gets them one by one.
 */
export class Poison {
  /** The frames that the process had at each of the last deaths. */
  #suspects: ReadonlySet<string> = new Set();
  #deaths = 0;
  #suspectUpTo = "";

  /** Whether the process must get this frame alone. */
  isSuspect(id: string): boolean {
    return id <= this.#suspectUpTo;
  }

  /** Whether there may be such frames after an id. */
  isAfter(id: string): boolean {
    return id < this.#suspectUpTo;
  }

  /** Makes the process get frames up to an id one by one from now on. Returns false where it did so already. */
  suspect(upTo: string): boolean {
    if (upTo <= this.#suspectUpTo) return false;
    this.#suspectUpTo = upTo;
    return true;
  }

  /**
   * Notes that a process has died.
   *
   * @param ids the frames that it had, in order
   * @returns the frame on which it has died, once that is known
   */
  died(ids: readonly string[]): string | undefined {
    const last = ids.at(-1);
    // It had no frame, so no frame is the reason.
    if (last === undefined) return undefined;
    this.suspect(last);
    const again = ids.filter((id) => this.#suspects.has(id));
    this.#deaths = again.length > 0 ? this.#deaths + 1 : 1;
    this.#suspects = new Set(again.length > 0 ? again : ids);
    if (this.#deaths < MAX_DEATHS) return undefined;
    this.#deaths = 0;
    this.#suspects = new Set();
    // A program that reports late what is done still has several frames; the first of them is the likeliest.
    return again[0];
  }
}
