import { XsError } from "../core/error.ts";
import { MAX_SMALL_CONTENT } from "../store/content.ts";
import type { StoreSnapshot } from "../store/snapshot.ts";
import type { Store } from "../store/store.ts";

/** The most contents that are opened at once: each waits for the disk. */
const MAX_OPENED_AT_ONCE = 32;
/** An export lists at most this many problems. */
const MAX_PROBLEMS = 10_000;

/** Content on its way into a tar; `size` in bytes. */
export interface ContentEntry {
  readonly hash: string;
  readonly size: number;
  readonly chunks: AsyncIterable<Uint8Array> | Iterable<Uint8Array>;
}

/** The content of an export. It omits damaged and missing content, and lists it as problems. */
export class ExportedContent {
  readonly #store: Store;
  readonly #snapshot: StoreSnapshot;
  readonly #problems = new Map<string, string>();

  constructor(store: Store, snapshot: StoreSnapshot) {
    this.#store = store;
    this.#snapshot = snapshot;
  }

  /** Passes pages of frames on unchanged, and notes which content they name that is missing. */
  *watched(pages: Iterable<Uint8Array>): Generator<Uint8Array> {
    for (const page of pages) {
      const text = Buffer.from(page.buffer, page.byteOffset, page.length).toString("latin1");
      // JSON escapes no character before the hash, and a line begins only at a frame.
      const frames = /^\{"topic":"[^"]*","id":"([^"]*)","hash":"([^"]*)"/gm;
      for (const [, id, hash = ""] of text.matchAll(frames)) {
        if (this.#store.content.sizeOf(hash) !== undefined) continue;
        this.#problem(hash, `the content ${hash} of the frame ${id} is missing`);
      }
      yield page;
    }
  }

  /** All undamaged content, each once, in the order of its hexadecimal digits. */
  async *all(): AsyncGenerator<ContentEntry> {
    let next: string[] = [];
    for await (const hash of this.#snapshot.contents()) {
      next.push(hash);
      if (next.length < MAX_OPENED_AT_ONCE) continue;
      yield* await this.#openAll(next);
      next = [];
    }
    yield* await this.#openAll(next);
  }

  /** A JSON line for each omitted content. */
  problemLines(): Uint8Array {
    const lines = [...this.#problems].map(([hash, problem]) => JSON.stringify({ hash, problem }));
    if (lines.length === MAX_PROBLEMS) {
      const problem = "there may be more: xs verify names them all";
      lines.push(JSON.stringify({ hash: null, problem }));
    }
    return Buffer.from(lines.map((line) => `${line}\n`).join(""));
  }

  async #openAll(hashes: readonly string[]): Promise<ContentEntry[]> {
    const opened = await Promise.all(hashes.map((hash) => this.#open(hash)));
    return opened.filter((content) => content !== undefined);
  }

  async #open(hash: string): Promise<ContentEntry | undefined> {
    try {
      const content = await this.#store.content.open(hash);
      if (!content) throw new Error(`the content ${hash} is missing`);
      const { size } = content;
      return {
        hash,
        size,
        chunks: size > MAX_SMALL_CONTENT ? content.stream() : [await content.bytes()],
      };
    } catch (error) {
      // All that is not here would be missing.
      if (error instanceof XsError && error.code === "journal_unreachable") throw error;
      // One unreadable content must not stop the export of the others.
      this.#problem(hash, (error as Error).message);
      return undefined;
    }
  }

  #problem(hash: string, problem: string): void {
    if (this.#problems.size < MAX_PROBLEMS) this.#problems.set(hash, problem);
  }
}
