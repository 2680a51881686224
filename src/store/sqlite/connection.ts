import { constants, Database } from "bun:sqlite";

/**
 * How long a connection waits for another of this process, in ms. One that begins to read may hold
 * the write lock for a moment, when it finds a commit half written in the shared index of the log.
 */
export const BUSY_MS = 5000;

/** What opens a file named by a URI, with parameters for SQLite. */
const READ_URI = constants.SQLITE_OPEN_READONLY | constants.SQLITE_OPEN_URI;

/**
 * Opens a database beside the connection that writes.
 *
 * @param database its path, or a `file:` URI
 */
export function openForReading(database: string): Database {
  const how = database.startsWith("file:") ? READ_URI : { readonly: true, strict: true };
  const db = new Database(database, how);
  // Nothing that it sorts takes a file.
  db.run("PRAGMA temp_store = MEMORY");
  db.run(`PRAGMA busy_timeout = ${BUSY_MS}`);
  return db;
}

/** Opens the one connection that writes, to a database that has its tables. */
export function openForWriting(database: string): Database {
  const db = new Database(database, { readwrite: true, strict: true });
  db.run(`PRAGMA busy_timeout = ${BUSY_MS}`);
  // Nothing that it sorts takes a file.
  db.run("PRAGMA temp_store = MEMORY");
  db.run("PRAGMA journal_mode = WAL");
  // Commits are synced in group-commit.ts.
  db.run("PRAGMA synchronous = NORMAL");
  // 16 MiB: a checkpoint writes each page once, however often commits have changed it since the last one.
  db.run("PRAGMA wal_autocheckpoint = 4000");
  return db;
}

/**
 * Gives a connection a cache of 16 MB instead of 2 until the result is disposed: an import of late frames writes to
 * many places of their indexes. Reads gain nothing from it, and would fill it.
 */
export function withLargerCache(db: Database): Disposable {
  db.run("PRAGMA cache_size = -16000");
  return {
    [Symbol.dispose]() {
      try {
        db.run("PRAGMA cache_size = -2000");
      } catch {
        // The store was closed meanwhile.
      }
    },
  };
}

/** Names a database that nobody changes: SQLite takes no lock, and reads no log. */
export function immutableUri(path: string): string {
  return `${Bun.pathToFileURL(path).href}?immutable=1`;
}
