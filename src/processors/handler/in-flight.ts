import { idInLine, linesIn } from "../../core/frame.ts";
import { topicInLine } from "../../core/index-keys.ts";
import type { HandlerPage } from "./own-output.ts";

/** A worker gets no more frames once it has this many bytes of frames that are not done, */
const MAX_BYTES = 1024 * 1024;
/** or this many pages. */
const MAX_PAGES = 16;
const NOTHING = new Uint8Array();

/** The frames that a handler's worker has and that are not done. */
export class InFlight {
  #pages: HandlerPage[] = [];

  get isEmpty(): boolean {
    return this.#pages.length === 0;
  }

  add(page: HandlerPage): void {
    this.#pages.push(page);
  }

  clear(): void {
    this.#pages = [];
  }

  /**
   * Frees the memory of the pages that end at or before this id. Their frames are done and not committed, and nothing
   * can be wrong with them, so nothing asks for their ids or topics.
   */
  release(id: string): void {
    this.#pages = this.#pages.map((page) =>
      page.lastId <= id ? { bytes: NOTHING, lastId: page.lastId } : page,
    );
  }

  /** Drops the pages that end at or before this id: their frames are done. */
  done(id: string): void {
    while (this.#pages[0] && this.#pages[0].lastId <= id) this.#pages.shift();
  }

  /** Whether the worker may get more frames. @param done frames up to this id count as done */
  hasRoom(done: string): boolean {
    let size = 0;
    let pages = 0;
    for (const page of this.#pages) {
      if (page.lastId <= done) continue;
      size += page.bytes.length;
      pages++;
    }
    return size < MAX_BYTES && pages < MAX_PAGES;
  }

  /** Whether a page ends at this id, and another page follows. */
  hasMoreAfter(id: string): boolean {
    const last = this.#pages.at(-1);
    return (
      last !== undefined && id < last.lastId && this.#pages.some(({ lastId }) => lastId === id)
    );
  }

  /** The ids of the frames after an id. */
  idsAfter(id: string): string[] {
    const all = this.#pages.flatMap(({ bytes }) => linesIn(bytes).map(idInLine));
    return all.filter((each) => each > id);
  }

  /** The number of frames after an id, up to another id. */
  count(after: string, upTo: string): number {
    return this.idsAfter(after).filter((id) => id <= upTo).length;
  }

  /** The topic of a frame; undefined where the worker does not have it. */
  topicOf(id: string): string | undefined {
    const page = this.#pages.find(({ lastId }) => lastId >= id);
    const line = page && linesIn(page.bytes).find((line) => idInLine(line) === id);
    return line && topicInLine(line);
  }
}
