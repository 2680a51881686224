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

/** Tells the `seq` of each row of a page. Without gaps they follow from the first. */
function numbersOf({ first, seqs }: JoinedRow, direction: Direction): (row: number) => number {
  if (seqs !== undefined) {
    const numbers = JSON.parse(seqs) as number[];
    return (row) => numbers[row] ?? 0;
  }
  const start = first ?? 0;
  const step = direction === "asc" ? 1 : -1;
  return (row) => start + row * step;
}

/** The lines of a page up to the first that does not match its checksum, and the `seq` of the last of them. */
export function soundLines(
  row: JoinedRow,
  direction: Direction,
): { rows: number; bytes: Uint8Array; seq: number } {
  const bytes = row.bytes ?? new Uint8Array();
  const crcs = JSON.parse(row.crcs) as number[];
  const seqOf = numbersOf(row, direction);
  let start = 0;
  // No iterator: it takes a quarter more time for each line.
  for (let n = 0; n < crcs.length; n++) {
    const end = bytes.indexOf(LF, start);
    const line = bytes.subarray(start, end) as Uint8Array<ArrayBuffer>;
    if (crcOf(line, seqOf(n)) !== crcs[n]) {
      return { rows: n, bytes: bytes.subarray(0, start), seq: n > 0 ? seqOf(n - 1) : 0 };
    }
    start = end + 1;
  }
  return { rows: crcs.length, bytes, seq: crcs.length > 0 ? seqOf(crcs.length - 1) : 0 };
}
