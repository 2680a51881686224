import { XsError } from "../core/error.ts";
import { LineNotText, LineTooLong, textLines } from "../lib/lines.ts";
import { bodyError } from "./body.ts";

/** What is wrong with a line of a body. */
export class LineError extends Error {
  /** From 1 up. */
  readonly line: number;
  readonly reason: XsError;

  constructor(line: number, reason: XsError) {
    super(`line ${line}: ${reason.message}`, { cause: reason });
    this.line = line;
    this.reason = reason;
  }
}

/**
 * Hands the lines of a text to `take`, each as it comes; blank ones are passed over.
 *
 * @param most bytes of a line
 * @returns how many lines were taken
 * @throws LineError where a line is not UTF-8, is too long, or `take` throws an XsError
 * @throws XsError `body_cut_off`
 */
export async function eachLine(
  chunks: AsyncIterable<Uint8Array>,
  most: number,
  take: (line: string) => void | Promise<void>,
): Promise<number> {
  let number = 1;
  let taken = 0;
  try {
    for await (const lines of textLines(chunks, { most, strict: true })) {
      for (const line of lines) {
        if (line.trim() !== "") {
          const done = take(number === 1 ? line.replace(/^\uFEFF/, "") : line);
          if (done !== undefined) await done;
          taken++;
        }
        number++;
      }
    }
  } catch (error) {
    const failure = lineError(bodyError(error));
    if (!(failure instanceof XsError) || failure.code === "body_cut_off") throw failure;
    throw new LineError(number, failure);
  }
  return taken;
}

/** What is wrong with a line, as the client is told. */
function lineError(error: unknown): unknown {
  const { message } = error as Error;
  if (error instanceof LineTooLong) return new XsError("body_too_large", message);
  if (error instanceof LineNotText) return new XsError("bad_frame", message);
  return error;
}
