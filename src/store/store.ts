import type { ReadOptions } from "../frame/read-options.ts";
import type { Ttl } from "../frame/ttl.ts";
import type { ContentStore } from "./content.ts";
import type { Reader } from "./reader.ts";

/** What an append records. The store gives the id. */
export interface AppendRequest {
  /** Checked by `parseTopic` or `parseClientTopic`. */
  readonly topic: string;
  /** Compact JSON. */
  readonly meta: string;
  readonly ttl: Ttl;
  /** From {@link ContentStore.take}; null for a frame without content. */
  readonly content: TakenContent | null;
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
  readonly passing?: boolean;
}

/** What an import changed. */
export interface ImportResult {
  /** Frames given. */
  frames: number;
  /** Those that the store did not have yet. */
  added: number;
}

export type Direction = "next" | "previous";

/** What the check of a whole store found wrong: a sentence each, naming the thing. */
export type Problem = string;

/**
 * An ordered log plus a pile of content. Frames go in and come out as the JSON line that is served.
 *
 * The contract, for every engine:
 * - A write's promise resolves after the write would survive a power cut, and rejects if nothing
 *   of it was kept. Writes that arrive together may commit together; each stands or falls alone.
 * - Ids are given in commit order; log order is id order; no id is given that is not greater than
 *   every id given before, in this process or an earlier one.
 * - A reader sees a frame only after its commit. A reader that follows gets every frame committed
 *   after its threshold once and in order, whatever it reads from; only ephemeral frames may be
 *   missing for a reader that is far behind.
 * - A frame whose ttl ran out is in no answer, whether or not its row is gone already.
 * - A failure to sync stops the store: nothing is acknowledged any more, and `failure` settles.
 */
export interface Store {
  /** The directory of the store. */
  readonly path: string;
  readonly content: ContentStore;
  /** Settles, with the reason, when the store can no longer promise that its writes are kept. */
  readonly failure: Promise<Error>;

  /** Appends one frame and gives it as its JSON line. */
  append(request: AppendRequest): Promise<string>;
  /**
   * Adds frames that bring their ids, checked by `parseFrame`, all or none. Those the store has
   * already are left as they are. Live readers are not told. An id that is ahead of the clock moves
   * the id sequence forward. @throws XsError `id_ahead`
   */
  import(frames: readonly ImportFrame[]): Promise<ImportResult>;
  /** Removes a frame for good. False if there was none. */
  remove(id: string): Promise<boolean>;
  /** Makes content durable that no frame of this store refers to yet. */
  keep(content: TakenContent): Promise<void>;

  /** One frame, or undefined. */
  get(id: string): string | undefined;
  /** The frame before or after an id, which itself need not exist, in the stream or some topics. */
  neighbour(id: string, direction: Direction, topics?: readonly string[]): string | undefined;
  /** Starts a read. The reader must be read to its end or closed. */
  read(options: ReadOptions): Reader;

  /** Ends following reads once they have had what is committed, as the first step of a stop. */
  endReads(): void;
  /** Reads everything and tells what does not fit together. Empty for a sound store. */
  check(): Promise<Problem[]>;
  /** Ends reads, finishes writes, settles content, checkpoints and gives up the lock. */
  close(): Promise<void>;
}

/** A frame for import, with its meta still a value. */
export interface ImportFrame {
  readonly topic: string;
  readonly id: string;
  readonly hash: string | null;
  readonly meta: string;
  readonly ttl: Ttl;
}
