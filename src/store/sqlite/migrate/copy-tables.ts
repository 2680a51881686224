import type { Database } from "bun:sqlite";
import { XsError } from "../../../core/error.ts";

/** A table that is copied whole, with its columns. */
interface Copied {
  readonly name: string;
  /** Its name before, where it had another. */
  readonly before?: string;
  /** The first schema that has it. */
  readonly since: number;
  readonly columns: Readonly<Record<string, keyof typeof AS>>;
}

/** In a damaged row a column may have any type, and a table takes only its own. A checksum, or a check, reports it. */
const AS = {
  text: (column: string) => `coalesce(CAST(${column} AS TEXT), '')`,
  bytes: (column: string) => `CAST(${column} AS BLOB)`,
  integer: (column: string) => `CASE typeof(${column}) WHEN 'integer' THEN ${column} ELSE -1 END`,
};

const TABLES: readonly Copied[] = [
  { name: "gc_candidates", before: "freed", since: 2, columns: { hash: "text" } },
  {
    name: "kv",
    since: 2,
    columns: { key: "text", rev: "text", type: "text", crc: "integer", value: "bytes" },
  },
  {
    name: "answers",
    since: 2,
    columns: { key: "text", expires: "integer", request: "text", frames: "text" },
  },
  { name: "growing", since: 2, columns: { id: "text" } },
  { name: "facts", since: 1, columns: { key: "text", value: "text" } },
];

/** Before schema 2 every staged content had one use. */
const STAGED: Copied = {
  name: "staged",
  since: 1,
  columns: { seq: "integer", uses: "integer", hash: "text", bytes: "bytes" },
};
const STAGED_1: Copied = {
  ...STAGED,
  columns: { seq: "integer", hash: "text", bytes: "bytes" },
};

/** Copies all tables but those of the frames from an attached database `old`. */
export function copyTables(db: Database, from: number): void {
  for (const { name, before = name, columns, since } of [
    ...TABLES,
    from === 1 ? STAGED_1 : STAGED,
  ]) {
    if (since > from) continue;
    const names = Object.keys(columns).join(", ");
    const values = Object.entries(columns).map(([column, kind]) => AS[kind](column));
    db.run(`INSERT INTO ${name} (${names}) SELECT ${values.join(", ")} FROM old.${before}`);
    checkCount(db, name, `old.${before}`);
  }
}

/** @throws XsError `store_damaged` if a frame is missing, or is not in the index */
export function checkCounts(db: Database, frames: number): void {
  for (const [what, sql] of [
    ["frames", "SELECT count(*) AS n FROM frames"],
    ["index", "SELECT count(*) AS n FROM by_topic WHERE topic >= 0"],
    [
      "topics",
      `SELECT (SELECT coalesce(sum(frames), 0) FROM topics) +
        (SELECT count(*) FROM by_topic WHERE topic = 0) AS n`,
    ],
  ] as const) {
    const { n } = db.query(sql).get() as { n: number };
    if (n !== frames) throw incomplete(what, frames, n);
  }
}

function checkCount(db: Database, name: string, before: string): void {
  const { had, has } = db
    .query(`SELECT (SELECT count(*) FROM ${before}) AS had, (SELECT count(*) FROM ${name}) AS has`)
    .get() as { had: number; has: number };
  if (had !== has) throw incomplete(name, had, has);
}

function incomplete(what: string, had: number, has: number): XsError {
  return new XsError(
    "store_damaged",
    `the database is damaged: of ${had.toLocaleString("en")} rows only ${has.toLocaleString("en")} could be migrated (${what}); it is left as it is: restore a copy, or try  sqlite3 events.db .recover`,
  );
}
