import { randomUUID } from "node:crypto";
import { existsSync, realpathSync, statSync } from "node:fs";
import { open, rename, rm } from "node:fs/promises";
import { dirname } from "node:path";
import { syncPath } from "../../lib/fsync.ts";

/**
 * Writes a file so that it appears whole or not at all: it has a temporary name until it is synced. A
 * device or a pipe at the path is written to directly.
 */
export async function writeWhole(
  path: string,
  write: (take: (chunk: Uint8Array) => Promise<void>) => Promise<void>,
): Promise<void> {
  // The path may be a link: the file it leads to is replaced, and the link stays.
  const target = existsSync(path) ? realpathSync(path) : path;
  const direct = existsSync(target) && !statSync(target).isFile();
  const part = direct ? target : `${target}.${randomUUID()}.part`;
  // A user who may not read the store may not read a copy of it either.
  await using file = await open(part, direct ? "w" : "wx", 0o600).catch(about(path));
  try {
    await write((chunk) => file.writeFile(chunk).catch(about(path)));
    if (!direct) await file.sync().catch(about(path));
    if (!direct) await rename(part, target).catch(about(path));
  } catch (error) {
    if (!direct) await rm(part, { force: true });
    throw error;
  }
  // The directory holds the name of the file, which a power cut may lose otherwise.
  if (!direct) await syncPath(dirname(target));
}

/** Makes an error of the system name this path instead of the temporary name, which no user knows. */
function about(path: string): (error: unknown) => never {
  return (error) => {
    throw Object.assign(error as Error, { path, dest: undefined });
  };
}
