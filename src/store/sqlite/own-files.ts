import {
  chmodSync,
  closeSync,
  existsSync,
  lstatSync,
  openSync,
  readdirSync,
  statSync,
} from "node:fs";
import { chmod, lstat, readdir } from "node:fs/promises";
import { join } from "node:path";
import { XsError } from "../../core/error.ts";
import { PRIVATE_FILE, PRIVATE_FOLDER } from "../modes.ts";
import { strangerOf } from "../owner.ts";

/** The names of a store's files and folders, with the files that SQLite adds. A user's files do not match. */
const PART =
  /^((events|lock|search|(import|snapshot)-[0-9a-f-]{36})\.db.*|restore-[0-9a-f-]{36}|cacache|scripts|sock|token|tokens(-next)?|cluster-key|node)$/;

/** Whether a name in the directory of a store belongs to the store. */
function isOfStore(name: string): boolean {
  return PART.test(name);
}

/** The bits of a mode that let others in. */
const OTHERS = 0o077;

/**
 * Makes an empty file for a database where there is none: SQLite gives the files beside a database the same mode.
 * Never opens an existing file, because closing it would drop the locks that SQLite has on it.
 */
export function makePrivateFile(path: string): void {
  if (existsSync(path)) return;
  try {
    closeSync(openSync(path, "wx", PRIVATE_FILE));
  } catch (error) {
    if ((error as { code?: string }).code !== "EEXIST") throw error;
  }
}

/** Closes a store to other users: an earlier version, or an open umask, may have let them in. */
export function closeToOthers(directory: string): void {
  for (const name of readdirSync(directory)) {
    const path = join(directory, name);
    const found = lstatSync(path, { throwIfNoEntry: false });
    // Not cacache: its mode changes last, so that it shows whether the many files below it are closed.
    if (!found || name === "cacache" || found.isSymbolicLink() || !isOfStore(name)) continue;
    if (found.mode & OTHERS) chmodSync(path, found.isDirectory() ? PRIVATE_FOLDER : PRIVATE_FILE);
  }
}

/** Closes all files below a folder to other users, in the background, and at last the folder itself. */
export async function closeTreeToOthers(root: string, signal: AbortSignal): Promise<void> {
  const found = await lstat(root).catch(() => undefined);
  if (!found?.isDirectory() || (found.mode & OTHERS) === 0) return;
  await closeBelow(root, signal);
  if (!signal.aborted) await chmod(root, PRIVATE_FOLDER);
}

async function closeBelow(folder: string, signal: AbortSignal): Promise<void> {
  for (const entry of await readdir(folder, { withFileTypes: true })) {
    if (signal.aborted) return;
    const path = join(folder, entry.name);
    if (entry.isDirectory()) await closeBelow(path, signal);
    const mode = entry.isDirectory() ? PRIVATE_FOLDER : entry.isFile() ? PRIVATE_FILE : undefined;
    // A file that has gone meanwhile needs no mode.
    if (mode !== undefined) await chmod(path, mode).catch(() => {});
  }
}

/**
 * Refuses to write into a store of another user, or into a store with a file, folder or link of another user: writes
 * would go through it.
 *
 * @throws XsError `store_of_another`
 */
export function checkOwners(directory: string): void {
  const owner = strangerOf(statSync(directory, { throwIfNoEntry: false }));
  if (owner !== undefined) throw belongsTo(directory, owner);
  const cacache = join(directory, "cacache");
  for (const path of [
    ...entries(directory).filter((path) => isOfStore(path.slice(directory.length + 1))),
    ...entries(cacache),
  ]) {
    const stranger = strangerOf(lstatSync(path, { throwIfNoEntry: false }));
    if (stranger !== undefined) throw belongsTo(path, stranger);
  }
}

function entries(directory: string): string[] {
  try {
    return readdirSync(directory).map((name) => join(directory, name));
  } catch {
    // It does not exist yet, or the code that needs it reports why it cannot be read.
    return [];
  }
}

function belongsTo(path: string, owner: number): XsError {
  return new XsError(
    "store_of_another",
    `${path} belongs to another user (${owner}): xs does not write there; run xs as that user, or use your own store`,
  );
}
