import type { EntryData } from "./kv.ts";
import type { ImportFrame } from "./types.ts";

/** How an import treats what it brings. */
export interface ImportOptions {
  /** Takes ids that are more than a day ahead of the clock. */
  readonly ahead?: boolean;
  /** Brings back what a user removed from this store. */
  readonly restore?: boolean;
}

/** A frame that a user removed. */
export interface Tombstone {
  readonly id: string;
  /** When, in ms since 1970. */
  readonly ms: number;
}

/** Where a frame stood in the order of arrival, if it arrived late where it was exported. */
export interface Position {
  readonly id: string;
  /** The id of the frame that reported its arrival. */
  readonly position: string;
}

/** The counts of an import. */
export interface ImportResult {
  /** The frames in the import. */
  readonly frames: number;
  /** The frames that the store did not have before. */
  readonly added: number;
  /** The frames that a user removed here, and that stay removed. */
  readonly stayRemoved: number;
  /** The frames of the import that are in the store, without their content. */
  readonly missing: number;
  /** The appends for later that the store has taken over. */
  readonly scheduled: number;
}

/** What an import brings, beside content. */
export type ImportPart =
  | { readonly frame: ImportFrame }
  /** Counts only where the store had no frame. */
  | { readonly position: Position }
  | { readonly tombstone: Tombstone }
  /** A key/value entry or, without a value, its deletion. */
  | { readonly entry: EntryData };

/**
 * An import in progress. It collects first, in memory or on disk; the store gets nothing but content before
 * {@link commit}. Dispose it in the end: content that it brought is freed again, unless it was committed.
 */
export interface Import extends Disposable {
  /** The bytes of frames that it holds in memory. The most is a fixed number of megabytes. */
  readonly inMemory: number;
  /** The frames that {@link commit} has taken into the store so far. */
  readonly done: number;

  /**
   * Notes the name of a part of the input. Returns false if the name came before.
   *
   * @throws XsError the reason why the store takes no writes
   */
  note(name: string): boolean;
  /** @throws XsError `id_ahead` */
  add(part: ImportPart): void;
  /** Adds content to the store. Resolves to false if the bytes do not match the hash. */
  addContent(hash: string, size: number, bytes: AsyncGenerator<Uint8Array>): Promise<boolean>;

  /**
   * Brings everything into the store, all or nothing where it is at most some thousand frames, and in steps where it is
   * more: importing again adds the rest. Frames that the store has already stay unchanged, and frames that a user
   * removed stay removed. Readers that follow get the added ones.
   *
   * Where the store had no frame, late frames keep their positions. Elsewhere those below the newest id are late, and a
   * frame of the runtime reports them; and keys of the runtime stay as they are here.
   */
  commit(): Promise<ImportResult>;
}
