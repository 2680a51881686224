import type { Database } from "bun:sqlite";
import { XsError } from "../../core/error.ts";
import { idInLine } from "../../core/frame.ts";
import { scopesOfLine } from "../../core/index-keys.ts";

/**
 * The migrations, in order; a store's `user_version` tells how many it has had. Only ever add one
 * at the end: stores made by every earlier version must open.
 */
const MIGRATIONS: readonly ((db: Database) => void)[] = [
  (db) =>
    db.run(`
  -- Log order is id order. "frame" is the JSON line as it is served; "crc" is its CRC-32, because
  -- SQLite has no checksums of its own. "expires" is the ms after which no read gives the frame.
  CREATE TABLE frames (
    id TEXT PRIMARY KEY,
    expires INTEGER,
    crc INTEGER NOT NULL,
    frame TEXT NOT NULL
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX frames_by_expiry ON frames (expires) WHERE expires IS NOT NULL;

  -- A row for the frame's topic and one for each wildcard above it ("a.b.c", "a.b.*", "a.*"), so
  -- that a read of any of them is one index range.
  CREATE TABLE scopes (
    scope TEXT NOT NULL,
    id TEXT NOT NULL,
    PRIMARY KEY (scope, id)
  ) STRICT, WITHOUT ROWID;

  -- Small content, committed with its frame, on its way to cacache.
  CREATE TABLE staged (
    seq INTEGER PRIMARY KEY,
    hash TEXT NOT NULL UNIQUE,
    bytes BLOB NOT NULL
  ) STRICT;

  -- newest_id: no id up to this one is given again, even if nothing has it any more.
  CREATE TABLE facts (key TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID;
  `),

  (db) => {
    db.run(`
  -- Without an index by hash, which is in memory instead. "uses": how many frames that put the
  -- content here are still there. At 0 it does not settle: it waits for the collector, which looks
  -- whether anything else names it.
  ALTER TABLE staged RENAME TO staged_before;
  CREATE TABLE staged (
    seq INTEGER PRIMARY KEY,
    uses INTEGER NOT NULL DEFAULT 1,
    hash TEXT NOT NULL,
    bytes BLOB NOT NULL
  ) STRICT;
  INSERT INTO staged (seq, hash, bytes) SELECT seq, hash, bytes FROM staged_before;
  DROP TABLE staged_before;

  -- Content that a removed frame named: the collector frees what nothing else names.
  CREATE TABLE freed (hash TEXT PRIMARY KEY) STRICT, WITHOUT ROWID;

  -- "rev" is an id of the frames' sequence; "crc" is the CRC-32 of all the rest. A pair without a
  -- value was deleted while somebody watched.
  CREATE TABLE kv (
    key TEXT PRIMARY KEY,
    rev TEXT NOT NULL,
    type TEXT NOT NULL,
    crc INTEGER NOT NULL,
    value BLOB
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX kv_deleted ON kv (rev) WHERE value IS NULL;

  -- The answers of appends with an Idempotency-Key; "request" is a hash of what was asked for.
  CREATE TABLE answers (
    key TEXT PRIMARY KEY,
    expires INTEGER NOT NULL,
    request TEXT NOT NULL,
    frames TEXT NOT NULL
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX answers_by_expiry ON answers (expires);

  -- The first frames of chunked content that still grows.
  CREATE TABLE growing (id TEXT PRIMARY KEY) STRICT, WITHOUT ROWID;
  `);
    // Frames with a "last:" ttl, and chunks, are indexed as such from now on.
    const insert = db.query("INSERT OR IGNORE INTO scopes (scope, id) VALUES (?, ?)");
    const rows = db.query(
      `SELECT frame FROM frames WHERE frame LIKE '%"ttl":"last:%' OR frame LIKE '%"chunk":{%'`,
    );
    for (const { frame } of rows.all() as { frame: string }[]) {
      for (const scope of scopesOfLine(frame)) insert.run(scope, idInLine(frame));
    }
  },
];

/**
 * Brings a store's schema up to date.
 *
 * @throws XsError `store_too_new` if a newer xs made it
 */
export function migrate(db: Database): void {
  const version = versionOf(db);
  if (version > MIGRATIONS.length) {
    throw new XsError(
      "store_too_new",
      `this store has schema ${version} and this xs knows up to ${MIGRATIONS.length}: use the newer xs that made it`,
    );
  }
  for (const [index, migration] of MIGRATIONS.entries()) {
    if (index < version) continue;
    db.transaction(() => {
      migration(db);
      db.run(`PRAGMA user_version = ${index + 1}`);
    })();
  }
}

/** Whether a store needs no migration. */
export function isUpToDate(db: Database): boolean {
  return versionOf(db) >= MIGRATIONS.length;
}

function versionOf(db: Database): number {
  const { user_version: version } = db.query("PRAGMA user_version").get() as {
    user_version: number;
  };
  return version;
}
