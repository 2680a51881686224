import type { QueryResult, SqlValue } from "../../store/query.ts";
import { writeOut } from "./output.ts";
import type { RowFormat } from "./sql-formats.ts";

/** One write takes rows until it has this many units of text and bytes, or this many rows. */
const WRITE_UNITS = 64 * 1024;
const WRITE_ROWS = 1000;
/** A row does not wait longer than this for the next one, in ms, if one comes. */
const WAIT_MS = 50;

/**
 * Prints the rows of a query as they come, at the pace of the reader.
 *
 * @param eager so many rows are written each as it comes: after them a query may look long for the next one
 */
export async function printRows(
  { rows }: QueryResult,
  format: RowFormat,
  eager: number,
): Promise<void> {
  let begin = format.begin();
  let waiting: (readonly SqlValue[])[] = [];
  let units = 0;
  let count = 0;
  let written = performance.now();
  const write = async () => {
    const text = begin + format.show(waiting);
    begin = "";
    waiting = [];
    units = 0;
    if (text !== "") await writeOut(text);
    written = performance.now();
  };
  for (const row of rows) {
    waiting.push(row);
    // The next ones may follow at once, however long the first one took.
    if (++count === 1) written = performance.now();
    for (const value of row) {
      if (typeof value === "string" || value instanceof Uint8Array) units += value.length;
    }
    const isFull = units >= WRITE_UNITS || waiting.length >= WRITE_ROWS;
    if (isFull || count <= eager || performance.now() - written >= WAIT_MS) await write();
  }
  await write();
}
