import { Database } from "bun:sqlite";
import { readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { parseTtl } from "../../../core/ttl.ts";
import { makePrivateFile } from "../../modes.ts";
import type { ImportFrame } from "../../types.ts";
import type { KvEntry } from "../kv/kv.ts";

const NAME = /^import-[0-9a-f-]{36}\.db$/;
/** The most rows, and bytes, that the generators yield at once. */
const STEP_ROWS = 10_000;
const STEP_BYTES = 16 * 1024 * 1024;
/** The bytes of a row besides its long texts. */
const ROW_BYTES = 200;

type FrameRow = Omit<ImportFrame, "ttl"> & { ttl: string };

/**
 * The place where an import keeps its input until it has read all of it: a separate database beside the
 * store's. It need not survive anything, so nothing of it is synced.
 */
export class ImportSpace {
  readonly #path: string;
  readonly #db: Database;
  readonly #sql: ReturnType<typeof statements>;

  /** @param directory of the store */
  constructor(directory: string) {
    this.#path = join(directory, `import-${crypto.randomUUID()}.db`);
    makePrivateFile(this.#path);
    this.#db = new Database(this.#path, { create: true, strict: true });
    this.#db.run("PRAGMA journal_mode = MEMORY");
    this.#db.run("PRAGMA synchronous = OFF");
    this.#db.run(`
      CREATE TABLE frames (seq INTEGER PRIMARY KEY, topic, id, hash, meta, ttl);
      CREATE TABLE pairs (seq INTEGER PRIMARY KEY, key, rev, type, value);
      CREATE TABLE entries (name PRIMARY KEY) WITHOUT ROWID;
      CREATE TABLE fresh (hash PRIMARY KEY) WITHOUT ROWID;
    `);
    this.#sql = statements(this.#db);
    this.#db.run("BEGIN");
  }

  /** Notes the name of a tar entry. Returns false if the name came before. */
  addEntry(name: string): boolean {
    return this.#sql.entry.run(name).changes > 0;
  }

  addFrame({ topic, id, hash, meta, ttl }: ImportFrame): void {
    this.#sql.frame.run(topic, id, hash, meta, ttl.text);
  }

  addEntryOfKv({ key, rev, type, value }: KvEntry): void {
    this.#sql.pair.run(key, rev, type, value);
  }

  /** Notes content that the import is about to bring into the store. */
  addFresh(hash: string): void {
    this.#sql.fresh.run(hash);
  }

  /** The frames in the order they came, some at a time. */
  *frames(): Generator<ImportFrame[]> {
    const rows = this.#db.query("SELECT topic, id, hash, meta, ttl FROM frames ORDER BY seq");
    for (const step of steps(rows.iterate() as Iterable<FrameRow>, ({ meta }) => meta.length)) {
      yield step.map((row) => ({ ...row, ttl: parseTtl(row.ttl) }));
    }
  }

  /** The key/value entries, some at a time. */
  *pairs(): Generator<KvEntry[]> {
    const rows = this.#db.query("SELECT key, rev, type, value FROM pairs ORDER BY seq");
    type PairRow = Omit<KvEntry, "size">;
    for (const step of steps(rows.iterate() as Iterable<PairRow>, ({ value }) => value.length)) {
      yield step.map((row) => ({ ...row, size: row.value.length }));
    }
  }

  /** The hashes of the content that the import has brought, some at a time. */
  *fresh(): Generator<string[]> {
    const rows = this.#db.query("SELECT hash FROM fresh").iterate() as Iterable<{ hash: string }>;
    for (const step of steps(rows, () => 0)) yield step.map(({ hash }) => hash);
  }

  /** Removes the database. */
  close(): void {
    this.#db.close();
    rmSync(this.#path, { force: true });
  }
}

/** Removes what imports left in a store when their process was killed; under the store's lock. */
export function removeImportSpaces(directory: string): void {
  for (const name of readdirSync(directory)) {
    if (NAME.test(name)) rmSync(join(directory, name), { force: true });
  }
}

function* steps<Row>(rows: Iterable<Row>, size: (row: Row) => number): Generator<Row[]> {
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

function statements(db: Database) {
  return {
    entry: db.query("INSERT OR IGNORE INTO entries (name) VALUES (?)"),
    frame: db.query("INSERT INTO frames (topic, id, hash, meta, ttl) VALUES (?, ?, ?, ?, ?)"),
    pair: db.query("INSERT INTO pairs (key, rev, type, value) VALUES (?, ?, ?, ?)"),
    fresh: db.query("INSERT OR IGNORE INTO fresh (hash) VALUES (?)"),
  };
}
