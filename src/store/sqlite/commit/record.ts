/**
 * What one commit does, as one plain value: effects, not commands, in their order. Ids, revisions and what a `last:`
 * ttl removes are decided already, so whoever applies the same records in the same order has the same store, with no
 * clock.
 */
export interface CommitRecord {
  readonly version: 1;
  readonly effects: readonly Effect[];
}

export type Effect =
  | FrameEffect
  | RemovalEffect
  | RestoreEffect
  | EntryEffect
  | ContentEffect
  | CandidatesEffect
  | AnswerEffect
  | GrowingEffect
  | SweepEffect
  | NewestEffect;

/** A frame that comes in. Live readers get the same value. */
export interface FrameEffect {
  readonly kind: "frame";
  readonly id: string;
  readonly topic: string;
  /** The frame as JSON, without a newline. */
  readonly line: string;
  /** When it expires, in ms since 1970; null for never. */
  readonly expires: number | null;
  /** The n of a `last:` ttl. */
  readonly last?: number;
  /** The id of the frame that reports the arrival, if this one is late. */
  readonly position?: string;
  /** Live readers get it, and no table. */
  readonly ephemeral?: true;
}

/** A frame that goes. */
export interface RemovalEffect {
  readonly kind: "remove";
  readonly id: string;
  /** The row here, which spares a search for the id; another store with the same frames finds its own. */
  readonly seq?: number;
  /** A user removed it, at this time in ms: an import must not bring it back. */
  readonly tombstone?: number;
}

/** An id that may be imported again, or must not be: a tombstone goes or, with a time in ms, comes. */
export interface RestoreEffect {
  readonly kind: "tombstone";
  readonly id: string;
  /** When the frame was removed, in ms since 1970; null to forget the tombstone. */
  readonly ms: number | null;
}

/** A key/value entry that is written or, without a value, deleted. */
export interface EntryEffect {
  readonly kind: "entry";
  readonly key: string;
  readonly rev: string;
  readonly type: string;
  /** The handler that writes it; null for a client. */
  readonly writer: string | null;
  readonly value: Uint8Array | null;
}

/** Small content, with one reference to it. */
export interface ContentEffect {
  readonly kind: "content";
  readonly hash: string;
  readonly bytes: Uint8Array;
}

/** Content that the collector is to look at; or, if `kept`, not any more. */
export interface CandidatesEffect {
  readonly kind: "candidates";
  readonly hashes: readonly string[];
  readonly kept?: true;
}

/** The answer of an append with an Idempotency-Key. */
export interface AnswerEffect {
  readonly kind: "answer";
  readonly key: string;
  /** In ms since 1970. */
  readonly expires: number;
  /** A hash of the request. */
  readonly request: string;
  /** Their lines. */
  readonly frames: readonly string[];
}

/** Chunked content begins to grow, or has ended. @see RemovalEffect */
export interface GrowingEffect {
  readonly kind: "growing";
  /** Of the first frame. */
  readonly id: string;
  readonly ended?: true;
}

/** What is older than a time goes: answers that expired by `answers`, rows of deletions up to the revision `deletions`. */
export interface SweepEffect {
  readonly kind: "sweep";
  readonly answers?: number;
  /** Tombstones of frames up to this time, in ms. */
  readonly tombstones?: number;
  /** Deleted entries up to this revision. */
  readonly deletions?: string;
  /** No answer is kept longer than to this time. */
  readonly shorten?: number;
}

/** No id up to this one is given again. */
export interface NewestEffect {
  readonly kind: "newest";
  readonly id: string;
}
