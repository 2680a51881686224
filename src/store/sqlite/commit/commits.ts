import type { Transaction } from "./transaction.ts";

/** Commits are counted by their size: up to 1 write, up to 2, …, and more than the last of these. */
export const COMMIT_SIZES = [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024] as const;

/** Commits so far, the writes in them, and how many commits there were of each size. */
export interface CommitCounts {
  commits: number;
  writes: number;
  readonly bySize: number[];
}

/** The counts of a store before its first commit. */
export function noCommits(): CommitCounts {
  return { commits: 0, writes: 0, bySize: Array<number>(COMMIT_SIZES.length + 1).fill(0) };
}

/** Counts a commit of some writes. */
export function countCommit(counts: CommitCounts, writes: number): void {
  counts.commits++;
  counts.writes += writes;
  const found = COMMIT_SIZES.findIndex((most) => writes <= most);
  const size = found < 0 ? COMMIT_SIZES.length : found;
  counts.bySize[size] = (counts.bySize[size] ?? 0) + 1;
}

/** A write that waits for the next commit. */
export interface Write {
  /** It waits while the journal is out of reach: it has an epoch, and what becomes of it must be known. */
  readonly isPatient?: boolean;
  /** Runs inside the transaction; what it throws fails this write alone. */
  run(transaction: Transaction): unknown;
  resolve(value: unknown): void;
  reject(error: Error): void;
}

/** The outcome of a write: the result of `run`, or the error with which it rejects. */
export type Outcome = { readonly value: unknown } | { readonly refusal: Error };

/** Ends a write. */
export function answer(write: Write, outcome: Outcome): void {
  if ("refusal" in outcome) write.reject(outcome.refusal);
  else write.resolve(outcome.value);
}

/** What turns writes into commits: a {@link GroupCommit} on one machine, {@link ReplicatedCommits} on several. */
export interface Commits {
  readonly counts: CommitCounts;
  /**
   * Queues a write for the next commit; resolves with what `run` gave when it is durable. An `XsError` that `run`
   * throws refuses this write alone, so it must be thrown before anything is written.
   *
   * @param isPatient see {@link Write.isPatient}
   */
  write<T>(run: (transaction: Transaction) => T, isPatient?: boolean): Promise<T>;
  /** As `write`, for what concerns this directory alone: no other node of the store gets it. */
  local<T>(run: (transaction: Transaction) => T): Promise<T>;
  /** Call it when no write follows any more. */
  close(): void;
}
