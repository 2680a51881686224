import { accessSync, constants, lstatSync, readdirSync, type Stats, statSync } from "node:fs";
import { join } from "node:path";
import { XsError } from "../core/error.ts";
import { isOfStore } from "./is-store.ts";

/**
 * Refuses a store that xs found, and that the user did not name, where the store, its socket, or a link to it belongs to
 * another user: that user may have put it into a shared folder to catch writes that are not meant for it.
 *
 * @throws XsError `store_of_another`
 */
export function checkFound(directory: string): void {
  const paths = [
    [directory, lstatSync],
    [directory, statSync],
    [join(directory, "sock"), lstatSync],
  ] as const;
  for (const [path, look] of paths) {
    const owner = strangerOf(look(path, { throwIfNoEntry: false }));
    if (owner === undefined) continue;
    throw new XsError(
      "store_of_another",
      `${path} was found here and belongs to another user (${owner}): name the store that you mean, as in  xs cat ${directory}`,
    );
  }
}

/** Whether this user may not look into a folder. */
export function isClosedToUs(directory: string): boolean {
  try {
    accessSync(directory, constants.R_OK | constants.X_OK);
    return false;
  } catch (error) {
    return (error as { code?: string }).code === "EACCES";
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

function strangerOf(found: Stats | undefined): number | undefined {
  // A system without user ids has no other users.
  if (!found || process.geteuid === undefined) return undefined;
  return found.uid === process.geteuid() ? undefined : found.uid;
}
