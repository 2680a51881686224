import { Database } from "bun:sqlite";
import { join } from "node:path";
import { LOCK } from "../is-store.ts";
import { makePrivateFile } from "./own-files.ts";

export interface StoreLock {
  release(): void;
}

/**
 * Takes the lock of a store directory, or returns undefined where another process holds it. The lock
 * is an exclusive SQLite transaction on a file of its own: the kernel drops it with the process,
 * however that ends. POSIX locks belong to the process, so nothing else may open this file here.
 */
export function tryLock(directory: string): StoreLock | undefined {
  const path = join(directory, LOCK);
  makePrivateFile(path);
  const db = new Database(path, { create: true });
  try {
    db.run("PRAGMA busy_timeout = 0");
    db.run("BEGIN EXCLUSIVE");
  } catch (error) {
    db.close();
    if ((error as { code?: string }).code?.startsWith("SQLITE_BUSY")) return undefined;
    throw error;
  }
  return { release: () => db.close() };
}
