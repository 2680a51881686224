import type { Database } from "bun:sqlite";
import type { Findings } from "./findings.ts";

/** A table to be read from one end to the other. */
export interface Table {
  readonly name: string;
  readonly columns: string;
  /** The columns of its primary key, all of text or all of numbers. */
  readonly key: readonly string[];
  /** Sorts below every key. */
  readonly lowest: "" | number;
  /** Rows that are read, and looked at, in one turn of the event loop. */
  readonly step: number;
}

type Key = readonly (string | number | Uint8Array)[];
type Order = "asc" | "desc";

/** Sorts above every key: a blob comes after all text and all numbers. */
const HIGHEST = new Uint8Array();

/**
 * Visits every row of a table that can be read. Where the database is damaged it says so, and goes
 * on from the other end of the table, up to the damage.
 */
export async function eachRow<Row>(
  db: Database,
  table: Table,
  findings: Findings,
  visit: (row: Row) => void,
): Promise<void> {
  const { name, key, lowest, step } = table;
  let low: Key = key.map(() => lowest);
  let high: Key = key.map(() => HIGHEST);
  let order: Order = "asc";
  for (let limit = step; ; await findings.turn()) {
    let rows: Row[];
    try {
      rows = readPage(db, table, order).all(...low, ...high, limit) as Row[];
    } catch (error) {
      if (limit > 1) {
        // Row by row, up to the very one that cannot be read.
        limit = 1;
        continue;
      }
      const place = order === "asc" ? `after ${low.join(" ")}` : `before ${high.join(" ")}`;
      findings.found(`${name} ${place}: cannot be read: ${(error as Error).message}`);
      if (order === "desc") return;
      order = "desc";
      limit = step;
      continue;
    }
    const last = rows.at(-1);
    if (!last) return;
    for (const row of rows)
      findings.guarded(`${name} ${keyOf(row, key).join(" ")}`, () => visit(row));
    const at = keyOf(last, key);
    if (compare(at, low) <= 0 || compare(at, high) >= 0) {
      findings.found(`${name} ${at.join(" ")}: is out of order, so what follows it was not read`);
      return;
    }
    if (order === "asc") low = at;
    else high = at;
  }
}

function readPage(db: Database, { name, columns, key }: Table, order: Order) {
  const keys = key.join(", ");
  const marks = key.map(() => "?").join(", ");
  const sorted = key.map((column) => `${column} ${order}`).join(", ");
  return db.query(
    `SELECT ${columns} FROM ${name}
      WHERE (${keys}) > (${marks}) AND (${keys}) < (${marks}) ORDER BY ${sorted} LIMIT ?`,
  );
}

function keyOf(row: unknown, columns: readonly string[]): Key {
  return columns.map(
    (column) => (row as Record<string, string | number>)[column] as string | number,
  );
}

/** As SQLite compares keys. */
function compare(a: Key, b: Key): number {
  for (const [index, left] of a.entries()) {
    const right = b[index];
    const order =
      right === HIGHEST
        ? -1
        : typeof left === "number"
          ? left - Number(right)
          : Buffer.compare(Buffer.from(String(left)), Buffer.from(String(right)));
    if (order !== 0) return order;
  }
  return 0;
}
