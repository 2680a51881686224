import { XsError } from "../core/error.ts";
import { isOutOfFiles, outOfFiles } from "../store/failures.ts";
import type { Call } from "./call.ts";

/**
 * Makes a function that reports a response which broke off midway, and returns the error for its stream.
 * On a server that error is undefined: Bun would print any other one, with a piece of the program's source.
 */
export function brokeOff({ context }: Call): (error: unknown) => unknown {
  const { brokeOff: report } = context;
  return (cause) => {
    const error = isOutOfFiles(cause) ? outOfFiles(cause) : cause;
    // Any other error means that the client left.
    if (!report || !(error instanceof XsError)) return error;
    report(error);
    return undefined;
  };
}

/**
 * Checks that there is room for a response that may last. Call it before such a response: the last
 * descriptors are for requests that end.
 *
 * @throws XsError `too_many_files`
 */
export function checkCrowd({ context }: Call): void {
  const problem = context.crowded?.();
  if (problem !== undefined) throw new XsError("too_many_files", problem);
}
