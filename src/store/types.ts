import type { XsError } from "../core/error.ts";
import type { Ttl } from "../core/ttl.ts";

/** A frame to append. The store assigns its id. */
export interface AppendRequest {
  /** Checked by `parseTopic` or `parseClientTopic`. */
  readonly topic: string;
  /** Compact JSON. */
  readonly meta: string;
  readonly ttl: Ttl;
  /** From `Content.take`, or a hash of content in the store; null for a frame without content. */
  readonly content: TakenContent | null;
  /**
   * In ms since 1970. If it has passed, the frame gets an id of that time, and is late where there is a higher id; if it
   * is to come, the store keeps the request until then. Checked by `checkAt`.
   */
  readonly at?: number;
  /** With an `at` that has passed, the append succeeds even if no read returns the frame; otherwise it is refused. */
  readonly mayBeOver?: true;
  /** The name of the token that appends, which is also `by` in the meta; undefined for the owner. */
  readonly token?: string;
  /** The frame begins chunked content, or ends the chunked content whose first frame has this id. */
  readonly growing?: "begins" | { readonly ended: string };
}

/** The conditions of an append. */
export interface AppendCondition {
  /** The id of the newest frame of the first request's topic; null where the topic must have none. */
  readonly expectLast?: string | null;
  /** Within 24 hours, appends with the same key happen once: later ones return the first answer. */
  readonly idempotencyKey?: string;
  /** Of a store on several machines: refused unless this process still leads in this epoch. */
  readonly epoch?: number;
}

/**
 * Content that the store has taken and to which no frame refers yet. Small content has its bytes here, and becomes
 * durable in the commit of its frame; large content is durable already.
 */
export interface TakenContent {
  readonly hash: string;
  /** In bytes. */
  readonly size: number;
  readonly bytes?: Uint8Array;
  /** The content of an ephemeral frame, which the store keeps only in memory. */
  readonly ephemeral?: boolean;
  /** Only a hash is known: the append rejects if the store has no such content. */
  readonly known?: boolean;
  /** Of a store on several machines: the name of the blob that has large content. */
  readonly blob?: string;
}

/** One change of a step, see `Store.apply`. `writer` is the handler that changes an entry. */
export type Change =
  | { readonly append: AppendRequest }
  | {
      readonly put: { readonly key: string; readonly type: string; readonly value: Uint8Array };
      readonly writer?: string;
    }
  | { readonly delete: string; readonly writer?: string }
  /** Removes a frame for good; no error where there is none. */
  | { readonly remove: string };

/** The side of an id on which `Store.neighbour` looks. */
export type Direction = "next" | "previous";

/** The counts of a check of the whole store. */
export interface CheckResult {
  frames: number;
  contents: number;
  /** Key/value entries. */
  pairs: number;
  /** Contents that are not in a file yet. */
  staged: number;
  /** Problems found. */
  problems: number;
}

/** A frame for import. `meta` is compact JSON. */
export interface ImportFrame {
  readonly topic: string;
  readonly id: string;
  readonly hash: string | null;
  readonly meta: string;
  readonly ttl: Ttl;
  /** Of a frame that arrived late where it was exported: the id of the frame that reported it. */
  readonly position?: string;
}

/** What a store holds. Frames that have expired do not count. */
export interface StoreInfo {
  /** The version of its tables. */
  readonly schema: number;
  readonly frames: number;
  /** Topics that have frames. */
  readonly topics: number;
  /** Key/value entries. */
  readonly entries: number;
  /** The size of the database and its write-ahead log, and how much of the database is free, in bytes. */
  readonly databaseBytes: number;
  readonly freeBytes: number;
  /** Whether it keeps an index of what came of frames, because somebody has asked. */
  readonly hasEffects: boolean;
  /** Why it takes no writes; undefined while it does. */
  readonly refusal?: XsError | undefined;
}

/** Counts since the store was opened, and sizes at this moment. */
export interface StoreMetrics {
  readonly frames: number;
  readonly pairs: number;
  readonly appends: number;
  /** Bytes of the appended frames, and of their content. */
  readonly appendedBytes: number;
  readonly appendedContentBytes: number;
  readonly commits: number;
  /** Writes in all commits together. */
  readonly commitWrites: number;
  /** The commits of each size: of at most so many writes, and more than those before. The last have no limit. */
  readonly commitsBySize: readonly { readonly upTo: number; readonly commits: number }[];
  readonly followers: number;
  readonly watchers: number;
  /** How far the slowest follower is behind the newest frame, in seconds. */
  readonly followerLag: number;
  readonly stagedContents: number;
  readonly stagedBytes: number;
  /** The size of the database and its write-ahead log. */
  readonly databaseBytes: number;
  /** By task: how often it ran in the background, and for how many seconds in all. */
  readonly background: Readonly<
    Record<string, { readonly runs: number; readonly seconds: number }>
  >;
}

/** The functions that a check calls. */
export interface CheckListener {
  /** Receives each problem as a sentence. The check awaits its result, so it runs at the listener's pace. */
  report(problem: string): unknown;
  /** Receives the counts so far, again and again. The check awaits its result too. */
  progress?(done: Readonly<CheckResult>): unknown;
  /** Ends the check. */
  signal?: AbortSignal;
}

/** The frames that `Store.histogram` counts. */
export interface HistogramRange {
  /** A topic filter; undefined for every topic. */
  readonly topics: readonly string[] | undefined;
  /** The first moment, in ms since 1970, and how long each step is, in ms. */
  readonly since: number;
  readonly step: number;
  readonly steps: number;
}
