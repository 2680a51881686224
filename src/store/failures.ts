import { closeSync, openSync } from "node:fs";
import { XsError } from "../core/error.ts";

/** What a full disk means, for whoever wanted to write. */
export function diskFull(cause: unknown): XsError {
  return new XsError("disk_full", "the disk is full: free some space, then try again", { cause });
}

/** What SQLite says where it could not open a file, or for many another reason. */
const MAY_BE_LACK = /^SQLITE_(CANTOPEN|IOERR)/;

/** What it opens for a database: that, its log, their index, and a folder to sync. */
const OF_DATABASE = 4;

/**
 * Tells a lack of file descriptors, or of what a thread needs, which passes. SQLite does not say why it
 * could not open a file: then it is asked whether there are as many descriptors as it takes.
 */
export function isOutOfFiles(error: unknown): boolean {
  const { code = "" } = error as { code?: string };
  if (LACKS.has(code) || code === "too_many_files") return true;
  return MAY_BE_LACK.test(code) && !hasDescriptors(OF_DATABASE);
}

const LACKS = new Set(["EMFILE", "ENFILE", "EAGAIN", "ENOMEM", "SQLITE_NOMEM"]);

/** Tells whether so many descriptors can be had at this moment. */
export function hasDescriptors(count: number): boolean {
  const got: number[] = [];
  try {
    while (got.length < count) got.push(openSync("/dev/null", "r"));
    return true;
  } catch (error) {
    return !LACKS.has((error as { code?: string }).code ?? "");
  } finally {
    for (const descriptor of got) closeSync(descriptor);
  }
}

/** How often, and for how long in all, something is tried again that needs a descriptor, in ms. */
const AGAIN_MS = 100;
const AGAIN_FOR_MS = 5000;

/** Does something again and again while there is no descriptor for it. */
export async function onceThereAreFiles<T>(run: () => Promise<T>): Promise<T> {
  for (const end = performance.now() + AGAIN_FOR_MS; ; await Bun.sleep(AGAIN_MS)) {
    try {
      return await run();
    } catch (error) {
      if (!isOutOfFiles(error) || performance.now() > end) throw error;
    }
  }
}

/** What a lack of file descriptors means for whoever needs one. */
export function outOfFiles(cause?: unknown): XsError {
  if (cause instanceof XsError && cause.code === "too_many_files") return cause;
  return new XsError(
    "too_many_files",
    "there is no file descriptor left, or no memory for a thread: try again, or start xs with a higher limit (ulimit -n)",
    { cause },
  );
}

/** What it means that SQLite cannot read a page. */
export function databaseDamaged(cause: Error): XsError {
  return new XsError("frame_damaged", `the database is damaged (${cause.message})`, { cause });
}
