import { existsSync } from "node:fs";
import { join } from "node:path";

/** The file of a store's frames, in its directory. */
export const DATABASE = "events.db";
/** The file whose lock is that of the store. */
export const LOCK = "lock.db";

/** Tells whether a directory holds a store. In a file of its own, as a client needs no more of one. */
export function isStore(path: string): boolean {
  return existsSync(join(path, DATABASE));
}

/** A file or folder of a store, with what SQLite puts beside a database; not what a user may have put there. */
const PART = /^((events|lock|import-[0-9a-f-]{36})\.db.*|cacache|scripts|sock|token)$/;

/** Tells whether something in the directory of a store is of the store itself. */
export function isOfStore(name: string): boolean {
  return PART.test(name);
}
