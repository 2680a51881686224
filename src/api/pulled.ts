import { XsError } from "../frame/error.ts";
import { isOutOfFiles, outOfFiles } from "../store/failures.ts";
import type { Call } from "./api.ts";

/** A stream that takes no piece before it is asked for one: at the pace of its reader. */
export function pulled(
  next: () => Promise<Uint8Array | undefined>,
  close: () => void,
  broken: (error: unknown) => unknown = (error) => error,
): ReadableStream<Uint8Array> {
  return new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        try {
          const bytes = await next();
          if (bytes) controller.enqueue(bytes);
          else controller.close();
        } catch (error) {
          controller.error(broken(error));
        }
      },
      cancel: close,
    },
    { highWaterMark: 0 },
  );
}

/**
 * Tells of an answer that broke off after it had begun, and gives what its stream is to fail with.
 * Behind a socket that is nothing: the HTTP layer prints whatever it is given, with a piece of the
 * program.
 */
export function brokeOff({ around }: Call): (error: unknown) => unknown {
  const { brokeOff: tell } = around;
  return (cause) => {
    const error = isOutOfFiles(cause) ? outOfFiles(cause) : cause;
    // Anything else is a client that left.
    if (!tell || !(error instanceof XsError)) return error;
    tell(error);
    return undefined;
  };
}
