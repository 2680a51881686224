import type { Database } from "bun:sqlite";
import { closeSync, fdatasync, fdatasyncSync, openSync } from "node:fs";
import { XsError } from "../../../core/error.ts";
import {
  answer,
  type Commits,
  countCommit,
  noCommits,
  type Outcome,
  type Write,
} from "./commits.ts";
import type { Transaction } from "./transaction.ts";
import type { WalMark } from "./wal-mark.ts";

// Not with promisify: node:util takes long to load, for a command that opens the store too.
function sync(file: number): Promise<void> {
  return new Promise((resolve, reject) => {
    fdatasync(file, (error) => (error ? reject(error) : resolve()));
  });
}

/** The most turns of the event loop for which a commit waits while writes keep coming. */
const GATHER_TURNS = 8;

/** The functions that a group commit calls around a commit. */
export interface CommitHooks {
  /** The reason why the store takes no writes any more; undefined while it does. */
  failed(): Error | undefined;
  /** Called when a transaction begins. */
  begins(): Transaction;
  /** Called last inside the transaction. */
  beforeCommit(transaction: Transaction): void;
  /** Called when it is committed and not synced. Returns a function to call when it is durable, before writers resolve. */
  committed(transaction: Transaction): () => void;
  /** Called when the transaction was rolled back, with the reason. Returns the error for the writers. */
  rolledBack(error: Error): Error;
  /** Called when it is synced. Returns why the writers must not be acknowledged: the store was moved or replaced. */
  misplaced(): Error | undefined;
  /** Called when the sync failed, with the reason. Returns the error for the writers. */
  syncFailed(error: Error): Error;
}

/** A commit that waits to be durable. */
interface Unsynced {
  readonly writes: readonly (readonly [Write, Outcome])[];
  readonly durable: () => void;
}

/**
 * Group commit: writes that arrive together share one transaction, and so one sync. The database is
 * at `synchronous=NORMAL`, where a commit is in the write-ahead log but not synced; the sync is done
 * here. That of a lone write is waited for at once; where many write it goes on beside the next
 * transaction, in a thread. Either way no write resolves before it is durable.
 */
export class GroupCommit implements Commits {
  readonly counts = noCommits();
  readonly #db: Database;
  readonly #hooks: CommitHooks;
  readonly #mark: WalMark;
  /** Open from the start: a sync must not fail because there is no descriptor left. */
  readonly #logFile: number;
  #unsynced: Unsynced[] = [];
  #syncing = false;
  readonly #begin: ReturnType<Database["query"]>;
  readonly #commitNow: ReturnType<Database["query"]>;
  readonly #rollback: ReturnType<Database["query"]>;
  #writes: Write[] = [];
  #scheduled = false;
  /** Writes come faster than one commit takes, so wait for those of the same turn. */
  #crowded = false;
  #flushedThisTurn = false;

  /** @param wal the write-ahead log, and what tells how far it is synced */
  constructor(db: Database, wal: { path: string; mark: WalMark }, hooks: CommitHooks) {
    this.#db = db;
    this.#logFile = openSync(wal.path, "r+");
    this.#mark = wal.mark;
    this.#hooks = hooks;
    this.#begin = db.query("BEGIN IMMEDIATE");
    this.#commitNow = db.query("COMMIT");
    this.#rollback = db.query("ROLLBACK");
  }

  write<T>(run: (transaction: Transaction) => T): Promise<T> {
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

  local<T>(run: (transaction: Transaction) => T): Promise<T> {
    return this.write(run);
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
    const failed = this.#hooks.failed();
    if (failed) {
      for (const write of writes) write.reject(failed);
      return;
    }
    try {
      this.#commit(writes);
    } catch (error) {
      const failure = this.#hooks.rolledBack(error as Error);
      for (const write of writes) write.reject(failure);
    }
  }

  #commit(writes: Write[]): void {
    const done: [Write, Outcome][] = [];
    let kept = 0;
    const transaction = this.#hooks.begins();
    try {
      this.#begin.run();
      for (const write of writes) {
        try {
          done.push([write, { value: write.run(transaction) }]);
          kept++;
        } catch (error) {
          // A refusal is found before anything is written; any other failure takes the commit down.
          if (!(error instanceof XsError)) throw error;
          // It tells of what others have written, so it waits until that is durable.
          done.push([write, { refusal: error }]);
        }
      }
      this.#hooks.beforeCommit(transaction);
      this.#commitNow.run();
    } catch (error) {
      if (this.#db.inTransaction) this.#rollback.run();
      throw error;
    }
    countCommit(this.counts, kept);
    this.#unsynced.push({ writes: done, durable: this.#hooks.committed(transaction) });
    if (this.#syncing) return;
    if (this.#crowded) void this.#syncAll();
    else this.#syncNow();
  }

  #syncNow(): void {
    const commits = this.#takeUnsynced();
    const extent = this.#mark.now();
    try {
      fdatasyncSync(this.#logFile);
      this.#checkPlace();
    } catch (error) {
      this.#failAll(commits, error as Error);
      return;
    }
    this.#mark.write(extent);
    tellAll(commits);
  }

  /** Syncs, and again while more was committed meanwhile. */
  async #syncAll(): Promise<void> {
    this.#syncing = true;
    while (this.#unsynced.length > 0) {
      const commits = this.#takeUnsynced();
      const extent = this.#mark.now();
      try {
        await sync(this.#logFile);
        this.#checkPlace();
      } catch (error) {
        this.#failAll([...commits, ...this.#takeUnsynced()], error as Error);
        break;
      }
      this.#mark.write(extent);
      tellAll(commits);
    }
    this.#syncing = false;
  }

  #takeUnsynced(): Unsynced[] {
    const commits = this.#unsynced;
    this.#unsynced = [];
    return commits;
  }

  #failAll(commits: readonly Unsynced[], cause: Error): void {
    const failure = this.#hooks.syncFailed(cause);
    for (const { writes } of commits) for (const [write] of writes) write.reject(failure);
  }

  #checkPlace(): void {
    const misplaced = this.#hooks.misplaced();
    if (misplaced) throw misplaced;
  }

  close(): void {
    closeSync(this.#logFile);
    this.#mark.close();
  }
}

function tellAll(commits: readonly Unsynced[]): void {
  for (const { durable, writes } of commits) {
    durable();
    for (const [write, outcome] of writes) answer(write, outcome);
  }
}
