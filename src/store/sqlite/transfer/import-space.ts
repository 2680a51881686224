import { Database } from "bun:sqlite";
import { readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { parseTtl } from "../../../core/ttl.ts";
import type { Position, Tombstone } from "../../import.ts";
import type { EntryData } from "../../kv.ts";
import type { ImportFrame } from "../../types.ts";
import { makePrivateFile } from "../own-files.ts";
import { steps } from "./steps.ts";

const NAME = /^import-[0-9a-f-]{36}\.db$/;

type FrameRow = Omit<ImportFrame, "ttl" | "position"> & { ttl: string; position: string | null };

/**
 * The place where an import keeps its input until it has read all of it: a separate database beside the
 * store's. It need not survive anything, so nothing of it is synced. The generators yield some rows at a time.
 */
export class ImportSpace {
  readonly #path: string;
  readonly #db: Database;
  readonly #sql: ReturnType<typeof statements>;
  /** The frames came in the order of ids, up to this one; undefined if they did not. */
  #newest: string | undefined = "";

  /** @param directory of the store */
  constructor(directory: string) {
    this.#path = join(directory, `import-${crypto.randomUUID()}.db`);
    makePrivateFile(this.#path);
    this.#db = new Database(this.#path, { create: true, strict: true });
    this.#db.run("PRAGMA journal_mode = MEMORY");
    this.#db.run("PRAGMA synchronous = OFF");
    this.#db.run(`
      CREATE TABLE frames (seq INTEGER PRIMARY KEY, topic, id, hash, meta, ttl);
      CREATE TABLE positions (id PRIMARY KEY, position) WITHOUT ROWID;
      CREATE TABLE tombstones (seq INTEGER PRIMARY KEY, id, ms);
      CREATE TABLE entries (seq INTEGER PRIMARY KEY, key, rev, type, writer, value);
      CREATE TABLE names (name PRIMARY KEY) WITHOUT ROWID;
      CREATE TABLE fresh (hash PRIMARY KEY) WITHOUT ROWID;
    `);
    this.#sql = statements(this.#db);
    this.#db.run("BEGIN");
  }

  /** Notes the name of a part of the input. Returns false if the name came before. */
  addName(name: string): boolean {
    return this.#sql.name.run(name).changes > 0;
  }

  addFrames(frames: readonly ImportFrame[]): void {
    for (const { topic, id, hash, meta, ttl } of frames) {
      this.#newest = this.#newest !== undefined && id >= this.#newest ? id : undefined;
      this.#sql.frame.run(topic, id, hash, meta, ttl.text);
    }
  }

  addPosition({ id, position }: Position): void {
    this.#sql.position.run(id, position);
  }

  addTombstone({ id, ms }: Tombstone): void {
    this.#sql.tombstone.run(id, ms);
  }

  addEntry({ key, rev, type, writer, value }: EntryData): void {
    this.#sql.entry.run(key, rev, type, writer, value);
  }

  /** Notes content that the import is about to bring into the store. */
  addFresh(hash: string): void {
    this.#sql.fresh.run(hash);
  }

  /** A text that tells these frames from those of another import, whatever their order. */
  nameOfFrames(): string {
    const count = "SELECT count(*) AS frames, min(id) AS first, max(id) AS last FROM frames";
    const { frames, first, last } = this.#db.query(count).get() as Record<string, unknown>;
    return `${frames} ${first} ${last}`;
  }

  /** The frames, with their positions, in the order of ids. */
  *frames(): Generator<ImportFrame[]> {
    const isSorted = this.#newest !== undefined;
    if (!isSorted) this.#db.run("CREATE INDEX IF NOT EXISTS frames_by_id ON frames (id)");
    const rows = this.#db.query(`
      SELECT topic, frames.id AS id, hash, meta, ttl, position
      FROM frames LEFT JOIN positions ON positions.id = frames.id
      ORDER BY ${isSorted ? "frames.seq" : "frames.id, frames.seq"}`);
    for (const step of steps(rows.iterate() as Iterable<FrameRow>, ({ meta }) => meta.length)) {
      yield step.map(({ ttl, position, ...row }) => ({
        ...row,
        ttl: parseTtl(ttl),
        ...(position !== null && { position }),
      }));
    }
  }

  tombstones(): Generator<Tombstone[]> {
    const rows = this.#db.query("SELECT id, ms FROM tombstones ORDER BY seq");
    return steps(rows.iterate() as Iterable<Tombstone>, () => 0);
  }

  entries(): Generator<EntryData[]> {
    const rows = this.#db.query("SELECT key, rev, type, writer, value FROM entries ORDER BY seq");
    return steps(rows.iterate() as Iterable<EntryData>, ({ value }) => value?.length ?? 0);
  }

  /** The hashes of the content that the import has brought. */
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

function statements(db: Database) {
  return {
    name: db.query("INSERT OR IGNORE INTO names (name) VALUES (?)"),
    frame: db.query("INSERT INTO frames (topic, id, hash, meta, ttl) VALUES (?, ?, ?, ?, ?)"),
    position: db.query("INSERT OR IGNORE INTO positions (id, position) VALUES (?, ?)"),
    tombstone: db.query("INSERT INTO tombstones (id, ms) VALUES (?, ?)"),
    entry: db.query("INSERT INTO entries (key, rev, type, writer, value) VALUES (?, ?, ?, ?, ?)"),
    fresh: db.query("INSERT OR IGNORE INTO fresh (hash) VALUES (?)"),
  };
}
