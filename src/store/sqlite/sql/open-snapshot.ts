import { existsSync } from "node:fs";
import { join } from "node:path";
import { XsError } from "../../../core/error.ts";
import { syncNow } from "../../../lib/fsync.ts";
import { isOutOfFiles, outOfFiles } from "../../failures.ts";
import { DATABASE } from "../../is-store.ts";
import type { MigrationListener } from "../../migration.ts";
import type { QuerySnapshot } from "../../query.ts";
import { orStill } from "../open.ts";
import { SqlSnapshot } from "./snapshot.ts";

/**
 * Takes a snapshot of a store that nobody has open: of all that was committed, which is durable then. Returns undefined
 * where another process has it open. The store is free as soon as this returns, but for one on a read-only disk.
 *
 * @throws XsError as `openSqliteStore` does
 */
export function openSnapshot(
  path: string,
  migration?: MigrationListener,
): QuerySnapshot | undefined {
  const database = join(path, DATABASE);
  return orStill<QuerySnapshot>(path, migration, {
    locked(lock) {
      // What a process that was killed has written last may not be on the disk.
      if (existsSync(`${database}-wal`)) syncNow(`${database}-wal`);
      const snapshot = new SqlSnapshot(uriOf(database));
      lock.release();
      return snapshot;
    },
    still(still) {
      const snapshot = new SqlSnapshot(still.uri);
      if (still.isCopy) {
        // While its files have to be removed at the end, a signal does not end a query.
        still.release();
        return snapshot;
      }
      return {
        query: (sql) => snapshot.query(sql),
        [Symbol.dispose]() {
          snapshot[Symbol.dispose]();
          still.release();
        },
      };
    },
  });
}

/**
 * Takes a snapshot of a store beside its server. Not all of it may be durable yet: the server knows when it is.
 *
 * @throws XsError `store_in_use` where it cannot be read
 */
export function snapshotBeside(path: string): QuerySnapshot {
  const database = join(path, DATABASE);
  try {
    return new SqlSnapshot(uriOf(database));
  } catch (error) {
    const { code = "", message } = error as Error & { code?: string };
    if (!code.startsWith("SQLITE_")) throw error;
    if (isOutOfFiles(error)) throw outOfFiles(error as Error);
    throw new XsError(
      "store_in_use",
      `${database} cannot be read beside its server (${message}): you need the rights to its files`,
      { cause: error },
    );
  }
}

function uriOf(path: string): string {
  return Bun.pathToFileURL(path).href;
}
