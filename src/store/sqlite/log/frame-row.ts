import { XsError } from "../../../core/error.ts";
import { idInLine } from "../../../core/frame.ts";

/** A row of `frames` or `late`, as far as a reader needs it. */
export interface FrameRow {
  /** Below 0 for a late frame. */
  readonly seq: number;
  readonly crc: number;
  readonly line: string;
}

/**
 * The checksum of a line in a row: its CRC-32, begun with the number of the row, so that a line which a damaged page
 * shows in another row is damaged as well.
 */
export function crcOf(line: string | Uint8Array<ArrayBuffer>, seq: number): number {
  return Bun.hash.crc32(line, seq >>> 0);
}

/** Whether the line of a row matches its checksum. */
export function isSound({ seq, crc, line }: FrameRow): boolean {
  return crcOf(line, seq) === crc;
}

/** Checks a row and returns its line. @throws XsError `frame_damaged` */
export function checkedLine(row: FrameRow): string {
  if (isSound(row)) return row.line;
  throw damagedFrame(idInLine(row.line));
}

/** The error of a read that meets a damaged row. */
export function damagedFrame(id: string): XsError {
  return new XsError(
    "frame_damaged",
    `the stored frame ${id} is damaged: restore it with an import, after  xs remove ${id}`,
  );
}
