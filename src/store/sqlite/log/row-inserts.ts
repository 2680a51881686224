import type { Database } from "bun:sqlite";

/** A value of a column. */
export type Value = string | number | null;

/** Inserts rows, many with one statement where there are many: a call costs more than a row. */
export class RowInserts {
  readonly #columns: number;
  readonly #rows: number;
  readonly #one: ReturnType<Database["query"]>;
  readonly #many: ReturnType<Database["query"]>;
  #waiting: Value[] = [];

  /**
   * @param insert the statement up to its values, with the columns in parentheses
   * @param rows of one statement; more make a commit no faster
   */
  constructor(db: Database, insert: string, rows = 16) {
    this.#columns = insert.split(",").length;
    this.#rows = rows;
    const row = `(${Array(this.#columns).fill("?").join(", ")})`;
    this.#one = db.query(`${insert} VALUES ${row}`);
    this.#many = db.query(`${insert} VALUES ${Array(rows).fill(row).join(", ")}`);
  }

  /** @param values those of all rows, one row after the other */
  insert(values: readonly Value[]): void {
    const { length } = values;
    const many = this.#rows * this.#columns;
    let at = 0;
    for (; at + many <= length; at += many) this.#many.run(...values.slice(at, at + many));
    for (; at < length; at += this.#columns) this.#one.run(...values.slice(at, at + this.#columns));
  }

  /** Adds a row, which is in the table after {@link flush}. */
  add(...row: Value[]): void {
    this.#waiting.push(...row);
    if (this.#waiting.length >= this.#rows * this.#columns) this.flush();
  }

  flush(): void {
    this.insert(this.#waiting);
    this.#waiting = [];
  }
}
