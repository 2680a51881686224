import { XsError } from "../../core/error.ts";
import { diskFull, isCorrupt, isOutOfFiles, outOfFiles } from "../failures.ts";
import type { InPlace } from "./in-place.ts";

/** Whether a store still takes writes, and what its failures mean. */
export class Health {
  /** Resolves to the reason when the store can no longer make writes durable. */
  readonly failure: Promise<Error>;
  /** Why the store takes no writes; undefined while it does. */
  failed: Error | undefined;
  readonly #place: InPlace;
  readonly #tell: (error: Error) => void;

  /** @param refusal why a store that is only read takes no writes */
  constructor(place: InPlace, refusal?: Error) {
    this.#place = place;
    this.failed = refusal;
    const { promise, resolve } = Promise.withResolvers<Error>();
    this.failure = promise;
    this.#tell = resolve;
  }

  /** False once the store was moved, replaced or removed: it stops then. */
  get isInPlace(): boolean {
    return !this.failed && !this.#place.problem();
  }

  /** @throws XsError the reason why the store takes no writes */
  checkWritable(): void {
    if (this.failed) throw this.failed;
    const misplaced = this.#place.problem();
    if (misplaced) throw this.stop(misplaced);
  }

  /** Stops the store where its files are not in their place any more. */
  checkPlace(): void {
    const misplaced = this.#place.problem();
    if (misplaced) this.stop(misplaced);
  }

  /** Runs a read. Throws its failure as an XsError. */
  readonly guard = <T>(run: () => T): T => {
    try {
      return run();
    } catch (error) {
      throw this.translate(error as Error);
    }
  };

  /** Reports the failure of a task. One that lacks a descriptor, or memory for a thread, runs again later. */
  readonly taskFailed = (error: Error): void => {
    if (!isOutOfFiles(error)) this.stop(error);
  };

  /** An error of SQLite as the store's own; one that means lost durability stops the store. */
  translate(error: Error): Error {
    if (error instanceof XsError) return error;
    const code = (error as { code?: string }).code ?? "";
    if (code === "SQLITE_FULL") return diskFull(error);
    if (isCorrupt(error)) return databaseDamaged(error);
    if (isOutOfFiles(error)) return outOfFiles(error);
    if (code.startsWith("SQLITE_IOERR") || code.startsWith("SQLITE_READONLY")) {
      return this.stop(error);
    }
    return error;
  }

  /** Stops the store, and returns the reason. */
  stop(cause: Error): Error {
    // A fault of the disk may be no more than that the files are somewhere else now.
    const misplaced = cause instanceof XsError ? cause : this.#place.problem();
    this.failed ??=
      misplaced ??
      new XsError(
        "store_failed",
        `the store can no longer write safely and stops: ${cause.message}`,
        { cause },
      );
    this.#tell(this.failed);
    return this.failed;
  }
}

/** The error of a read where SQLite finds a damaged page. */
export function databaseDamaged(cause: Error): XsError {
  return new XsError("frame_damaged", `the database is damaged (${cause.message})`, { cause });
}
