import type { Position, Tombstone } from "./import.ts";
import type { EntryData } from "./kv.ts";

/** How many rows there are, and the bytes of their values as text. */
export interface Totals {
  readonly rows: number;
  readonly bytes: number;
}

/** The store at one moment, for an export. Writes go on beside it, but nothing frees content. The caller must close it. */
export interface StoreSnapshot {
  /** The frames as NDJSON, the positions of late frames with their ids, and the tombstones: ids with times. */
  totals(): { readonly frames: Totals; readonly late: Totals; readonly tombstones: Totals };
  /** The frames as NDJSON, in the order of ids, in pages. @throws XsError `frame_damaged` */
  frames(): Generator<Uint8Array>;
  /** The positions of the late frames, in the order of arrival, in pages. */
  late(): Generator<readonly Position[]>;
  /** The tombstones, in the order of their ids, in pages. */
  tombstones(): Generator<readonly Tombstone[]>;
  /** The key/value entries, and those that were deleted, in the order of their keys. @throws XsError `value_damaged` */
  entries(): Generator<EntryData>;
  /** The hashes of all content, each once, in the order of their hexadecimal digits. Content that came since may be among them. */
  contents(): AsyncGenerator<string>;
  close(): void;
}
