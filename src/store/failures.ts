import { XsError } from "../frame/error.ts";

/** What a full disk means, for whoever wanted to write. */
export function diskFull(cause: unknown): XsError {
  return new XsError("disk_full", "the disk is full: free some space, then try again", { cause });
}

/** Tells a lack of file descriptors, which passes. */
export function isOutOfFiles(error: unknown): boolean {
  const { code } = error as { code?: string };
  return code === "EMFILE" || code === "ENFILE";
}

/** What it means that SQLite cannot read a page. */
export function databaseDamaged(cause: Error): XsError {
  return new XsError("frame_damaged", `the database is damaged (${cause.message})`, { cause });
}
