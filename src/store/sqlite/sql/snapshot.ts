import { constants, Database } from "bun:sqlite";
import { XsError } from "../../../core/error.ts";
import { isCorrupt } from "../../failures.ts";
import type { QueryResult, QuerySnapshot, SqlValue } from "../../query.ts";
import { BUSY_MS } from "../connection.ts";
import { SCHEMA } from "../schema.ts";
import { noQuery, oneStatement } from "./one-statement.ts";
import { framesView, goesByTopic, kvView, topicsView, type ViewsOf, type Way } from "./views.ts";

const VIEWS = ["frames", "kv", "topics"];

/**
 * The database of a store at one moment, as queries see it: through the views, and through nothing else. SQLite has no
 * other way here to keep a query from the tables, in which are frames that have expired. So the database of the
 * connection is an empty one; that of the store has a name that nobody can guess; and the name of each of its tables
 * stands for a view.
 */
export class SqlSnapshot implements QuerySnapshot {
  readonly #db: Database;
  readonly #views: ViewsOf;
  #way: Way | undefined;

  /**
   * @param uri of the database, as SQLite opens it
   * @throws XsError `store_in_use` where it has another schema
   */
  constructor(uri: string) {
    const how = constants.SQLITE_OPEN_READONLY | constants.SQLITE_OPEN_URI;
    const db = new Database("file::memory:", how);
    this.#db = db;
    try {
      db.run(`PRAGMA busy_timeout = ${BUSY_MS}`);
      const store = `store_${Buffer.from(crypto.getRandomValues(new Uint8Array(16))).toString("hex")}`;
      db.run(`ATTACH ? AS ${store}`, [uri]);
      checkSchema(db, store);
      const now = Date.now();
      const is = (sql: string) => db.query(`SELECT EXISTS (${sql}) AS it`).get() as { it: number };
      // The snapshot begins with the first read.
      db.run("BEGIN");
      const { it: late } = is(`SELECT 1 FROM ${store}.late`);
      const { it: expired } = is(`SELECT 1 FROM ${store}.frames WHERE expires <= ${now}`);
      this.#views = { store, now, hasLate: late === 1, hasExpired: expired === 1 };
      this.#makeViews();
    } catch (error) {
      db.close();
      throw error;
    }
  }

  query(sql: string): QueryResult {
    const inner = oneStatement(sql);
    // As it parses alone, no parenthesis in it can end the one around it; and nothing but a query parses within that.
    this.#parse(inner).finalize();
    const outer = `SELECT * FROM (${inner}\n)`;
    this.#chooseWay(outer);
    const statement = this.#parse(outer);
    if (statement.paramsCount > 0) {
      throw new XsError(
        "bad_option",
        "the query has a parameter (?, :name, @name or $name): write its value",
      );
    }
    statement.safeIntegers(true);
    const { columnNames: columns } = statement;
    return { columns, rows: rowsOf(statement, columns) };
  }

  [Symbol.dispose](): void {
    this.#db.close();
  }

  #makeViews(): void {
    const { store } = this.#views;
    this.#db.run(`CREATE TEMP VIEW kv AS ${kvView(this.#views)}`);
    this.#db.run(`CREATE TEMP VIEW topics AS ${topicsView(this.#views)}`);
    this.#useWay("topic");
    const tables = this.#db
      .query(`SELECT name FROM ${store}.sqlite_schema WHERE type IN ('table', 'view')`)
      .all() as { name: string }[];
    for (const { name } of tables) {
      if (VIEWS.includes(name) || name.startsWith("sqlite_")) continue;
      // The error of a query that names it has the name of what is not there.
      const missing = `"${`${name} (a table of the store itself)`.replaceAll('"', '""')}"`;
      this.#db.run(
        `CREATE TEMP VIEW "${name.replaceAll('"', '""')}" AS SELECT * FROM temp.${missing}`,
      );
    }
  }

  #useWay(way: Way): void {
    if (this.#way === way) return;
    if (this.#way !== undefined) this.#db.run("DROP VIEW temp.frames");
    this.#db.run(`CREATE TEMP VIEW frames AS ${framesView(this.#views, way)}`);
    this.#way = way;
  }

  #chooseWay(query: string): void {
    this.#useWay("topic");
    const explain = this.#parse(`EXPLAIN QUERY PLAN ${query}`);
    const plan = explain.all() as { detail: string }[];
    explain.finalize();
    if (!goesByTopic(plan.map(({ detail }) => detail))) this.#useWay("log");
  }

  /** @throws XsError `bad_option` */
  #parse(sql: string): ReturnType<Database["prepare"]> {
    try {
      return this.#db.prepare(sql);
    } catch (error) {
      const { message } = error as Error;
      // As for a DELETE behind a WITH.
      if (message.startsWith("cannot modify")) throw noQuery(message);
      const problem = message.replace("no such table: temp.", "no such table: ");
      throw new XsError(
        "bad_option",
        `${problem}:  xs sql  alone shows the views and their columns`,
      );
    }
  }
}

/** @throws XsError `bad_request`, `frame_damaged` */
function* rowsOf(
  statement: ReturnType<Database["prepare"]>,
  columns: readonly string[],
): Generator<readonly SqlValue[]> {
  try {
    for (const row of statement.iterate() as Iterable<Record<string, SqlValue>>) {
      yield columns.map((name) => row[name] as SqlValue);
    }
  } catch (error) {
    throw failed(error as Error & { code?: string });
  }
}

function failed(error: Error & { code?: string }): Error {
  const { code = "", message } = error;
  if (isCorrupt(error)) {
    return new XsError(
      "frame_damaged",
      `the database is damaged (${message}):  xs verify  names what is`,
    );
  }
  const isTooMuch =
    code === "SQLITE_NOMEM" || code === "SQLITE_TOOBIG" || error.name === "RangeError";
  if (isTooMuch || message === "Out of memory") {
    return new XsError(
      "bad_request",
      `the query needs more memory than there is for it (${message}): ask for fewer rows at once, or for shorter values`,
    );
  }
  if (code === "SQLITE_FULL" || code.startsWith("SQLITE_IOERR")) {
    return new XsError(
      "disk_full",
      `the query fails (${message}): there may be no room for what it sorts; set TMPDIR to a folder that has some`,
    );
  }
  if (!code.startsWith("SQLITE_")) return error;
  return new XsError("bad_request", `the query fails at a row: ${message}`);
}

/** @throws XsError `store_in_use` */
function checkSchema(db: Database, store: string): void {
  const { user_version: version } = db.query(`PRAGMA ${store}.user_version`).get() as {
    user_version: number;
  };
  if (version === SCHEMA) return;
  throw new XsError(
    "store_in_use",
    `another version of xs has the store open, with schema ${version}, and this xs reads ${SCHEMA}: use that one`,
  );
}
