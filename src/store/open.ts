import { chmodSync, readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { XsError } from "../frame/error.ts";
import { removeImportSpaces } from "./import-space.ts";
import { DATABASE, isStore } from "./is-store.ts";
import { tryLock } from "./lock.ts";
import { SqliteStore } from "./sqlite-store.ts";
import { makeDirectory } from "./sync-files.ts";
import { checkWal } from "./wal-mark.ts";

/**
 * Opens the store in a directory, making it if there is none, or gives undefined where another
 * process has it open.
 *
 * @throws XsError `store_not_found` where it is a file, or the directory has something else in it
 */
export function openSqliteStore(path: string, now?: () => number): SqliteStore | undefined {
  // A directory of somebody else's: its mode is not to be changed, nor is it to get our files.
  if (!isStore(path)) {
    const found = statSync(path, { throwIfNoEntry: false });
    if (found && !found.isDirectory()) {
      throw new XsError("store_not_found", `${path} is a file and no store: name another`);
    }
    if (found && readdirSync(path).some((name) => !isOurs(name))) {
      throw new XsError("store_not_found", `${path} is not a store and not empty: name another`);
    }
    makeDirectory(path, 0o700);
  }
  chmodSync(path, 0o700);
  const lock = tryLock(path);
  if (!lock) return undefined;
  try {
    removeImportSpaces(path);
    checkWal(join(path, DATABASE));
    return new SqliteStore(path, lock, now);
  } catch (error) {
    lock.release();
    const isDamage = (error as { code?: string }).code?.startsWith("SQLITE_");
    // An id that is none is damage as well, of a kind that SQLite knows nothing of.
    if (!isDamage && !(error instanceof SyntaxError)) throw error;
    const { message } = error as Error;
    throw new XsError(
      "store_damaged",
      `${join(path, DATABASE)} cannot be opened (${message}); it is left as it is: restore a copy, or try  sqlite3 ${DATABASE} .recover`,
      { cause: error },
    );
  }
}

/** Files that are there before the database is, while a store is being made. */
function isOurs(name: string): boolean {
  return name.startsWith("lock.db") || name.startsWith(DATABASE);
}
