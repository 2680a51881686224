import { XsError } from "../../../core/error.ts";
import { idInLine } from "../../../core/frame.ts";

/** A row of `frames` or `late`, as far as a reader needs it. */
export interface FrameRow {
  /** Below 0 for a late frame. */
  readonly seq: number;
  readonly crc: number;
  readonly line: string;
}

/** Whether the line of a row matches its CRC. */
export function isSound({ crc, line }: Pick<FrameRow, "crc" | "line">): boolean {
  return Bun.hash.crc32(line) === crc;
}

/** Checks a row against its CRC and returns its line. @throws XsError `frame_damaged` */
export function checkedLine(row: Pick<FrameRow, "crc" | "line">): string {
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
