import { idInLine, linesIn, pageOf } from "../core/frame.ts";
import { topicInLine } from "../core/index-keys.ts";
import { READ_ALL, type ReadOptions } from "../core/read-options.ts";
import { nextTurn } from "../lib/next-turn.ts";
import type { FrameReader } from "../store/frame-reader.ts";
import type { Store } from "../store/store.ts";

const SYNTHETIC = new Set(["stream.cross.threshold", "stream.cross.pulse"]);

/**
 * A read that leaves frames out whose topics no pattern can leave out. What counts frames, or depends on whether there
 * are any, counts those that are left: `limit`, `last` and `wait`.
 */
export class SelectedReader implements FrameReader {
  readonly #store: Store;
  readonly #options: ReadOptions;
  readonly #isWanted: (topic: string) => boolean;
  #reader: FrameReader | undefined;
  #left: number;
  #hasReturned = false;
  /** Of a read that waits: the history is at its end. */
  #hasCrossed = false;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #closed = false;

  constructor(store: Store, options: ReadOptions, isWanted: (topic: string) => boolean) {
    this.#store = store;
    this.#options = options;
    this.#isWanted = isWanted;
    this.#left = options.limit ?? Number.POSITIVE_INFINITY;
    // The history of a read of the newest begins where a search finds them.
    if (!options.last) this.#reader = this.#open(options.last === 0 ? { tail: true } : {});
  }

  async next(): Promise<Uint8Array | undefined> {
    this.#reader ??= await this.#openLast(this.#options.last ?? 0);
    while (this.#left > 0 && !this.#closed && !this.#hasWaited()) {
      const page = await this.#reader.next();
      if (!page) break;
      const lines = this.#selected(linesIn(page));
      if (lines.length > 0) return pageOf(lines);
      await nextTurn();
    }
    this.close();
    return undefined;
  }

  close(): void {
    this.#closed = true;
    clearTimeout(this.#timer);
    this.#reader?.close();
  }

  get position(): string | undefined {
    return this.#reader?.position;
  }

  get isCaughtUp(): boolean {
    return this.#reader?.isCaughtUp ?? false;
  }

  #selected(lines: readonly string[]): string[] {
    const { wait } = this.#options;
    const selected: string[] = [];
    for (const line of lines) {
      const topic = topicInLine(line);
      if (SYNTHETIC.has(topic)) {
        if (wait === undefined) selected.push(line);
        else this.#cross(wait);
      } else if (this.#left > 0 && this.#isWanted(topic)) {
        selected.push(line);
        this.#left--;
        this.#hasReturned = true;
      }
    }
    return selected;
  }

  #cross(wait: number): void {
    this.#hasCrossed = true;
    if (!this.#hasReturned) this.#timer = setTimeout(() => this.close(), wait);
  }

  #hasWaited(): boolean {
    return this.#hasCrossed && this.#hasReturned;
  }

  #open(start: Pick<Partial<ReadOptions>, "tail" | "from">): FrameReader {
    const { limit: _, last: __, wait, after, ...options } = this.#options;
    const place = after === undefined || start.from !== undefined ? {} : { after };
    const follow = options.follow || wait !== undefined;
    return this.#store.read({ ...options, ...place, ...start, follow });
  }

  /** Opens the read at the first of the newest frames. */
  async #openLast(last: number): Promise<FrameReader> {
    const { after, from = "" } = this.#options;
    const start = await this.#startOfLast(last);
    return this.#open(start === undefined || start <= (after ?? from) ? {} : { from: start });
  }

  /** The id of the last of the newest frames; undefined where there are no more than these. */
  async #startOfLast(last: number): Promise<string | undefined> {
    const { topics, since, until } = this.#options;
    const reader = this.#store.read({
      ...READ_ALL,
      ...(topics && { topics }),
      ...(since !== undefined && { since }),
      ...(until !== undefined && { until }),
      order: "desc",
    });
    let left = last;
    try {
      for (let page = await reader.next(); page; page = await reader.next()) {
        for (const line of linesIn(page)) {
          if (this.#isWanted(topicInLine(line)) && --left === 0) return idInLine(line);
        }
        await nextTurn();
      }
      return undefined;
    } finally {
      reader.close();
    }
  }
}
