import { closeSync, fsyncSync, mkdirSync, openSync } from "node:fs";
import { open } from "node:fs/promises";
import { dirname, resolve } from "node:path";
import { libc } from "./libc.ts";

/** Syncs a file or a directory. */
export async function syncPath(path: string): Promise<void> {
  const handle = await open(path, "r");
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/**
 * Makes a directory, and those above it that are not there, so that it is there after a power cut:
 * its name is durable only with a sync of the directory above.
 */
export function makeDirectory(path: string, mode: number): void {
  const first = mkdirSync(path, { recursive: true, mode }) ?? path;
  for (let dir = resolve(path); ; dir = dirname(dir)) {
    syncDirectory(dirname(dir));
    if (dir === resolve(first) || dir === dirname(dir)) return;
  }
}

function syncDirectory(path: string): void {
  let fd: number;
  try {
    fd = openSync(path, "r");
  } catch (error) {
    // One that we may not read is not ours: nothing of it was made here.
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
 * Syncs everything on the file system that holds a path, with syncfs(2): one wait where each file
 * and directory would be one. False where the system has no such call, and nothing was done.
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
