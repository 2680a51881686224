import { accessSync, constants, lstatSync, readdirSync, type Stats, statSync } from "node:fs";
import { join } from "node:path";
import { XsError } from "../core/error.ts";
import { isOfStore } from "./is-store.ts";

/**
 * Refuses a store that was found, and not named, where it, its socket, or a link that leads there belongs
 * to another user: in a folder that others write, it may be there to take in what is meant for one's own.
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
      `${path} was found here and belongs to another user (${owner}): name the store that is meant, as in  xs cat ${directory}`,
    );
  }
}

/** Tells whether what is in a folder cannot be seen, as it is another user's. */
export function isClosedToUs(directory: string): boolean {
  try {
    accessSync(directory, constants.R_OK | constants.X_OK);
    return false;
  } catch (error) {
    return (error as { code?: string }).code === "EACCES";
  }
}

/**
 * Refuses to write into a store of another user, or to follow a file or a link in it that somebody else
 * has put there.
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
    // None yet; or what needs it says why it cannot be read.
    return [];
  }
}

function belongsTo(path: string, owner: number): XsError {
  return new XsError(
    "store_of_another",
    `${path} belongs to another user (${owner}): nothing is written there; use it as that user, or use a store of your own`,
  );
}

function strangerOf(found: Stats | undefined): number | undefined {
  // A system without users has no other ones.
  if (!found || process.geteuid === undefined) return undefined;
  return found.uid === process.geteuid() ? undefined : found.uid;
}
