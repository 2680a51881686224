import { pause } from "../../lib/pause.ts";
import { isOutOfFiles } from "../../store/failures.ts";

/** What programs print when the system lacks a process, a thread, a descriptor or memory. */
const COMPLAINTS =
  /\b(?:EAGAIN|EMFILE|ENFILE|ENOMEM)\b|Resource temporarily unavailable|[Cc](?:annot|an't) fork|Too many open files|Cannot allocate memory/;
/** The waits between attempts, in ms: doubling. */
const FIRST_MS = 50;
const MOST_MS = 1000;
/** A wait longer than this is reported on stderr. */
const REPORT_AFTER_MS = 1000;
/** How long to retry a program that prints such a complaint itself: it may print that for another reason. */
const BELIEVE_MS = 60_000;

/** The system lacks a process, thread or descriptor, or the memory for one. Such a lack passes. */
export class Lack extends Error {
  readonly code = "EAGAIN";
}

/** A program ended instead of loading, and printed such a complaint. */
export class PerhapsLack extends Lack {}

/** Whether an error, or its cause, is a lack of processes, threads, descriptors or memory. */
export function isLack(error: unknown): boolean {
  const { cause } = (error ?? {}) as { cause?: unknown };
  return isOutOfFiles(error ?? {}) || (cause !== undefined && isLack(cause));
}

/** Whether the last output of a program complains of such a lack. */
export function tellsOfLack(complaint: string): boolean {
  return COMPLAINTS.test(complaint);
}

/**
 * Calls `start` again for as long as it rejects with a lack. Rejects with every other error.
 *
 * @param what names the processor in the message on stderr
 * @param signal ends the attempts: the call rejects with its reason
 */
export async function outlasting<T>(
  what: string,
  signal: AbortSignal,
  start: () => Promise<T>,
): Promise<T> {
  const began = performance.now();
  let reported = false;
  for (let delay = FIRST_MS; ; delay = Math.min(delay * 2, MOST_MS)) {
    signal.throwIfAborted();
    try {
      return await start();
    } catch (error) {
      const waited = performance.now() - began;
      if (!isLack(error) || (error instanceof PerhapsLack && waited > BELIEVE_MS)) throw error;
      if (waited > REPORT_AFTER_MS && !reported) {
        reported = true;
        const { message } = error as Error;
        process.stderr.write(`xs: ${what} waits until it can be started: ${message}\n`);
      }
    }
    await pause(delay, signal);
  }
}
