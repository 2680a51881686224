import type { Place } from "../../core/place.ts";

/** After this many deaths in a row with the same frame, the handler has failed on that frame. */
const MAX_DEATHS = 3;

/**
 * Finds the frame on which the process of a handler dies. The process has many frames at once, so after a death the
 * next process gets them one by one.
 */
export class Poison {
  /** The frames that the process had at each of the last deaths. */
  #suspects: ReadonlySet<Place> = new Set();
  #deaths = 0;
  #suspectUpTo: Place = "";

  /** Whether the process must get this frame alone. */
  isSuspect(place: Place): boolean {
    return place <= this.#suspectUpTo;
  }

  /** Whether there may be such frames after a place. */
  isAfter(place: Place): boolean {
    return place < this.#suspectUpTo;
  }

  /** Makes the process get frames up to a place one by one from now on. Returns false where it did so already. */
  suspect(upTo: Place): boolean {
    if (upTo <= this.#suspectUpTo) return false;
    this.#suspectUpTo = upTo;
    return true;
  }

  /**
   * Notes that a process has died.
   *
   * @param places the frames that it had, in order
   * @returns the frame on which it has died, once that is known
   */
  died(places: readonly Place[]): Place | undefined {
    const last = places.at(-1);
    // It had no frame, so no frame is the reason.
    if (last === undefined) return undefined;
    this.suspect(last);
    const again = places.filter((place) => this.#suspects.has(place));
    this.#deaths = again.length > 0 ? this.#deaths + 1 : 1;
    this.#suspects = new Set(again.length > 0 ? again : places);
    if (this.#deaths < MAX_DEATHS) return undefined;
    this.#deaths = 0;
    this.#suspects = new Set();
    // A program that reports late what is done still has several frames; the first of them is the likeliest.
    return again[0];
  }
}
