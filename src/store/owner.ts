import type { Stats } from "node:fs";
import { shellWord, XsError } from "../core/error.ts";
import { fs, paths } from "../lib/builtins.ts";

/**
 * Refuses a store that xs found, and that the user did not name, where the store, its socket, or a link to it belongs to
 * another user: that user may have put it into a shared folder to catch writes that are not meant for it.
 *
 * @throws XsError `store_of_another`
 */
export function checkFound(directory: string): void {
  const { lstatSync, statSync } = fs();
  const places = [
    [directory, lstatSync],
    [directory, statSync],
    [paths().join(directory, "sock"), lstatSync],
  ] as const;
  for (const [path, look] of places) {
    const owner = strangerOf(look(path, { throwIfNoEntry: false }));
    if (owner === undefined) continue;
    throw new XsError(
      "store_of_another",
      `${path} was found here and belongs to another user (${owner}): name the store that you mean, as in  xs cat ${shellWord(directory)}`,
    );
  }
}

/** Whether this user may not look into a folder. */
export function isClosedToUs(directory: string): boolean {
  try {
    const { accessSync, constants } = fs();
    accessSync(directory, constants.R_OK | constants.X_OK);
    return false;
  } catch (error) {
    return (error as { code?: string }).code === "EACCES";
  }
}

/** The user to whom a file belongs; undefined for this user, and where there is no file. */
export function strangerOf(found: Stats | undefined): number | undefined {
  // A system without user ids has no other users.
  if (!found || process.geteuid === undefined) return undefined;
  return found.uid === process.geteuid() ? undefined : found.uid;
}
