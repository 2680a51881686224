import { accessSync, chmodSync, constants, existsSync, readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { type ErrorCode, XsError } from "../../core/error.ts";
import { makeDirectory } from "../../lib/fsync.ts";
import { isOutOfFiles, outOfFiles } from "../failures.ts";
import { CLUSTER_KEY, DATABASE, isStore, LOCK, NODE_NAME } from "../is-store.ts";
import type { MigrationListener } from "../migration.ts";
import { letOwnerIn, PRIVATE_FOLDER } from "../modes.ts";
import { checkWal } from "./commit/wal-mark.ts";
import { SqliteStore } from "./engine.ts";
import { type StoreLock, tryLock } from "./lock.ts";
import { bringUpToDate } from "./migrate/migrate.ts";
import { awaitsJournal } from "./needs-journal.ts";
import { checkOwners, closeToOthers } from "./own-files.ts";
import { type StillDatabase, stillDatabase } from "./read-only.ts";
import type { ReplicaOptions } from "./replica/replica.ts";
import { removeImportSpaces } from "./transfer/import-space.ts";

/**
 * Opens the store in a directory, and creates it where there is none. Returns undefined where another process has it
 * open. Migrates a store of an older version.
 *
 * @param replica makes it one of several directories of a store
 * @throws XsError as {@link withLockedStore}
 */
export function openSqliteStore(
  path: string,
  now?: () => number,
  migration?: MigrationListener,
  replica?: ReplicaOptions,
): SqliteStore | undefined {
  return withLockedStore(
    path,
    migration,
    (lock) => new SqliteStore(path, lock, now, undefined, replica),
    replica !== undefined,
  );
}

/**
 * Takes the lock of a store, creates the store where there is none, and brings it up to date. Returns what `use` makes
 * of it, which has to release the lock, or undefined where another process has the store open.
 *
 * @throws XsError `store_not_found` where it is a file, or the directory has something else in it;
 *   `store_of_another` where it is another user's, `store_read_only`, `disk_full` where an older one finds no room to
 *   be migrated; `journal_needed` where it is to be that of a node, and has no store yet
 */
export function withLockedStore<T>(
  path: string,
  migration: MigrationListener | undefined,
  use: (lock: StoreLock) => T,
  isNode = false,
): T | undefined {
  const found = statSync(path, { throwIfNoEntry: false });
  if (found && !found.isDirectory()) {
    throw new XsError("store_not_found", `${path} is a file and no store: name another`);
  }
  if (found) checkOwners(path);
  // A directory of something else: its mode is not to be changed, nor is it to get our files.
  if (!isStore(path)) {
    // A new store in it would stand in the way of the one on the other machines.
    if (!isNode && [CLUSTER_KEY, NODE_NAME].some((name) => existsSync(join(path, name)))) {
      throw awaitsJournal(path);
    }
    if (!isStoreOrEmpty(path)) {
      throw new XsError("store_not_found", `${path} is not a store and not empty: name another`);
    }
    makeDirectory(path, PRIVATE_FOLDER);
  }
  // On a read-only disk a mode that is right is left alone.
  if ((statSync(path).mode & 0o777) !== PRIVATE_FOLDER) {
    writing(path, () => chmodSync(path, PRIVATE_FOLDER));
    // Others had access until now.
    checkOwners(path);
  }
  for (const part of [path, join(path, DATABASE), join(path, LOCK)]) {
    if (existsSync(part)) writing(path, () => accessSync(part, constants.W_OK));
  }
  letOwnerIn();
  let lock: StoreLock | undefined;
  try {
    lock = tryLock(path);
    if (!lock) return undefined;
    closeToOthers(path);
    removeImportSpaces(path);
    checkWal(join(path, DATABASE));
    bringUpToDate(join(path, DATABASE), { listener: migration });
    return use(lock);
  } catch (error) {
    lock?.release();
    throw openError(path, error as Error);
  }
}

/**
 * Opens a store for one command: to read only where it cannot be written, and undefined where another
 * process has it open. What writes is refused there with the reason.
 *
 * @throws XsError as {@link openSqliteStore}
 */
export function openForCommand(
  path: string,
  migration?: MigrationListener,
): SqliteStore | undefined {
  return orStill(path, migration, {
    locked: (lock) => new SqliteStore(path, lock),
    still: (still, refusal) =>
      new SqliteStore(path, still, Date.now, { database: still.uri, refusal }),
  });
}

/**
 * Uses a store under its lock or, where it cannot be written, a still database of it. Returns undefined where another
 * process has it open.
 *
 * @param use what it calls has to release what it gets. `still` also gets the reason not to write
 * @throws XsError as {@link withLockedStore}
 */
export function orStill<T>(
  path: string,
  migration: MigrationListener | undefined,
  use: {
    locked(lock: StoreLock): T;
    still(still: StillDatabase, refusal: XsError): T;
  },
): T | undefined {
  try {
    return withLockedStore(path, migration, use.locked);
  } catch (error) {
    const isReason = error instanceof XsError && READABLE.has(error.code);
    if (!isReason || !mayRead(join(path, DATABASE))) throw error;
    let still: StillDatabase | undefined;
    try {
      still = stillDatabase(path, migration);
      return use.still(still, error);
    } catch (failure) {
      still?.release();
      throw openError(path, failure as Error);
    }
  }
}

/** Reasons not to write that are none not to read. */
const READABLE = new Set<ErrorCode>(["store_of_another", "store_read_only", "disk_full"]);

function mayRead(path: string): boolean {
  try {
    accessSync(path, constants.R_OK);
    return true;
  } catch {
    return false;
  }
}

/** Does what fails where the store may not be written. @throws XsError `store_read_only` */
function writing(path: string, run: () => void): void {
  try {
    run();
  } catch (error) {
    const { code = "" } = error as { code?: string };
    const reason = UNWRITABLE[code];
    if (!reason) throw error;
    throw new XsError(
      "store_read_only",
      `${path} cannot be written (${reason}): commands that read work; to write, copy it to a place where that is possible`,
      { cause: error },
    );
  }
}

const UNWRITABLE: Readonly<Record<string, string>> = {
  EROFS: "the file system is read-only",
  EACCES: "its modes do not let this user",
  EPERM: "the system does not permit it",
};

/** The error of a store that cannot be opened, with advice for the person. */
function openError(path: string, error: Error & { code?: string }): Error {
  const { code = "", message } = error;
  if (isOutOfFiles(error)) return outOfFiles(error);
  // An id that is none is damage as well, of a kind that SQLite knows nothing of.
  if (!code.startsWith("SQLITE_") && !(error instanceof SyntaxError)) return error;
  return new XsError(
    "store_damaged",
    `${join(path, DATABASE)} cannot be opened (${message}); it is left as it is: restore a copy, or try  sqlite3 ${DATABASE} .recover`,
    { cause: error },
  );
}

/** Whether a directory has a store, or one may be made in it. */
export function isStoreOrEmpty(path: string): boolean {
  const found = statSync(path, { throwIfNoEntry: false });
  if (!found) return true;
  if (!found.isDirectory()) return false;
  const names = readdirSync(path);
  // That of a node whose database was deleted, to be built anew from the journal, has its content still.
  return isStore(path) || names.includes(NODE_NAME) || names.every(isOurs);
}

/** Files that are there before the database is, while a store is being made. */
function isOurs(name: string): boolean {
  if (name === CLUSTER_KEY || name === NODE_NAME) return true;
  return name.startsWith("lock.db") || name.startsWith(DATABASE);
}
