import { Database } from "bun:sqlite";
import { statSync } from "node:fs";
import { dirname } from "node:path";
import { XsError } from "../../../core/error.ts";
import { isCorrupt, isNoSpace, isOutOfFiles, outOfFiles } from "../../failures.ts";
import type { MigrationListener } from "../../migration.ts";
import { BUSY_MS } from "../connection.ts";
import { makePrivateFile } from "../own-files.ts";
import { createTables, IS_UP_TO_DATE, isNew, SCHEMA, versionOf } from "../schema.ts";
import { logIsGone, nextOf, removeNext, replaceDatabase } from "./files.ts";
import type { Step } from "./frames.ts";
import { rewrite } from "./rewrite.ts";

/** How to migrate. */
export interface MigrateOptions {
  readonly listener?: MigrationListener | undefined;
  /** The database is a copy for one command, which reads it without a log. */
  readonly isCopy?: boolean;
  /** The size of a step; the usual one is right but for tests. */
  readonly step?: Step;
}

/**
 * Brings a database to the tables of this version. A new one gets them; an older one is rewritten into a second file,
 * which then takes its place. Until that moment the old one is as it was, and an interrupted migration goes on with
 * the next call. Call it under the store's lock, after `checkWal`.
 *
 * @throws XsError `store_too_new`, `store_in_use`, `store_damaged`, `disk_full`
 */
export function bringUpToDate(database: string, options: MigrateOptions = {}): void {
  const { listener, isCopy = false, step } = options;
  makePrivateFile(database);
  const from = takeLog(database, isCopy);
  const next = nextOf(database);
  if (from === SCHEMA) {
    removeNext(next);
    return;
  }
  const before = statSync(database).size;
  try {
    // The log of the old file must never meet the new file.
    if (!logIsGone(database)) throw inUse(database);
    rewrite(database, next, { directory: dirname(database), from, isCopy }, { listener, step });
    replaceDatabase(database);
  } catch (error) {
    // What was copied so far would keep the disk full; and no next run gets further where the old file is damaged.
    if (isNoSpace(error) || isDamage(error)) removeNext(next);
    throw isNoSpace(error) ? noRoom(database, before, error) : error;
  }
  listener?.ended({ before, after: statSync(database).size });
}

/**
 * Reads the version. Makes the tables of a new database, and takes the log of an older one into it, or of a copy, which
 * is read without one.
 */
function takeLog(database: string, isCopy: boolean): number {
  const db = new Database(database, { readwrite: true, strict: true });
  try {
    db.run(`PRAGMA busy_timeout = ${BUSY_MS}`);
    if (isNew(db)) createTables(db, IS_UP_TO_DATE);
    const version = versionOf(db);
    if (version === SCHEMA && !isCopy) return version;
    if (version === 0) {
      throw new XsError("store_damaged", `${database} is a database of something else`);
    }
    const { busy } = db.query("PRAGMA wal_checkpoint(TRUNCATE)").get() as { busy: number };
    if (busy) throw inUse(database);
    return version;
  } catch (error) {
    if (isNoSpace(error)) throw noRoom(database, statSync(database).size, error);
    // While this connection still has its descriptors: afterwards there would be enough.
    throw isOutOfFiles(error) ? outOfFiles(error) : error;
  } finally {
    // The last connection to close removes the log.
    db.close();
  }
}

function isDamage(error: unknown): boolean {
  return (error as { code?: string }).code === "store_damaged" || isCorrupt(error);
}

function inUse(database: string): XsError {
  return new XsError(
    "store_in_use",
    `another process reads ${database}, which has to be migrated to schema ${SCHEMA}: wait for it, or stop it`,
  );
}

function noRoom(database: string, size: number, cause: unknown): XsError {
  const megabytes = Math.ceil(size / 1e6).toLocaleString("en");
  return new XsError(
    "disk_full",
    `there is no room to migrate ${dirname(database)} to schema ${SCHEMA}, which takes up to ${megabytes} MB beside it for a while: free some space, then try again; nothing was changed`,
    { cause },
  );
}
