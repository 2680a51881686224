import { shown, XsError } from "../frame/error.ts";
import type { Json } from "../frame/frame.ts";

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

/** A pair with its value, or its deletion, as a watcher gets it. */
export function changeLine({ key, rev, type, value }: Omit<KvRow, "crc">): string {
  if (!value) return JSON.stringify({ key, rev, deleted: true });
  return JSON.stringify({ key, rev, size: value.length, type, ...shownValue(type, value) });
}

/** JSON as it is, other text as text, and the rest in base64. */
function shownValue(type: string, value: Uint8Array): { value: Json } | { base64: string } {
  let text: string;
  try {
    text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(value);
  } catch {
    return { base64: Buffer.from(value).toString("base64") };
  }
  if (!/^application\/(.*\+)?json\b/.test(type)) return { value: text };
  try {
    return { value: JSON.parse(text) as Json };
  } catch {
    return { value: text };
  }
}

/** Checks a row against its CRC and gives it back. @throws XsError `value_damaged` */
export function checkedRow(row: KvRow): KvRow {
  if (kvCrc(row) === row.crc) return row;
  throw new XsError(
    "value_damaged",
    `the stored value of the key ${shown(row.key)} is damaged: put it again, or delete it`,
  );
}

/** A pair without its value, as a listing gives it. */
export function infoLine({ key, rev, type, size }: KvInfoRow): string {
  return JSON.stringify({ key, rev, size, type });
}
