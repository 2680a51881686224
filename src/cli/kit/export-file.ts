import { randomUUID } from "node:crypto";
import { existsSync, realpathSync, statSync } from "node:fs";
import { open, rename, rm } from "node:fs/promises";
import { dirname } from "node:path";

/**
 * Writes a file that is there whole or not at all: under another name until it is synced. Where
 * there is something else than a file, such as a device or a pipe, it is written to directly.
 */
export async function writeWhole(
  path: string,
  write: (take: (chunk: Uint8Array) => Promise<void>) => Promise<void>,
): Promise<void> {
  // The name may be a link to the file that is to be replaced.
  const target = existsSync(path) ? realpathSync(path) : path;
  const direct = existsSync(target) && !statSync(target).isFile();
  const part = direct ? target : `${target}.${randomUUID()}.part`;
  // Whoever may not read the store may not read a copy of it.
  const file = await open(part, direct ? "w" : "wx", 0o600).catch(about(path));
  try {
    try {
      await write((chunk) => file.writeFile(chunk).catch(about(path)));
      if (!direct) await file.sync().catch(about(path));
    } finally {
      await file.close();
    }
    if (!direct) await rename(part, target).catch(about(path));
  } catch (error) {
    if (!direct) await rm(part, { force: true });
    throw error;
  }
  if (!direct) await syncDirectory(dirname(target));
}

/** An error of the system about this path: the name that a file has while it is written says nothing to anybody. */
function about(path: string): (error: unknown) => never {
  return (error) => {
    throw Object.assign(error as Error, { path, dest: undefined });
  };
}

/** The name of a file is in its directory, so that has to be synced as well. */
async function syncDirectory(path: string): Promise<void> {
  const directory = await open(path, "r");
  try {
    await directory.sync();
  } finally {
    await directory.close();
  }
}
