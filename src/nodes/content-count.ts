import { stat } from "node:fs/promises";
import type { SqliteStore } from "../store/sqlite/engine.ts";

/** How long a count is shown before it is made again: at least so long, in ms, and so many times as long as it took. */
const FRESH_MS = 1000;
const FRESH_TIMES = 20;
/** How long whoever asks waits for the first count, in ms. */
const FIRST_MS = 500;

/** The contents that a node holds in files. */
export interface ContentCount {
  readonly contents: number;
  readonly bytes: number;
  /** Large contents that it has not fetched. */
  readonly elsewhere: number;
}

/** Counts the contents of a node, in the background and only when somebody asks: it looks at every file. */
export class ContentCounter {
  readonly #store: SqliteStore;
  #known: ContentCount | undefined;
  /** Until when the count is shown. */
  #fresh = Number.NEGATIVE_INFINITY;
  #counting: Promise<void> | undefined;

  constructor(store: SqliteStore) {
    this.#store = store;
  }

  /** The newest count; undefined where the first one takes longer than whoever asks can wait. */
  async count(): Promise<ContentCount | undefined> {
    if (performance.now() > this.#fresh) {
      // What cannot be counted now is tried again at the next question.
      this.#counting ??= this.#look()
        .catch(() => {})
        .finally(() => {
          this.#counting = undefined;
        });
    }
    if (this.#known === undefined && this.#counting !== undefined) {
      await Promise.race([this.#counting, Bun.sleep(FIRST_MS)]);
    }
    return this.#known;
  }

  async #look(): Promise<void> {
    const { content, replica } = this.#store;
    const { files } = content;
    const began = performance.now();
    let contents = 0;
    let bytes = 0;
    for await (const hash of files.list()) {
      // One that is freed meanwhile does not count.
      const found = await stat(files.pathOf(hash)).catch(() => undefined);
      if (!found) continue;
      contents++;
      bytes += found.size;
    }
    let elsewhere = 0;
    for (const { hash } of replica?.blobs.all() ?? []) {
      if (!(await stat(files.pathOf(hash)).catch(() => undefined))) elsewhere++;
    }
    this.#known = { contents, bytes, elsewhere };
    const now = performance.now();
    this.#fresh = now + Math.max(FRESH_MS, (now - began) * FRESH_TIMES);
  }
}
