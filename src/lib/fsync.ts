import { closeSync, fsyncSync, mkdirSync, openSync } from "node:fs";
import { open } from "node:fs/promises";
import { dirname, resolve } from "node:path";
import { libc } from "./libc.ts";

/** Syncs a file or a directory. */
export async function syncPath(path: string): Promise<void> {
  await using handle = await open(path, "r");
  await handle.sync();
}

/**
 * Makes a directory and its missing parents so that they survive a power cut: the name of a directory
 * is durable only once its parent is synced.
 */
export function makeDirectory(path: string, mode: number): void {
  const first = mkdirSync(path, { recursive: true, mode }) ?? path;
  for (let dir = resolve(path); ; dir = dirname(dir)) {
    syncNow(dirname(dir));
    if (dir === resolve(first) || dir === dirname(dir)) return;
  }
}

/** Syncs a file or a directory, and waits for it. */
export function syncNow(path: string): void {
  let fd: number;
  try {
    fd = openSync(path, "r");
  } catch (error) {
    // A directory that this process may not read belongs to somebody else: nothing was made in it.
    if ((error as { code?: string }).code === "EACCES") return;
    throw error;
  }
  try {
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}

/**
 * Syncs the whole file system that holds a path, with syncfs(2): one wait instead of one for each file
 * and directory. Returns false, with nothing done, where the system has no such call.
 */
export function syncFileSystem(path: string): boolean {
  const syncfs = libc("syncfs");
  if (!syncfs) return false;
  const fd = openSync(path, "r");
  try {
    if (syncfs(fd) !== 0) throw new Error(`syncfs of ${path} failed: the disk has an error`);
    return true;
  } finally {
    closeSync(fd);
  }
}
