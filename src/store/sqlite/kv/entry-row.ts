import { quoted, XsError } from "../../../core/error.ts";

/** A row; without a value where the pair was deleted while somebody watched. */
export interface KvRow {
  readonly key: string;
  readonly rev: string;
  readonly type: string;
  readonly crc: number;
  readonly value: Uint8Array | null;
}

/** What a listing reads of a row. */
export interface KvInfoRow {
  readonly key: string;
  readonly rev: string;
  readonly type: string;
  /** Null for a deleted pair. */
  readonly size: number | null;
}

/** The checksum of a pair, over everything that is stored of it. */
export function kvCrc({ key, rev, type, value }: Omit<KvRow, "crc">): number {
  const head = Bun.hash.crc32(`${key}\0${rev}\0${type}\0${value ? "=" : ""}`);
  return value ? Bun.hash.crc32(value as Uint8Array<ArrayBuffer>, head) : head;
}

/** Checks a row against its CRC and gives it back. @throws XsError `value_damaged` */
export function checkedRow(row: KvRow): KvRow {
  if (kvCrc(row) === row.crc) return row;
  throw new XsError(
    "value_damaged",
    `the stored value of the key ${quoted(row.key)} is damaged: put it again, or delete it`,
  );
}

/** A pair without its value, as a listing gives it. */
export function infoLine({ key, rev, type, size }: KvInfoRow): string {
  return JSON.stringify({ key, rev, size, type });
}
