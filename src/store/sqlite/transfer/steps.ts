import type { ImportFrame } from "../../types.ts";

/** The most rows, and bytes, that one commit of an import takes. */
export const STEP_ROWS = 10_000;
export const STEP_BYTES = 16 * 1024 * 1024;
/** The bytes of a row besides its long texts. */
const ROW_BYTES = 200;

/** About the bytes of a frame in memory. */
export function frameBytes({ meta }: Pick<ImportFrame, "meta">): number {
  return meta.length + ROW_BYTES;
}

/** Rows in steps of one commit. @param size the bytes of a row's long texts */
export function* steps<Row>(rows: Iterable<Row>, size: (row: Row) => number): Generator<Row[]> {
  let step: Row[] = [];
  let bytes = 0;
  for (const row of rows) {
    step.push(row);
    bytes += size(row) + ROW_BYTES;
    if (step.length < STEP_ROWS && bytes < STEP_BYTES) continue;
    yield step;
    step = [];
    bytes = 0;
  }
  if (step.length > 0) yield step;
}
