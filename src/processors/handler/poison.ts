/** Deaths of a process in a row that count as a failure on the frame it had. */
const DEATHS = 3;

/**
 * Finds the frame that the process of a handler dies of. It has many frames at once, so after a death
 * those are handed over one by one.
 */
export class Poison {
  /** The frames that were with the process at each of the last deaths. */
  #suspects: ReadonlySet<string> = new Set();
  #deaths = 0;
  #suspectUpTo = "";

  /** Whether a frame is to be handed over alone. */
  isSuspect(id: string): boolean {
    return id <= this.#suspectUpTo;
  }

  /** Whether there are such frames after an id. */
  isAfter(id: string): boolean {
    return id < this.#suspectUpTo;
  }

  /** Frames up to an id are handed over one by one from now on. False where they were before. */
  suspect(upTo: string): boolean {
    if (upTo <= this.#suspectUpTo) return false;
    this.#suspectUpTo = upTo;
    return true;
  }

  /**
   * A process has died, with these frames.
   *
   * @param ids in order
   * @returns the frame that it has died of, once that is known
   */
  died(ids: readonly string[]): string | undefined {
    const last = ids.at(-1);
    // It died of itself.
    if (last === undefined) return undefined;
    this.suspect(last);
    const again = ids.filter((id) => this.#suspects.has(id));
    this.#deaths = again.length > 0 ? this.#deaths + 1 : 1;
    this.#suspects = new Set(again.length > 0 ? again : ids);
    if (this.#deaths < DEATHS) return undefined;
    this.#deaths = 0;
    this.#suspects = new Set();
    // A program that says late what is done has several even so; the first of them is the likeliest.
    return again[0];
  }
}
