import { existsSync, renameSync, rmSync, statSync } from "node:fs";
import { dirname } from "node:path";
import { syncNow } from "../../../lib/fsync.ts";
import { NEXT } from "../../is-store.ts";

/** The file into which a database is rewritten, beside it. */
export function nextOf(database: string): string {
  return database + NEXT;
}

/** Whether a database that was closed has all its commits in its one file. */
export function logIsGone(database: string): boolean {
  // A reader of another process may keep an empty one.
  return !statSync(`${database}-wal`, { throwIfNoEntry: false })?.size;
}

/**
 * Puts the rewritten file in the place of its database. The log and its index, even where they are empty, and the mark
 * that tells how long the log was, must be gone from the disk before: they belong to the old file.
 */
export function replaceDatabase(database: string): void {
  const next = nextOf(database);
  syncNow(next);
  for (const end of ["-wal", "-shm", "-mark"]) rmSync(database + end, { force: true });
  syncNow(dirname(database));
  renameSync(next, database);
  syncNow(dirname(database));
}

/** Removes what a migration has written so far. */
export function removeNext(next: string): void {
  // The journal last: without it a half written file would look whole.
  for (const end of ["", "-journal"]) if (existsSync(next + end)) rmSync(next + end);
}

/** Tells one state of a file from every other: what was rewritten from another state is worth nothing. */
export function stateOf(path: string): string {
  const { ino, size, mtimeNs } = statSync(path, { bigint: true });
  return `${ino} ${size} ${mtimeNs}`;
}
