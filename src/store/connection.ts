import { Database } from "bun:sqlite";

/**
 * How long a connection waits for another of this process, in ms. One that begins to read may hold
 * the write lock for a moment, when it finds a commit half written in the shared index of the log.
 */
export const BUSY_MS = 5000;

/** Opens a database beside the connection that writes. */
export function openForReading(database: string): Database {
  const db = new Database(database, { readonly: true, strict: true });
  db.run(`PRAGMA busy_timeout = ${BUSY_MS}`);
  return db;
}
