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

/** The mode of a file that is for its owner alone. */
export const PRIVATE_FILE = 0o600;
/** The same of a folder. */
export const PRIVATE_FOLDER = 0o700;
/** What a mode lets others do. */
const OTHERS = 0o077;

/**
 * Makes an empty file where there is none, for SQLite: what it puts beside a database gets the mode of
 * that. It is never opened where it is there, as closing it would drop the locks that SQLite has on it.
 */
export function makePrivateFile(path: string): void {
  if (existsSync(path)) return;
  try {
    closeSync(openSync(path, "wx", PRIVATE_FILE));
  } catch (error) {
    if ((error as { code?: string }).code !== "EEXIST") throw error;
  }
}

/** Makes a folder where there is none, in one that has to be there. */
export function makePrivateFolder(path: string): void {
  try {
    mkdirSync(path, PRIVATE_FOLDER);
  } catch (error) {
    if ((error as { code?: string }).code !== "EEXIST") throw error;
  }
}

/** Takes from others what an earlier version, or the umask of its time, let them do with a store. */
export function closeToOthers(directory: string): void {
  for (const name of readdirSync(directory)) {
    const path = join(directory, name);
    const found = lstatSync(path, { throwIfNoEntry: false });
    // The folder of content tells by its mode whether all in it was done: that takes longer.
    if (!found || name === "cacache" || found.isSymbolicLink() || !isOfStore(name)) continue;
    if (found.mode & OTHERS) chmodSync(path, found.isDirectory() ? PRIVATE_FOLDER : PRIVATE_FILE);
  }
}

/** The same for all that is below a folder, in the background, and for the folder itself at last. */
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
    // What has gone meanwhile is closed to everybody.
    if (mode !== undefined) await chmod(path, mode).catch(() => {});
  }
}

/** Files that are made must be open to their owner, whatever the umask of this process takes away. */
export function letOwnerIn(): void {
  const umask = process.umask();
  if (umask & PRIVATE_FOLDER) process.umask(umask & ~PRIVATE_FOLDER);
}
