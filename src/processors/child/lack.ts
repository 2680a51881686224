import { isOutOfFiles } from "../../store/failures.ts";

/** What programs say that lacked a process, a thread or a descriptor. */
const COMPLAINTS =
  /\b(?:EAGAIN|EMFILE|ENFILE|ENOMEM)\b|Resource temporarily unavailable|[Cc](?:annot|an't) fork|Too many open files|Cannot allocate memory/;
/** The waits between attempts, in ms: doubling. */
const FIRST_MS = 50;
const MOST_MS = 1000;
/** A wait of so many ms is told. */
const TELL_MS = 1000;
/** How long a program is believed that says so itself, in ms. */
const BELIEVE_MS = 60_000;

/** There is no process, thread or descriptor, or no memory for one. It passes. */
export class Lack extends Error {
  readonly code = "EAGAIN";
}

/** A program that was to load ended, and said something of that kind. */
export class PerhapsLack extends Lack {}

/** Whether an error is a lack that passes: of processes, threads, descriptors, memory. */
export function isLack(error: unknown): boolean {
  const { cause } = (error ?? {}) as { cause?: unknown };
  return isOutOfFiles(error ?? {}) || (cause !== undefined && isLack(cause));
}

/** Whether what a program wrote before it ended tells of such a lack. */
export function tellsOfLack(complaint: string): boolean {
  return COMPLAINTS.test(complaint);
}

/**
 * Starts something, and tries again for as long as what it takes is lacking.
 *
 * @param what for the message to the person who runs the server
 * @param signal gives up: it rejects with the reason
 */
export async function outlasting<T>(
  what: string,
  signal: AbortSignal,
  start: () => Promise<T>,
): Promise<T> {
  const began = performance.now();
  let told = false;
  for (let delay = FIRST_MS; ; delay = Math.min(delay * 2, MOST_MS)) {
    signal.throwIfAborted();
    try {
      return await start();
    } catch (error) {
      const waited = performance.now() - began;
      if (!isLack(error) || (error instanceof PerhapsLack && waited > BELIEVE_MS)) throw error;
      if (waited > TELL_MS && !told) {
        told = true;
        const { message } = error as Error;
        process.stderr.write(`xs: ${what} waits until it can be started: ${message}\n`);
      }
    }
    await pause(delay, signal);
  }
}

async function pause(ms: number, signal: AbortSignal): Promise<void> {
  const over = Promise.withResolvers<void>();
  const timer = setTimeout(over.resolve, ms);
  signal.addEventListener("abort", () => over.resolve(), { once: true });
  await over.promise;
  clearTimeout(timer);
}
