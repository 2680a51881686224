import { Invalid } from "../lifecycle/options.ts";
import { PerhapsLack, tellsOfLack } from "./lack.ts";

/** How a program ended. */
export interface Exit {
  /** Its exit code; null where a signal ended it, or where it could not be started. */
  readonly code: number | null;
  readonly signal: string | null;
  /** Why it could not be started. */
  readonly failed?: string;
  /** Bytes of its input that it never read. */
  readonly unread: number;
}

/** Why a program that was to load ended instead: it does not load, or lacked what it needs for that. */
export function didNotLoad(exit: Exit, complaint: string, otherwise: string): Error {
  // Bun aborts where it finds no thread.
  const lacks = exit.signal === "SIGABRT" || tellsOfLack(complaint);
  const reason = complaint || exit.failed || otherwise;
  return lacks ? new PerhapsLack(reason) : new Invalid(reason);
}

/** How a program ended, for a person. */
export function howItEnded({ code, signal, failed }: Exit): string {
  if (failed !== undefined) return `it could not be started: ${failed}`;
  return signal === null ? `it ended with exit code ${code}` : `it was ended by ${signal}`;
}
