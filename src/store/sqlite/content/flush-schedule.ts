import type { Database } from "bun:sqlite";
import type { XsError } from "../../../core/error.ts";
import {
  diskFull,
  isCorrupt,
  isOutOfFiles,
  onceThereAreFiles,
  outOfFiles,
} from "../../failures.ts";
import type { Background } from "../background.ts";
import type { Transaction } from "../commit/transaction.ts";
import { databaseDamaged } from "../health.ts";
import type { ContentFiles } from "./cacache-files.ts";
import { type Flushed, type FlushRange, flushNext } from "./flush.ts";
import type { Flusher } from "./flusher.ts";
import type { ContentFolder } from "./folder.ts";
import type { ContentTables } from "./tables.ts";

/**
 * Content is flushed when it is between one and two times so old, in ms. A burst is over by then, and what is only kept
 * for a moment is gone and never makes a file.
 */
const FLUSH_AFTER_MS = 2000;
/** The wait before the next flush after a full disk, or without a descriptor. */
const RETRY_MS = 5000;

/** Codes of a full disk, the system's and ours. */
const FULL = new Set(["ENOSPC", "EDQUOT", "disk_full"]);

/** The part of the store that flushing uses. */
export interface FlushUses {
  readonly db: Database;
  readonly tables: ContentTables;
  readonly files: ContentFiles;
  readonly folder: ContentFolder;
  readonly thread: Flusher;
  readonly background: Background;
  /** Runs a write that concerns this directory alone. */
  local<T>(run: (transaction: Transaction) => T): Promise<T>;
  /** @throws XsError where the store takes no writes any more */
  checkWritable(): void;
  /** Reports a failure that no caller waits for. */
  failed(error: Error): void;
}

/** Decides when staged content moves into files, and how far, and takes it off the table then. */
export class FlushSchedule {
  readonly #uses: FlushUses;
  readonly #tables: ContentTables;
  #flushing: Promise<void> | undefined;
  /** The last row to flush now. */
  #due = 0;
  /** The newest row when the timer was set: it is old enough when the timer fires. */
  #ageing: number;
  #batch = Promise.withResolvers<void>();
  #problem: XsError | undefined;
  /** The hashes removed during the flush of a batch, which may be writing their files. */
  readonly #removed = new Set<string>();
  #stopped = false;

  constructor(uses: FlushUses) {
    this.#uses = uses;
    this.#tables = uses.tables;
    this.#ageing = this.#tables.staged.newest;
    if (this.#tables.staged.weight > 0) this.#flushSoon();
  }

  /** Why no content is flushed at the moment: the disk is full, or the database is damaged. */
  get problem(): XsError | undefined {
    return this.#problem;
  }

  /** Call it after each commit: content that the commit staged is flushed later, or now if there is much. */
  committed(): void {
    const { staged } = this.#tables;
    if (!staged.takeAdded()) return;
    if (staged.hasMuchToFlush) this.start();
    else this.#flushSoon();
  }

  /** Flushes what is staged by now. */
  start(): void {
    this.#flushUpTo(this.#tables.staged.newest);
  }

  /** Resolves when the next contents are flushed, or flushing has ended. */
  nextBatch(): Promise<void> {
    return this.#batch.promise;
  }

  /** Notes that content was removed for good. */
  removed(hash: string): void {
    if (this.#flushing !== undefined) this.#removed.add(hash);
    this.#endBatch();
  }

  /** Whether content was removed whose file may just be written. */
  wasRemoved(hash: string): boolean {
    return this.#removed.has(hash);
  }

  /** Keeps the thread that flushes ready. */
  keepThread(): void {
    this.#uses.thread.keep();
  }

  /** Ends what goes on in the background. */
  stop(): void {
    this.#stopped = true;
    this.#uses.background.cancel("flush");
    this.#uses.thread.stop();
  }

  /** Flushes what is staged, as the last thing before the store closes, for `ms` at most. */
  async finish(ms: number): Promise<void> {
    const { db, files, background, thread } = this.#uses;
    this.#stopped = true;
    background.cancel("flush");
    await this.#flushing;
    thread.stop();
    const end = performance.now() + ms;
    this.#due = this.#tables.staged.newest;
    try {
      // Nobody waits for this thread any more.
      await this.#flushAll(
        (range) => flushNext(db, files, range),
        () => performance.now() > end,
      );
    } catch (error) {
      if (!staysStaged(error as { code?: string })) throw error;
    }
  }

  #flushSoon(ms = FLUSH_AFTER_MS): void {
    this.#uses.background.after("flush", ms, () => {
      this.#problem = undefined;
      const aged = this.#ageing;
      this.#ageing = this.#tables.staged.newest;
      this.#flushUpTo(aged);
      return this.#flushing;
    });
  }

  #flushUpTo(row: number): void {
    // The timer must not shorten a flush that runs.
    this.#due = this.#flushing === undefined ? row : Math.max(this.#due, row);
    if (this.#flushing !== undefined || this.#stopped) return;
    this.#uses.background.cancel("flush");
    this.#flushing = this.#flushAll((range) => this.#uses.thread.next(range))
      .catch((error: Error) => this.#notFlushed(error))
      .finally(() => {
        this.#flushing = undefined;
        this.#removed.clear();
        this.#uses.thread.rest();
        this.#endBatch();
        // Content may have come after the last batch.
        if (this.#tables.staged.weight > 0) this.#flushSoon();
      });
  }

  /** Staged content is durable in the database, so after a failure that passes a later flush is soon enough. */
  #notFlushed(error: Error & { code?: string }): void {
    try {
      this.#uses.checkWritable();
      if (!staysStaged(error)) throw error;
    } catch (fatal) {
      this.#uses.failed(fatal as Error);
      return;
    }
    this.#problem = isFull(error)
      ? diskFull(error)
      : isOutOfFiles(error)
        ? outOfFiles(error)
        : databaseDamaged(error);
    this.#flushSoon(RETRY_MS);
  }

  async #flushAll(
    next: (range: FlushRange) => Promise<Flushed>,
    stop: () => boolean = () => this.#stopped,
  ): Promise<void> {
    const { folder, files, local } = this.#uses;
    for (let after = 0; !stop(); ) {
      if (!this.#tables.staged.hasNext(after, this.#due)) return;
      await folder.prepare();
      this.#removed.clear();
      const { flushed, last, done } = await next({ after, upTo: this.#due });
      after = last;
      const leftOver = await local((transaction) => {
        transaction.settle();
        return this.#takeOff(flushed);
      });
      this.#endBatch();
      await onceThereAreFiles(() => files.removeIndex(leftOver));
      if (done) return;
    }
  }

  /**
   * Takes content off the table that is in files now, and removes the files of what was removed meanwhile. Call it inside
   * a commit. Returns the hashes of the latter.
   */
  #takeOff(flushed: Flushed["flushed"]): string[] {
    const { staged, candidates } = this.#tables;
    const leftOver: string[] = [];
    for (const { seq, hash } of flushed) {
      if (!this.#removed.has(hash)) {
        // It lost its last reference meanwhile: notes that for the collector, because the row goes.
        if (staged.isUnused(hash)) candidates.add([hash]);
        staged.remove(hash, seq);
      } else if (!staged.has(hash)) {
        // It was freed during the flush. If it had been appended again, it would have a row.
        this.#uses.files.remove(hash);
        leftOver.push(hash);
      }
    }
    return leftOver;
  }

  #endBatch(): void {
    this.#batch.resolve();
    this.#batch = Promise.withResolvers();
  }
}

/** Whether content stays staged after this error: a full disk and a lack of descriptors pass, damage is elsewhere. */
function staysStaged(error: { code?: string }): boolean {
  if (isFull(error) || isOutOfFiles(error)) return true;
  return isCorrupt(error) || error.code === "frame_damaged";
}

function isFull({ code = "" }: { code?: string }): boolean {
  return FULL.has(code);
}
