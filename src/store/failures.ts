import { closeSync, openSync } from "node:fs";
import { XsError } from "../core/error.ts";

/** The error of a write that fails because the disk is full. */
export function diskFull(cause: unknown): XsError {
  return new XsError("disk_full", "the disk is full: free some space, then try again", { cause });
}

/** Whether an error says that the disk, or a quota, is full. */
export function isNoSpace(error: unknown): boolean {
  const { code = "" } = error as { code?: string };
  return code === "ENOSPC" || code === "EDQUOT" || code === "SQLITE_FULL";
}

/** Whether SQLite found a damaged page. */
export function isCorrupt(error: unknown): boolean {
  const { code = "" } = error as { code?: string };
  return code.startsWith("SQLITE_CORRUPT");
}

/** The codes of SQLite where it could not open a file, among many other reasons. */
const MAY_BE_LACK = /^SQLITE_(CANTOPEN|IOERR)/;

/** Descriptors that SQLite opens for a database: for it, its log, their index, and a folder to sync. */
const DESCRIPTORS_A_DATABASE = 4;

/**
 * Whether an error is a lack of file descriptors, threads or memory, which passes. SQLite does not say why it could
 * not open a file, so this checks whether enough descriptors are free.
 */
export function isOutOfFiles(error: unknown): boolean {
  const { code = "" } = error as { code?: string };
  if (LACKS.has(code) || code === "too_many_files") return true;
  return MAY_BE_LACK.test(code) && !hasDescriptors(DESCRIPTORS_A_DATABASE);
}

const LACKS = new Set(["EMFILE", "ENFILE", "EAGAIN", "ENOMEM", "SQLITE_NOMEM"]);

/** Whether this many descriptors are free at this moment. */
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

/** The wait between two attempts where no descriptor is free, and the time after which no attempt follows. */
const RETRY_MS = 100;
const RETRY_FOR_MS = 5000;

/** Calls `run` again while it rejects because no descriptor is free, for five seconds. Rejects as `run` does. */
export async function onceThereAreFiles<T>(run: () => Promise<T>): Promise<T> {
  for (const end = performance.now() + RETRY_FOR_MS; ; await Bun.sleep(RETRY_MS)) {
    try {
      return await run();
    } catch (error) {
      if (!isOutOfFiles(error) || performance.now() > end) throw error;
    }
  }
}

/** The error of a caller that needs a file descriptor, or a thread, and gets none. */
export function outOfFiles(cause?: unknown): XsError {
  if (cause instanceof XsError && cause.code === "too_many_files") return cause;
  return new XsError(
    "too_many_files",
    "there is no file descriptor left, or no memory for a thread: try again, or start xs with a higher limit (ulimit -n)",
    { cause },
  );
}
