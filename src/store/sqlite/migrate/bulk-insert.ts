import type { Database } from "bun:sqlite";

/** Rows of one statement: each call of SQLite costs as much as several rows. */
const ROWS = 64;

type Value = string | number | null;

/** Inserts many rows into one table. */
export class BulkInsert {
  readonly #many: ReturnType<Database["query"]>;
  readonly #one: ReturnType<Database["query"]>;
  readonly #columns: number;
  #values: Value[] = [];

  /** @param into the table with its columns, as `INSERT INTO` takes them */
  constructor(db: Database, into: string) {
    this.#columns = into.split(",").length;
    const row = `(${Array(this.#columns).fill("?").join(", ")})`;
    this.#one = db.query(`INSERT INTO ${into} VALUES ${row}`);
    this.#many = db.query(`INSERT INTO ${into} VALUES ${Array(ROWS).fill(row).join(", ")}`);
  }

  /** Adds a row, which is in the table after {@link flush}. */
  add(...row: Value[]): void {
    this.#values.push(...row);
    if (this.#values.length < ROWS * this.#columns) return;
    this.#many.run(...this.#values);
    this.#values = [];
  }

  flush(): void {
    for (let at = 0; at < this.#values.length; at += this.#columns) {
      this.#one.run(...this.#values.slice(at, at + this.#columns));
    }
    this.#values = [];
  }
}
