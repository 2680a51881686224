import type { LineReader } from "./frame-reader.ts";

/** An entry without its value. */
export interface KvInfo {
  readonly key: string;
  /** The id of the write that stored this value. */
  readonly rev: string;
  /** The media type that came with the value. */
  readonly type: string;
  /** The handler that wrote it; null for a client. */
  readonly writer: string | null;
}

export interface KvEntry extends KvInfo {
  readonly value: Uint8Array;
}

/** An entry as exports and imports have it: without a value, its deletion. */
export interface EntryData extends KvInfo {
  readonly value: Uint8Array | null;
}

/** The conditions of a write. "*" is any revision. */
export interface KvCondition {
  readonly ifMatch?: readonly string[] | "*";
  readonly ifNoneMatch?: readonly string[] | "*";
  /** Within 24 hours, writes with the same key happen once: later ones return the first answer. */
  readonly idempotencyKey?: string;
}

/** One key, or all keys that begin with a prefix. */
export type KvScope = { readonly key: string } | { readonly prefix: string };

/** How entries are read. */
export interface KvReadOptions {
  /** Goes on with every change. */
  readonly follow?: boolean;
  /** Of a heartbeat, in ms. */
  readonly pulse?: number;
  /** A following read has no values. */
  readonly withoutValues?: boolean;
}

/**
 * Cursors and materialised views: one value a key. Every write has a revision from the sequence of the frames' ids, and
 * is durable when its promise resolves.
 */
export interface Kv {
  /** Resolves to an entry once it is durable; undefined where there is none. @throws XsError `value_damaged` */
  get(key: string): Promise<KvEntry | undefined>;
  /** Writes a value and resolves to its revision. @throws XsError `precondition_failed`, `idempotency_key_reused` */
  put(key: string, type: string, value: Uint8Array, condition?: KvCondition): Promise<string>;
  /** Removes an entry. Resolves to the revision of the removal; undefined where there is no entry. */
  delete(key: string, condition?: KvCondition): Promise<string | undefined>;
  /** Reads the entries of a scope as NDJSON; with `follow`, their values and then every change. */
  read(scope: KvScope, options?: KvReadOptions): LineReader;
}
