import { encodeSynthetic, linesIn, pageOf, withTimestamp } from "../core/frame.ts";
import { matches } from "../core/pattern.ts";
import type { ReadOptions } from "../core/read-options.ts";
import type { LiveFeed } from "./live.ts";

/** A slice of the stored log. Bounds are exclusive ids; absent means open. */
export interface PageQuery {
  readonly above?: string | undefined;
  readonly below?: string | undefined;
  /** The scopes that the index has for each frame; undefined for all frames. */
  readonly topics?: readonly string[] | undefined;
  readonly order: "asc" | "desc";
  /** At most this many frames. */
  readonly rows: number;
  /** Includes frames that are committed and not durable yet. */
  readonly evenBeyondHorizon?: boolean;
}

/** The answer to a `PageQuery`. */
export interface Page {
  readonly rows: number;
  /** The frames as NDJSON; empty for none. */
  readonly bytes: Uint8Array;
  /** The id of the last frame in reading order; undefined without a frame. */
  readonly lastId: string | undefined;
  /** Whether more frames may follow. */
  readonly more: boolean;
}

/** The part of the store that a reader uses. */
export interface ReadSource {
  readonly live: LiveFeed;
  page(query: PageQuery): Page;
  /** The bound (exclusive) above which the newest `count` frames lie; undefined if all do. */
  boundOfLast(count: number, query: PageQuery): string | undefined;
  /** A new id from the store's sequence, below the ids of all frames that no reader has yet. */
  nextId(): string;
  /** The time that decides what has expired, in ms. */
  now(): number;
  /** Called when the read has ended. */
  closed(): void;
}

/** The size that pages aim at, and their largest and first number of rows. */
const PAGE_BYTES = 256 * 1024;
const MAX_ROWS = 2000;
const FIRST_ROWS = 100;

/**
 * A read in progress: a cursor, and never more than a page of data. The reader takes the history in pages from the
 * store. Once it has caught up, it takes the batches that all live readers share; where the feed has dropped its next
 * batch, it goes back to pages.
 */
export class Reader {
  readonly #source: ReadSource;
  readonly #options: ReadOptions;
  readonly #wanted: ReadonlySet<string> | undefined;
  /** The reader is past every frame up to this id (from this id on, where it descends). */
  #position: string | undefined;
  /** The number of the next live batch; undefined while the reader takes pages. */
  #batch: number | undefined;
  #crossed = false;
  #remaining: number;
  #rows = FIRST_ROWS;
  #nextPulse = Infinity;
  #threshold: Uint8Array | undefined;
  #closed = false;
  #stopWaiting: (() => void) | undefined;

  constructor(source: ReadSource, options: ReadOptions) {
    this.#source = source;
    this.#options = options;
    this.#wanted = options.topics && new Set(options.topics);
    this.#remaining = options.limit ?? Infinity;
    this.#position = options.after ?? (options.from && predecessor(options.from));
    if (options.tail) {
      // The history ends now, and not at the first call of `next`.
      this.#cross();
    } else if (options.last !== undefined) {
      const bound = source.boundOfLast(options.last, this.#query(options.last));
      if (bound !== undefined) this.#position = bound;
    }
  }

  /**
   * Resolves to the next frames as NDJSON, or undefined at the end. A read that follows waits here for frames. Allows
   * one call at a time.
   */
  async next(): Promise<Uint8Array | undefined> {
    while (!this.#closed && this.#remaining > 0) {
      const stored = this.#takeThreshold() ?? this.#fromStore();
      if (stored) return stored;
      if (!this.#options.follow) break;
      const live = this.#fromLive();
      if (live) return live;
      if (this.#source.live.closed) break;
      await this.#wait();
    }
    this.close();
    return undefined;
  }

  /** Ends the read; a `next` that waits resolves to undefined. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#source.closed();
    this.#stopWaiting?.();
  }

  /** Whether the read takes frames of a topic. */
  covers(topic: string): boolean {
    return matches(this.#wanted, topic);
  }

  /** The id of the last frame that the reader returned or passed over. */
  get position(): string | undefined {
    return this.#position;
  }

  /** Whether the reader has returned, or passed over, every live frame. */
  get isCaughtUp(): boolean {
    return this.#batch === this.#source.live.head;
  }

  #query(rows: number): PageQuery {
    const { topics, order } = this.#options;
    const bound = order === "asc" ? { above: this.#position } : { below: this.#position };
    return { ...bound, topics, order, rows };
  }

  #fromStore(): Uint8Array | undefined {
    if (this.#crossed && !this.#options.follow) return undefined;
    if (this.#batch !== undefined) {
      // The feed has dropped the batch: this reader is far behind, so it takes pages again.
      const { live } = this.#source;
      if (this.#batch >= live.head || live.batch(this.#batch)) return undefined;
      this.#batch = undefined;
    }
    const rows = Math.min(this.#rows, this.#remaining);
    const page = this.#source.page(this.#query(rows));
    if (page.lastId !== undefined) this.#position = page.lastId;
    this.#remaining -= page.rows;
    this.#fitPages(page);
    // The page reached the end of the log.
    if (!page.more && this.#remaining > 0) this.#cross();
    if (page.rows > 0) return this.#finish(page.bytes);
    return this.#takeThreshold();
  }

  /** Marks that the reader has caught up at this very moment: later frames are live. */
  #cross(): void {
    this.#batch = this.#source.live.head;
    if (this.#crossed) return;
    this.#crossed = true;
    if (!this.#options.follow) return;
    this.#threshold = this.#synthetic("stream.cross.threshold");
    if (this.#options.pulse) this.#nextPulse = performance.now() + this.#options.pulse;
  }

  #takeThreshold(): Uint8Array | undefined {
    const threshold = this.#threshold;
    this.#threshold = undefined;
    return threshold;
  }

  #fromLive(): Uint8Array | undefined {
    const { live } = this.#source;
    const taken: Uint8Array[] = [];
    let size = 0;
    while (this.#batch !== undefined && size < PAGE_BYTES && this.#remaining > 0) {
      const batch = live.batch(this.#batch);
      if (!batch) break;
      this.#batch++;
      this.#position = batch.lastId;
      const shared = !this.#options.topics && batch.frames.length <= this.#remaining;
      if (shared && batch.expires > this.#source.now()) {
        this.#remaining -= batch.frames.length;
        taken.push(this.#finish(batch.bytes));
      } else {
        const lines = batch.matching(this.#wanted, this.#source.now(), this.#remaining);
        if (lines.length === 0) continue;
        this.#remaining -= lines.length;
        taken.push(this.#finish(pageOf(lines)));
      }
      size += taken.at(-1)?.length ?? 0;
    }
    if (this.#remaining > 0 && this.#batch === live.head) {
      const now = performance.now();
      if (now >= this.#nextPulse) {
        taken.push(this.#synthetic("stream.cross.pulse"));
        this.#nextPulse = now + (this.#options.pulse ?? Infinity);
      }
    }
    return taken.length > 1 ? Buffer.concat(taken) : taken[0];
  }

  /** A frame that only this reader gets, such as the threshold. */
  #synthetic(topic: string): Uint8Array {
    return this.#finish(pageOf([encodeSynthetic(this.#source.nextId(), topic)]));
  }

  #finish(bytes: Uint8Array): Uint8Array {
    if (!this.#options.withTimestamp) return bytes;
    return pageOf(linesIn(bytes).map(withTimestamp));
  }

  /** Sets the rows of the next page by the last one, so that pages stay small with frames of any size. */
  #fitPages(page: Page): void {
    if (page.rows === 0) return;
    const fitting = Math.floor((PAGE_BYTES * page.rows) / page.bytes.length);
    this.#rows = Math.max(1, Math.min(fitting, this.#rows * 4, MAX_ROWS));
  }

  #wait(): Promise<void> {
    return this.#source.live.wait(this.#nextPulse - performance.now(), (stop) => {
      this.#stopWaiting = stop;
    });
  }
}

/** The greatest text below an id that sorts above every smaller id: ids all have 25 digits. */
function predecessor(id: string): string {
  return id.slice(0, -1) + String.fromCharCode(id.charCodeAt(24) - 1);
}
