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
