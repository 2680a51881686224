import type { Database } from "bun:sqlite";
import { XsError } from "../../core/error.ts";
import { TABLES } from "./tables.ts";

/** The version of the tables in tables.ts: a database has it as its `user_version`. */
export const SCHEMA = 3;

/** The version of a database; 0 for one without tables. @throws XsError `store_too_new` if a newer xs made it */
export function versionOf(db: Database): number {
  const { user_version: version } = db.query("PRAGMA user_version").get() as {
    user_version: number;
  };
  if (version <= SCHEMA) return version;
  throw new XsError(
    "store_too_new",
    `this store has schema ${version} and this xs knows up to ${SCHEMA}: use the newer xs that made it`,
  );
}

/** Whether a database needs no migration. @throws XsError `store_too_new` */
export function isUpToDate(db: Database): boolean {
  return versionOf(db) === SCHEMA;
}

/** Whether nothing was ever made in a database. */
export function isNew(db: Database): boolean {
  return versionOf(db) === 0 && db.query("SELECT 1 FROM sqlite_schema").get() === null;
}

/**
 * Makes the tables in a new database, whose file is to shrink when space becomes free.
 *
 * @param more statements for the same transaction
 */
export function createTables(db: Database, more: string): void {
  db.run("PRAGMA auto_vacuum = INCREMENTAL");
  // It may have a page already, of an xs that was killed before it made the tables.
  const { page_count: pages } = db.query("PRAGMA page_count").get() as { page_count: number };
  if (pages > 0) db.run("VACUUM");
  db.transaction(() => {
    db.run(TABLES);
    db.run(more);
  })();
  const { auto_vacuum: mode } = db.query("PRAGMA auto_vacuum").get() as { auto_vacuum: number };
  if (mode !== 2) throw new XsError("internal", `the database has auto_vacuum ${mode}`);
}

/** The statement that marks a database as one of this schema. */
export const IS_UP_TO_DATE = `PRAGMA user_version = ${SCHEMA}`;
