import { idInLine, linesIn } from "../../core/frame.ts";
import type { HandlerPage } from "./own-output.ts";

/** Bytes of frames that may be with the worker and not done. */
const MOST_BYTES = 1024 * 1024;
/** Pages of them. */
const MOST_PAGES = 16;

/** The frames that are with the worker of a handler and not done. */
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

  /** Everything up to this id is done. */
  done(id: string): void {
    while (this.#pages[0] && this.#pages[0].lastId <= id) this.#pages.shift();
  }

  /** Whether more may be handed over, where everything up to an id is as good as done. */
  hasRoom(done: string): boolean {
    let size = 0;
    let pages = 0;
    for (const page of this.#pages) {
      if (page.lastId <= done) continue;
      size += page.bytes.length;
      pages++;
    }
    return size < MOST_BYTES && pages < MOST_PAGES;
  }

  /** Whether an id is the end of a page, and others come after it. */
  hasMoreAfter(id: string): boolean {
    const last = this.#pages.at(-1);
    return (
      last !== undefined && id < last.lastId && this.#pages.some(({ lastId }) => lastId === id)
    );
  }

  /** The ids after one. */
  idsAfter(id: string): string[] {
    const all = this.#pages.flatMap(({ bytes }) => linesIn(bytes).map(idInLine));
    return all.filter((each) => each > id);
  }

  /** How many there are after an id, up to another. */
  count(after: string, upTo: string): number {
    return this.idsAfter(after).filter((id) => id <= upTo).length;
  }

  /** The topic of a frame; undefined where it is not here. */
  topicOf(id: string): string | undefined {
    const page = this.#pages.find(({ lastId }) => lastId >= id);
    const line = page && linesIn(page.bytes).find((line) => idInLine(line) === id);
    return line && (JSON.parse(line) as { topic: string }).topic;
  }
}
