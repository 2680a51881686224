import { Database } from "bun:sqlite";
import { chmodSync, copyFileSync, existsSync, mkdtempSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { XsError } from "../../core/error.ts";
import { isNoSpace } from "../failures.ts";
import { DATABASE, LOCK } from "../is-store.ts";
import type { MigrationListener } from "../migration.ts";
import { PRIVATE_FILE } from "../modes.ts";
import { checkWal } from "./commit/wal-mark.ts";
import { immutableUri, openForReading } from "./connection.ts";
import { bringUpToDate } from "./migrate/migrate.ts";
import { rewrite } from "./migrate/rewrite.ts";
import { SCHEMA, versionOf } from "./schema.ts";

/** The database of a store that cannot be written, as it is at one moment. */
export interface StillDatabase {
  /** As SQLite opens it, to read only. */
  readonly uri: string;
  /** Whether it is a copy: whoever has that open may release it, and goes on reading. */
  readonly isCopy: boolean;
  /** Nobody reads it any more. */
  release(): void;
}

/** The lock of a store that others have open may be held by them; a store that was copied may have none. */
type SharedLock = Database | "held" | undefined;

/**
 * Finds what can be read of a store in a place that cannot be written: the database itself, which must
 * not change meanwhile, where all is in it. SQLite reads no write-ahead log there, so where there is one, or
 * the schema is an older one, it is a copy of both, migrated, in a temporary folder.
 *
 * @throws XsError `store_damaged`, `store_in_use`, `disk_full`
 */
export function stillDatabase(directory: string, listener?: MigrationListener): StillDatabase {
  const database = join(directory, DATABASE);
  const lock = shareLock(join(directory, LOCK));
  const unlock = () => {
    if (lock instanceof Database) lock.close();
  };
  try {
    if (lock === "held") {
      return copied((copy) => {
        copyBesideWriter(database, copy);
        bringUpToDate(copy, { listener, isCopy: true });
      });
    }
    const uri = immutableUri(database);
    const hasLog = Boolean(statSync(`${database}-wal`, { throwIfNoEntry: false })?.size);
    const from = hasLog ? undefined : versionAt(uri);
    if (from === SCHEMA) return { uri, isCopy: false, release: unlock };
    checkWal(database);
    const { uri: copy, release } = copied((copy) => {
      if (from) return rewrite(database, copy, { directory, from, isCopy: true }, { listener });
      copyAtRest(database, copy);
      bringUpToDate(copy, { listener, isCopy: true });
    });
    return {
      uri: copy,
      isCopy: true,
      release() {
        release();
        unlock();
      },
    };
  } catch (error) {
    unlock();
    throw error;
  }
}

/** No server can take the lock while this is held: nothing changes. */
function shareLock(path: string): SharedLock {
  if (!existsSync(path)) return undefined;
  let db: Database | undefined;
  try {
    db = new Database(path, { readonly: true });
    db.run("PRAGMA busy_timeout = 0");
    db.run("BEGIN");
    db.query("SELECT 1 FROM sqlite_schema").get();
    return db;
  } catch (error) {
    db?.close();
    return (error as { code?: string }).code?.startsWith("SQLITE_BUSY") ? "held" : undefined;
  }
}

/** Makes a copy in a temporary folder, which goes with it, however this process ends but by force. */
function copied(copy: (path: string) => void): StillDatabase {
  const folder = mkdtempSync(join(tmpdir(), "xs-read-"));
  const remove = () => rmSync(folder, { recursive: true, force: true });
  const stopWatching = onEnd(remove);
  try {
    const path = join(folder, DATABASE);
    copy(path);
    return {
      uri: immutableUri(path),
      isCopy: true,
      release() {
        stopWatching();
        remove();
      },
    };
  } catch (error) {
    stopWatching();
    remove();
    const isFull = error instanceof XsError && error.code === "disk_full";
    if (!isFull && !isNoSpace(error)) throw error;
    throw new XsError(
      "disk_full",
      `there is no room for a copy of the database in ${tmpdir()}: set TMPDIR to a folder that has some`,
      { cause: error },
    );
  }
}

function copyAtRest(database: string, copy: string): void {
  for (const end of ["", "-wal"]) {
    if (!existsSync(database + end)) continue;
    copyFileSync(database + end, copy + end);
    chmodSync(copy + end, PRIVATE_FILE);
  }
}

/** SQLite reads what is committed by now, while another process goes on writing. */
function copyBesideWriter(database: string, copy: string): void {
  try {
    const db = openForReading(database);
    try {
      db.query("VACUUM INTO ?").run(copy);
    } finally {
      db.close();
    }
  } catch (error) {
    const { code = "", message } = error as Error & { code?: string };
    if (code === "SQLITE_FULL" || !code.startsWith("SQLITE_")) throw error;
    throw new XsError(
      "store_in_use",
      `${database} is open in another process, and cannot be read beside it (${message}): ask its server`,
      { cause: error },
    );
  }
}

function versionAt(uri: string): number {
  const db = openForReading(uri);
  try {
    return versionOf(db);
  } finally {
    db.close();
  }
}

/** Runs a function when this process ends, also by a signal. Returns a function that cancels this. */
export function onEnd(run: () => void): () => void {
  const signals = ["SIGINT", "SIGTERM", "SIGHUP"] as const;
  const ended = (signal: NodeJS.Signals) => {
    run();
    stop();
    process.kill(process.pid, signal);
  };
  const stop = () => {
    process.off("exit", run);
    for (const signal of signals) process.off(signal, ended);
  };
  process.on("exit", run);
  for (const signal of signals) process.on(signal, ended);
  return stop;
}
