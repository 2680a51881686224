import { quoted, XsError } from "../../../core/error.ts";
import type { EntryData } from "../../kv.ts";

/** A row; its value is null where the entry was deleted. */
export interface KvRow extends EntryData {
  readonly crc: number;
}

/** The checksum of an entry, over all its other columns. */
export function kvCrc({ key, rev, type, writer, value }: Omit<KvRow, "crc">): number {
  // Entries that clients wrote have the checksum that they had before there were writers.
  const by = writer === null ? "" : `\0${writer}`;
  const head = Bun.hash.crc32(`${key}\0${rev}\0${type}\0${value ? "=" : ""}${by}`);
  return value ? Bun.hash.crc32(value as Uint8Array<ArrayBuffer>, head) : head;
}

/** Checks a row against its CRC and returns it. @throws XsError `value_damaged` */
export function checkedRow(row: KvRow): KvRow {
  if (kvCrc(row) === row.crc) return row;
  throw new XsError(
    "value_damaged",
    `the stored value of the key ${quoted(row.key)} is damaged: put it again, or delete it`,
  );
}
