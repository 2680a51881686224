import {
  chmodSync,
  closeSync,
  existsSync,
  lstatSync,
  mkdirSync,
  openSync,
  readdirSync,
} from "node:fs";
import { chmod, lstat, readdir } from "node:fs/promises";
import { join } from "node:path";
import { isOfStore } from "./is-store.ts";

/** The mode of a file that only its owner may use. */
export const PRIVATE_FILE = 0o600;
/** The mode of a folder that only its owner may use. */
export const PRIVATE_FOLDER = 0o700;
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

/** Makes a folder where there is none. The folder above it must exist. */
export function makePrivateFolder(path: string): void {
  try {
    mkdirSync(path, PRIVATE_FOLDER);
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

/** Changes the umask of this process so that the owner may use the files that it makes. */
export function letOwnerIn(): void {
  const umask = process.umask();
  if (umask & PRIVATE_FOLDER) process.umask(umask & ~PRIVATE_FOLDER);
}
