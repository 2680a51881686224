import type { Database } from "bun:sqlite";
import { XsError } from "../frame/error.ts";

/** Turns of the event loop that a commit waits at most for writes that keep coming. */
const GATHER_TURNS = 8;

/** Commits are counted by their size: up to 1 write, up to 2, …, and more than the last of these. */
export const COMMIT_SIZES = [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024] as const;

/** What happens around a commit. */
export interface CommitHooks {
  /** Why nothing may be written any more. */
  failed(): Error | undefined;
  /** The last thing inside the transaction. */
  beforeCommit(): void;
  /** All of it is durable; the writers have not been told yet. */
  afterCommit(): void;
  /** Nothing of it was kept, for this reason. Gives the error for the writers. */
  rolledBack(error: Error): Error;
}

/** A write that waits for the next commit. */
interface Write {
  /** Runs inside the transaction; what it throws fails this write alone. */
  run(): unknown;
  resolve(value: unknown): void;
  reject(error: Error): void;
}

/** Group commit: writes that arrive together share one transaction, and so one sync. */
export class Commits {
  /** Commits so far, the writes in them, and how many commits there were of each size. */
  readonly counts = {
    commits: 0,
    writes: 0,
    bySize: Array<number>(COMMIT_SIZES.length + 1).fill(0),
  };
  readonly #db: Database;
  readonly #hooks: CommitHooks;
  readonly #begin: ReturnType<Database["query"]>;
  readonly #commitNow: ReturnType<Database["query"]>;
  readonly #rollback: ReturnType<Database["query"]>;
  #writes: Write[] = [];
  #scheduled = false;
  /** Writes come faster than one commit takes, so wait for those of the same turn. */
  #crowded = false;
  #flushedThisTurn = false;

  constructor(db: Database, hooks: CommitHooks) {
    this.#db = db;
    this.#hooks = hooks;
    this.#begin = db.query("BEGIN IMMEDIATE");
    this.#commitNow = db.query("COMMIT");
    this.#rollback = db.query("ROLLBACK");
  }

  /**
   * Queues a write for the next commit; resolves with what `run` gave when it is durable. An
   * `XsError` that `run` throws refuses this write alone, so it must be thrown before anything is
   * written.
   */
  write<T>(run: () => T): Promise<T> {
    const failed = this.#hooks.failed();
    if (failed) return Promise.reject(failed);
    return new Promise((resolve, reject) => {
      this.#writes.push({ run, resolve: resolve as (value: unknown) => void, reject });
      if (this.#scheduled) return;
      this.#scheduled = true;
      // A lone writer is served at once. Where several write, they share one sync.
      if (this.#crowded || this.#flushedThisTurn) this.#flushWhenQuiet(0, GATHER_TURNS);
      else queueMicrotask(() => this.#flush());
    });
  }

  /** Commits at the end of an event loop's turn in which no further write came, or of the last. */
  #flushWhenQuiet(before: number, turns: number): void {
    setImmediate(() => {
      const { length } = this.#writes;
      if (length === before || turns === 0) this.#flush();
      else this.#flushWhenQuiet(length, turns - 1);
    });
  }

  #flush(): void {
    this.#scheduled = false;
    const writes = this.#writes;
    this.#writes = [];
    this.#crowded = writes.length > 1;
    if (!this.#flushedThisTurn) {
      this.#flushedThisTurn = true;
      setImmediate(() => {
        this.#flushedThisTurn = false;
      });
    }
    try {
      this.#commit(writes);
    } catch (error) {
      const failure = this.#hooks.rolledBack(error as Error);
      for (const write of writes) write.reject(failure);
    }
  }

  #commit(writes: Write[]): void {
    const failed = this.#hooks.failed();
    if (failed) throw failed;
    const done: [Write, unknown][] = [];
    this.#begin.run();
    try {
      for (const write of writes) {
        try {
          done.push([write, write.run()]);
        } catch (error) {
          // A refusal is found before anything is written; any other failure takes the commit down.
          if (!(error instanceof XsError)) throw error;
          write.reject(error);
        }
      }
      this.#hooks.beforeCommit();
      this.#commitNow.run();
    } catch (error) {
      if (this.#db.inTransaction) this.#rollback.run();
      throw error;
    }
    this.#countCommit(done.length);
    this.#hooks.afterCommit();
    for (const [write, value] of done) write.resolve(value);
  }

  #countCommit(writes: number): void {
    this.counts.commits++;
    this.counts.writes += writes;
    const found = COMMIT_SIZES.findIndex((most) => writes <= most);
    const size = found < 0 ? COMMIT_SIZES.length : found;
    this.counts.bySize[size] = (this.counts.bySize[size] ?? 0) + 1;
  }
}
