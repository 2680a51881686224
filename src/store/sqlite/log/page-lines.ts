import { crcOf } from "./frame-row.ts";
import type { Direction } from "./page-sql.ts";

const LF = 10;

/** A page as SQLite joins its lines. */
export interface JoinedRow {
  rows: number;
  first: number | null;
  last: number | null;
  /** JSON arrays; the second only where it is asked for. */
  crcs: string;
  seqs?: string;
  /** The lines, each with its newline; null for none. */
  bytes: Uint8Array | null;
}

/** The `seq` of each row of a page. Without gaps they follow from the first. */
function numbersOf({ rows, first, seqs }: JoinedRow, direction: Direction): readonly number[] {
  if (seqs !== undefined) return JSON.parse(seqs) as number[];
  const step = direction === "asc" ? 1 : -1;
  return Array.from({ length: rows }, (_, n) => (first ?? 0) + n * step);
}

/** The lines of a page up to the first that does not match its checksum, and the `seq` of the last of them. */
export function soundLines(
  row: JoinedRow,
  direction: Direction,
): { rows: number; bytes: Uint8Array; seq: number } {
  const bytes = row.bytes ?? new Uint8Array();
  const crcs = JSON.parse(row.crcs) as number[];
  const seqs = numbersOf(row, direction);
  let start = 0;
  for (const [n, crc] of crcs.entries()) {
    const end = bytes.indexOf(LF, start);
    const line = bytes.subarray(start, end) as Uint8Array<ArrayBuffer>;
    if (crcOf(line, seqs[n] ?? 0) !== crc) {
      return { rows: n, bytes: bytes.subarray(0, start), seq: seqs[n - 1] ?? 0 };
    }
    start = end + 1;
  }
  return { rows: crcs.length, bytes, seq: seqs.at(-1) ?? 0 };
}
