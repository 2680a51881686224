import { XsError } from "../core/error.ts";
import { isOutOfFiles, outOfFiles } from "../store/failures.ts";
import type { Call } from "./call.ts";

/**
 * Tells of an answer that broke off after it had begun, and gives what its stream is to fail with.
 * Behind a socket that is nothing: the HTTP layer prints whatever it is given, with a piece of the
 * program.
 */
export function brokeOff({ context }: Call): (error: unknown) => unknown {
  const { brokeOff: tell } = context;
  return (cause) => {
    const error = isOutOfFiles(cause) ? outOfFiles(cause) : cause;
    // Anything else is a client that left.
    if (!tell || !(error instanceof XsError)) return error;
    tell(error);
    return undefined;
  };
}
