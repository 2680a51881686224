import { Invalid } from "../lifecycle/options.ts";
import { PerhapsLack, tellsOfLack } from "./lack.ts";

/** How a program ended. */
export interface Exit {
  /** Its exit code; null where a signal ended it, or where it could not be started. */
  readonly code: number | null;
  readonly signal: string | null;
  /** Why it could not be started. */
  readonly failed?: string;
  /** Bytes of its input that the program never read. */
  readonly unread: number;
}

/**
 * The error for a program that ended instead of loading: `PerhapsLack` where the system seems to have lacked a
 * process, thread, descriptor or memory, else `Invalid`.
 *
 * @param complaint what the program wrote to stderr
 * @param otherwise the reason where it wrote nothing
 */
export function didNotLoad(exit: Exit, complaint: string, otherwise: string): Error {
  // Bun aborts where it can start no thread.
  const lacks = exit.signal === "SIGABRT" || tellsOfLack(complaint);
  const reason = complaint || exit.failed || otherwise;
  return lacks ? new PerhapsLack(reason) : new Invalid(reason);
}

/** Says in a clause how a program ended, for a person. */
export function howItEnded({ code, signal, failed }: Exit): string {
  if (failed !== undefined) return `it could not be started: ${failed}`;
  return signal === null ? `it ended with exit code ${code}` : `it was ended by ${signal}`;
}
