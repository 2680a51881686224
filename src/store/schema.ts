import type { Database } from "bun:sqlite";
import { XsError } from "../frame/error.ts";

/**
 * The migrations, in order; a store's `user_version` tells how many it has had. Only ever add one
 * at the end: stores made by every earlier version must open.
 */
const MIGRATIONS: readonly string[] = [
  `
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

  -- newest_id: no id up to this one is given again, even if its frame was removed.
  CREATE TABLE facts (key TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID;
  `,
];

/**
 * Brings a store's schema up to date.
 *
 * @throws XsError `store_too_new` if a newer xs made it
 */
export function migrate(db: Database): void {
  const { user_version: version } = db.query("PRAGMA user_version").get() as {
    user_version: number;
  };
  if (version > MIGRATIONS.length) {
    throw new XsError(
      "store_too_new",
      `this store has schema ${version} and this xs knows up to ${MIGRATIONS.length}: use the newer xs that made it`,
    );
  }
  for (const [index, migration] of MIGRATIONS.entries()) {
    if (index < version) continue;
    db.transaction(() => {
      db.run(migration);
      db.run(`PRAGMA user_version = ${index + 1}`);
    })();
  }
}
