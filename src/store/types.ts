import type { Ttl } from "../core/ttl.ts";

/** What an append records. The store gives the id. */
export interface AppendRequest {
  /** Checked by `parseTopic` or `parseClientTopic`. */
  readonly topic: string;
  /** Compact JSON. */
  readonly meta: string;
  readonly ttl: Ttl;
  /** From `ContentStore.take`, or a hash the store has; null for a frame without content. */
  readonly content: TakenContent | null;
  /** It is the first of chunked content, or the last of that with this first frame. */
  readonly growing?: "begins" | { readonly ended: string };
}

/** What must hold for an append. */
export interface AppendCondition {
  /** The newest frame of the first request's topic: its id, or null for none. */
  readonly expectLast?: string | null;
  /** With the same key, the same append happens once (within 24 hours). */
  readonly idempotencyKey?: string;
}

/**
 * Content that the store has taken in but that no frame refers to yet. Small content still carries
 * its bytes, and becomes durable in the commit of its frame; large content already is.
 */
export interface TakenContent {
  readonly hash: string;
  readonly size: number;
  readonly bytes?: Uint8Array;
  /** Of an ephemeral frame: kept in memory only. */
  readonly ephemeral?: boolean;
  /** Only a hash: the append is refused if the store has no such content. */
  readonly known?: boolean;
}

/** What an import changed. */
export interface ImportResult {
  /** Frames given. */
  frames: number;
  /** Those that the store did not have yet. */
  added: number;
}

/** One change of a step, see `Store.apply`. */
export type Change =
  | { readonly append: AppendRequest }
  | { readonly put: { readonly key: string; readonly type: string; readonly value: Uint8Array } }
  | { readonly delete: string };

export type Direction = "next" | "previous";

/** What a check of the whole store saw. */
export interface CheckResult {
  frames: number;
  contents: number;
  pairs: number;
  /** Contents that are not in cacache yet. */
  staged: number;
  /** How many things are wrong. */
  problems: number;
}

/** A frame for import, with its meta still a value. */
export interface ImportFrame {
  readonly topic: string;
  readonly id: string;
  readonly hash: string | null;
  readonly meta: string;
  readonly ttl: Ttl;
}

/** Counts since the store was opened, and what is there now. */
export interface StoreMetrics {
  readonly frames: number;
  readonly pairs: number;
  readonly appends: number;
  /** Bytes of the frames that were appended, and of their content. */
  readonly appendedBytes: number;
  readonly appendedContentBytes: number;
  readonly commits: number;
  /** Writes in all commits together. */
  readonly commitWrites: number;
  /** Commits of each of the sizes `COMMIT_SIZES`, and of more. */
  readonly commitsBySize: readonly number[];
  readonly followers: number;
  readonly watchers: number;
  /** How far the slowest follower is behind the newest frame, in seconds. */
  readonly followerLag: number;
  readonly stagedContents: number;
  readonly stagedBytes: number;
  /** Of the database and its write-ahead log. */
  readonly databaseBytes: number;
  /** By task: how often it ran in the background, and for how many seconds in all. */
  readonly background: Readonly<
    Record<string, { readonly runs: number; readonly seconds: number }>
  >;
}

/** Who listens to a check. */
export interface CheckListener {
  /** Told of each problem. The check waits for what it gives, so it goes no faster than this. */
  report(problem: string): unknown;
  /** Told again and again how far it is; waited for as well. */
  progress?(done: Readonly<CheckResult>): unknown;
  /** Ends the check soon. */
  signal?: AbortSignal;
}
