import type { Database } from "bun:sqlite";

/** A value of a column. */
export type Value = string | number | null;

/** Rows of one statement. More make it no faster. */
const ROWS = 16;

/** Inserts rows, many with one statement where there are many: a call costs more than a row. */
export class RowInserts {
  readonly #columns: number;
  readonly #one: ReturnType<Database["query"]>;
  readonly #many: ReturnType<Database["query"]>;

  /** @param insert the statement up to its values */
  constructor(db: Database, insert: string, columns: number) {
    this.#columns = columns;
    const row = `(${Array(columns).fill("?").join(", ")})`;
    this.#one = db.query(`${insert} VALUES ${row}`);
    this.#many = db.query(`${insert} VALUES ${Array(ROWS).fill(row).join(", ")}`);
  }

  /** @param values those of all rows, one row after the other */
  insert(values: readonly Value[]): void {
    const { length } = values;
    const many = ROWS * this.#columns;
    let at = 0;
    for (; at + many <= length; at += many) this.#many.run(...values.slice(at, at + many));
    for (; at < length; at += this.#columns) this.#one.run(...values.slice(at, at + this.#columns));
  }
}
