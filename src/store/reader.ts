import { encodeSynthetic, linesIn, pageOf, withTimestamp } from "../core/frame.ts";
import { predecessor, successor } from "../core/id.ts";
import { type IdBounds, idBoundsOf } from "../core/id-bounds.ts";
import { TopicFilter } from "../core/pattern.ts";
import type { ReadOptions } from "../core/read-options.ts";
import { nextTurn } from "../lib/next-turn.ts";
import type { FrameReader } from "./frame-reader.ts";
import type { Cursor, Ends, Page, PageQuery, ReadSource } from "./read-source.ts";

/** The size that pages aim at, and their largest and first number of rows. */
const PAGE_BYTES = 256 * 1024;
const MAX_ROWS = 2000;
const FIRST_ROWS = 100;

/**
 * A read in progress: a cursor, and never more than a page of data. The reader takes the history in pages from the
 * store. Once it has caught up, it takes the batches that all live readers share; where the feed has dropped its next
 * batch, it goes back to pages.
 *
 * A reader that follows goes by arrival, so that late frames are not behind it. Only its history is in the order of
 * ids, if there are late frames in it and nothing else is asked for. A reader that waits is one that ends early: after
 * the history, if that has anything, else after the first frames that come.
 */
export class Reader implements FrameReader {
  readonly #source: ReadSource;
  readonly #options: ReadOptions;
  readonly #wanted: TopicFilter | undefined;
  readonly #bounds: IdBounds | undefined;
  /** Whether live frames may come after the history. */
  readonly #isLive: boolean;
  #order: PageQuery["order"];
  /** The reader is past every frame up to this place. */
  #cursor: Cursor | undefined;
  /** The history in the order of ids ends here, and is followed by what arrived after it. */
  #history: { readonly ends: Ends; readonly end: Cursor } | undefined;
  /** The position of the frames that `next` returned last, if they arrived late. */
  #position: string | undefined;
  /**
   * The id after which the reader goes on, while that is beyond all that this store has: another node of the store gave
   * it, and this one is behind. What arrives up to there is not for the reader, which has it.
   */
  #ahead: string | undefined;
  /** The number of the next live batch; undefined while the reader takes pages. */
  #batch: number | undefined;
  #crossed = false;
  #remaining: number;
  #rows = FIRST_ROWS;
  #nextPulse = Infinity;
  /** A reader that waits does so up to this moment. */
  #waitEnds = Infinity;
  #hasReturned = false;
  #threshold: Uint8Array | undefined;
  #closed = false;
  #stopWaiting: (() => void) | undefined;
  /** The last page had no frames, and more may follow. */
  #isSearching = false;

  constructor(source: ReadSource, options: ReadOptions) {
    this.#source = source;
    this.#options = options;
    this.#wanted = options.topics && new TopicFilter(options.topics);
    this.#remaining = options.limit ?? Infinity;
    this.#bounds = idBoundsOf(options);
    const { after, from, order } = options;
    const isLive = options.follow || options.wait !== undefined;
    const byArrival = order === "arrival" || (isLive && (after !== undefined || !source.hasLate));
    this.#isLive = isLive;
    this.#order = byArrival ? "arrival" : order;
    if (isLive && !byArrival) this.#history = { ends: source.ends(), end: source.end() };
    if (after !== undefined) this.#cursor = byArrival ? this.#placeOf(after) : { id: after };
    if (isLive && after !== undefined && this.#cursor?.position === undefined) {
      if (after > source.end().id) this.#ahead = after;
    } else if (from !== undefined) {
      // By arrival, late frames come before the one that reports them, whose id is their position.
      const position = byArrival ? (source.placeOf(from).position ?? from) : undefined;
      this.#cursor = { id: predecessor(from), ...(position !== undefined && { position }) };
    }
    if (options.tail) {
      // The history ends now, and not at the first call of `next`.
      this.#cursor = source.end();
      this.#history = undefined;
      this.#cross();
    } else if (options.last !== undefined) {
      const query = this.#query(options.last);
      const bound = source.boundOfLast(options.last, { ...query, after: undefined });
      const newest = options.last === 0 ? source.end() : bound;
      if (newest && newest.id > (this.#cursor?.id ?? "")) this.#cursor = newest;
    }
  }

  #placeOf(id: string): Cursor {
    const { position } = this.#options;
    if (position === undefined) return this.#source.placeOf(id);
    return position === id ? { id } : { id, position };
  }

  async next(): Promise<Uint8Array | undefined> {
    while (!this.#closed && this.#remaining > 0) {
      const stored = this.#takeThreshold() ?? this.#fromStore();
      if (stored) return stored;
      if (this.#isSearching) {
        // The log is long and has little of what is wanted: the server's other work goes on meanwhile.
        await nextTurn();
        continue;
      }
      if (!this.#isLive || this.#hasWaited()) break;
      const live = this.#fromLive();
      if (live) return live;
      if (this.#source.live.closed) break;
      await this.#wait();
    }
    this.close();
    return undefined;
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#source.closed();
    this.#stopWaiting?.();
  }

  /** Whether the read takes frames of a topic. */
  covers(topic: string): boolean {
    return this.#wanted?.takes(topic) ?? true;
  }

  /** The id of the last frame that the reader returned or passed over. */
  get lastId(): string | undefined {
    return this.#cursor?.id;
  }

  get position(): string | undefined {
    return this.#position;
  }

  /** Whether the reader has returned, or passed over, every live frame. */
  get isCaughtUp(): boolean {
    return this.#batch === this.#source.live.head;
  }

  #query(rows: number): PageQuery {
    const { topics } = this.#options;
    const ends = this.#history?.ends;
    const bounds = this.#bounds;
    return { after: this.#cursor, topics, order: this.#order, rows, bounds, ...(ends && { ends }) };
  }

  #fromStore(): Uint8Array | undefined {
    if (this.#crossed && !this.#isLive) return undefined;
    if (this.#batch !== undefined) {
      // The feed has dropped the batch: this reader is far behind, so it takes pages again.
      const { live } = this.#source;
      if (this.#batch >= live.head || live.batch(this.#batch)) return undefined;
      this.#batch = undefined;
      this.#order = "arrival";
    }
    const rows = Math.min(this.#rows, this.#remaining);
    const page = this.#source.page(this.#query(rows));
    this.#cursor = page.cursor ?? this.#cursor;
    this.#position = page.position;
    this.#remaining -= page.rows;
    this.#hasReturned ||= page.rows > 0;
    this.#fitPages(page);
    this.#isSearching = page.rows === 0 && page.more;
    // The page reached the end of the log.
    if (!page.more && this.#remaining > 0) {
      if (this.#history) this.#goByArrival(this.#history.end);
      else this.#cross();
    }
    if (page.rows > 0) return this.#finish(page.bytes);
    return this.#takeThreshold();
  }

  /** Goes on, after the history in the order of ids, with what arrived since then. */
  #goByArrival(from: Cursor): void {
    this.#history = undefined;
    this.#order = "arrival";
    this.#cursor = from;
    this.#isSearching = true;
  }

  /** Marks that the reader has caught up at this very moment: later frames are live. */
  #cross(): void {
    this.#batch = this.#source.live.head;
    if (this.#crossed) return;
    this.#crossed = true;
    const { follow, wait } = this.#options;
    if (wait !== undefined) this.#waitEnds = performance.now() + wait;
    if (!follow) return;
    this.#threshold = this.#synthetic("stream.cross.threshold");
    if (this.#options.pulse) this.#nextPulse = performance.now() + this.#options.pulse;
  }

  /** Whether a reader that waits is at its end. */
  #hasWaited(): boolean {
    if (this.#options.follow) return false;
    return this.#hasReturned || performance.now() >= this.#waitEnds;
  }

  #takeThreshold(): Uint8Array | undefined {
    const threshold = this.#threshold;
    if (threshold) this.#position = undefined;
    this.#threshold = undefined;
    return threshold;
  }

  #fromLive(): Uint8Array | undefined {
    const { live } = this.#source;
    const taken: Uint8Array[] = [];
    let size = 0;
    while (this.#batch !== undefined && size < PAGE_BYTES && this.#remaining > 0) {
      const batch = live.batch(this.#batch);
      if (!batch || (taken.length > 0 && batch.position !== this.#position)) break;
      this.#batch++;
      const { lastId: id, position } = batch;
      if (this.#ahead !== undefined && (position ?? id) <= this.#ahead) continue;
      this.#position = position;
      this.#cursor = position === undefined ? { id } : { id, position };
      const from = this.#lowestOf(batch);
      const isInBounds = from === undefined || batch.firstId >= from;
      const shared = isInBounds && !this.#options.topics && batch.frames.length <= this.#remaining;
      if (shared && batch.expires > this.#source.now()) {
        this.#remaining -= batch.frames.length;
        taken.push(this.#finish(batch.bytes));
      } else {
        const lines = batch.matching(this.#wanted, this.#source.now(), this.#remaining, from);
        if (lines.length === 0) continue;
        this.#remaining -= lines.length;
        taken.push(this.#finish(pageOf(lines)));
      }
      this.#hasReturned = true;
      if (!this.#options.follow) break;
      size += taken.at(-1)?.length ?? 0;
    }
    if (this.#remaining > 0 && this.#batch === live.head) {
      const now = performance.now();
      // A pulse is not late, so it does not go with frames that are.
      if (now >= this.#nextPulse && (taken.length === 0 || this.#position === undefined)) {
        this.#position = undefined;
        taken.push(this.#synthetic("stream.cross.pulse"));
        this.#nextPulse = now + (this.#options.pulse ?? Infinity);
      }
    }
    return taken.length > 1 ? Buffer.concat(taken) : taken[0];
  }

  /** The lowest id that the reader takes of a live batch that has something beyond `#ahead`; undefined for any. */
  #lowestOf({ position }: { readonly position: string | undefined }): string | undefined {
    const from = this.#bounds?.from;
    const ahead = this.#ahead;
    this.#ahead = undefined;
    // Late frames have the place of the frame that reports them, whatever their ids.
    if (ahead === undefined || position !== undefined) return from;
    const next = successor(ahead);
    return from !== undefined && from > next ? from : next;
  }

  /** A frame that only this reader gets, such as the threshold. */
  #synthetic(topic: string): Uint8Array {
    return this.#finish(pageOf([encodeSynthetic(this.#nextId(), topic)]));
  }

  #nextId(): string {
    const own = this.#source.nextId();
    if (this.#ahead === undefined || own > this.#ahead) return own;
    // Behind the id that the reader began with, for whoever goes on from here.
    this.#ahead = successor(this.#ahead);
    return this.#ahead;
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
    const due = Math.min(this.#nextPulse, this.#waitEnds);
    return this.#source.live.wait(due - performance.now(), (stop) => {
      this.#stopWaiting = stop;
    });
  }
}
