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
  | TombstoneEffect
  | EntryEffect
  | ContentEffect
  | CandidatesEffect
  | AnswerEffect
  | GrowingEffect
  | SweepEffect
  | NewestEffect
  | FillingEffect
  | FreedEffect
  | BlobEffect
  | LeadEffect
  | NodeEffect;

/** A frame that comes in. Live readers get the same value. */
export interface FrameEffect {
  readonly kind: "frame";
  readonly id: string;
  readonly topic: string;
  /** The time in its id, in ms since 1970. */
  readonly ms: number;
  /** The frame as JSON, without a newline. */
  readonly line: string;
  /** When it expires, in ms since 1970; null for never. */
  readonly expires: number | null;
  /** The n of a `last:` ttl. */
  readonly last?: number | undefined;
  /** The id of the frame that reports the arrival, if this one is late. */
  readonly position?: string | undefined;
  /** Live readers get it, and no table. */
  readonly isEphemeral?: boolean;
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

/** A tombstone that comes with an import, or goes because of one. */
export interface TombstoneEffect {
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
  /** It goes without a trace: no import can bring it back, as it is one of the runtime. */
  readonly isForgotten?: true;
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

/** Chunked content begins to grow, or has ended */
export interface GrowingEffect {
  readonly kind: "growing";
  /** Of the first frame. */
  readonly id: string;
  readonly ended?: true;
}

/** What is too old goes. */
export interface SweepEffect {
  readonly kind: "sweep";
  /** Answers that expired by this time, in ms. */
  readonly answers?: number;
  /** No answer is kept beyond this time, in ms. */
  readonly shortenAnswers?: number;
  /** Tombstones of frames, and of entries, up to this time, in ms. */
  readonly tombstones?: number;
}

/** No id up to this one is given again. */
export interface NewestEffect {
  readonly kind: "newest";
  readonly id: string;
}

/** An import fills a store that had no frame, in several commits: if it is interrupted it can be repeated. */
export interface FillingEffect {
  readonly kind: "filling";
  /** What tells one import from another; null when all of it is in. */
  readonly of: string | null;
  /** The newest id of the store: if that is another one, something else came in between. */
  readonly newest: string;
}

/** Content to which nothing refers goes. */
export interface FreedEffect {
  readonly kind: "freed";
  readonly hashes: readonly string[];
}

/** Large content is in a blob, from which each node fetches it when it needs it. */
export interface BlobEffect {
  readonly kind: "blob";
  readonly hash: string;
  /** In bytes. */
  readonly size: number;
  readonly name: string;
}

/** From here on another process leads: it alone appends, and runs the processors. */
export interface LeadEffect {
  readonly kind: "lead";
  /** One more than before. */
  readonly epoch: number;
  /** The name of its node, and of this run of it. */
  readonly node: string;
  readonly run: string;
}

/** A node belongs to the store, or does not any more. */
export interface NodeEffect {
  readonly kind: "node";
  readonly node: string;
  readonly isGone?: true;
}

/** The frames among effects. */
export function framesOf(effects: readonly Effect[]): FrameEffect[] {
  return effects.filter((effect) => effect.kind === "frame");
}
