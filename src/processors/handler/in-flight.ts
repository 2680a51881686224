import { idInLine, linesIn } from "../../core/frame.ts";
import { topicInLine } from "../../core/index-keys.ts";
import { type Place, placeOf } from "../../core/place.ts";
import type { HandlerPage } from "./handler-page.ts";

/** A worker gets no more frames once it has this many bytes of frames that are not done, */
const MAX_BYTES = 1024 * 1024;
/** or this many pages. */
const MAX_PAGES = 16;
const NOTHING = new Uint8Array();

/** The frames that a handler's worker has and that are not done. */
export class InFlight {
  #pages: HandlerPage[] = [];
  /** The places of the late frames among them, by id. */
  readonly #late = new Map<string, Place>();

  get isEmpty(): boolean {
    return this.#pages.length === 0;
  }

  add(page: HandlerPage): void {
    this.#pages.push(page);
    if (page.position === undefined) return;
    for (const id of linesIn(page.bytes).map(idInLine))
      this.#late.set(id, placeOf(id, page.position));
  }

  clear(): void {
    this.#pages = [];
    this.#late.clear();
  }

  /** The place of a frame that the worker names by its id. */
  placeOf(id: string): Place {
    return this.#late.size === 0 ? id : (this.#late.get(id) ?? id);
  }

  /**
   * Frees the memory of the pages that end at or before this place. Their frames are done and not committed, and
   * nothing can be wrong with them, so nothing asks for their ids or topics.
   */
  release(place: Place): void {
    this.#pages = this.#pages.map((page) =>
      page.last <= place ? { ...page, bytes: NOTHING } : page,
    );
  }

  /** Drops the pages that end at or before this place: their frames are done. */
  done(place: Place): void {
    while (this.#pages[0] && this.#pages[0].last <= place) this.#pages.shift();
    if (this.isEmpty) this.#late.clear();
  }

  /** Whether the worker may get more frames. @param done frames up to this place count as done */
  hasRoom(done: Place): boolean {
    let size = 0;
    let pages = 0;
    for (const page of this.#pages) {
      if (page.last <= done) continue;
      size += page.bytes.length;
      pages++;
    }
    return size < MAX_BYTES && pages < MAX_PAGES;
  }

  /** Whether a page ends at this place, and another page follows. */
  hasMoreAfter(place: Place): boolean {
    const end = this.#pages.at(-1);
    return end !== undefined && place < end.last && this.#pages.some(({ last }) => last === place);
  }

  /** The places of the frames after a place. */
  placesAfter(place: Place): Place[] {
    const all = this.#pages.flatMap(({ bytes, position }) =>
      bytes.length === 0 ? [] : linesIn(bytes).map((line) => placeOf(idInLine(line), position)),
    );
    return all.filter((each) => each > place);
  }

  /** The number of frames after a place, up to another. */
  count(after: Place, upTo: Place): number {
    return this.placesAfter(after).filter((place) => place <= upTo).length;
  }

  /** The topic of a frame; undefined where the worker does not have it. */
  topicOf(id: string): string | undefined {
    const place = this.placeOf(id);
    const page = this.#pages.find(({ last }) => last >= place);
    const line = page && linesIn(page.bytes).find((line) => idInLine(line) === id);
    return line && topicInLine(line);
  }
}
