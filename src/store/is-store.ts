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

/** Files and folders of a store. Their names, or those of what SQLite puts beside them, begin so. */
const PARTS = [DATABASE, LOCK, "cacache", "scripts", "sock", "token", "import-"];

/** Tells whether something in the directory of a store is of the store itself. */
export function isOfStore(name: string): boolean {
  return PARTS.some((part) => name.startsWith(part));
}
