import { XsError } from "../core/error.ts";
import { MAX_INLINE_CONTENT } from "../core/inline-content.ts";
import { isLonger, LineNotText, LineTooLong, textLines } from "../lib/lines.ts";
import { bodyError } from "./body.ts";

/** An error in one line of a body. */
export class LineError extends Error {
  /** The number of the line, from 1. */
  readonly line: number;
  readonly reason: XsError;

  constructor(line: number, reason: XsError) {
    super(`line ${line}: ${reason.message}`, { cause: reason });
    this.line = line;
    this.reason = reason;
  }
}

/**
 * Calls `take` with each line of a body as it arrives; skips blank lines.
 *
 * @param most the longest accepted line, in bytes
 * @returns the number of lines that `take` got
 * @throws LineError if a line is not UTF-8 or is too long, or if `take` throws an XsError
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

/**
 * Checks the length of a line that may have content. Only small content, whose escapes take many bytes, excuses a line
 * that is longer than `most` bytes.
 *
 * @returns the check of the content, once it is known
 * @throws LineTooLong, as the returned function does
 */
export function checkLength(line: string, most: number): (content?: Uint8Array) => void {
  if (!isLonger(line, most)) return NO_CHECK;
  if (!line.includes('"content')) throw new LineTooLong(most);
  return (content) => {
    if (!content || content.length > MAX_INLINE_CONTENT) throw new LineTooLong(most);
  };
}

const NO_CHECK = () => {};

/** Turns the error of a line into one for the client. */
function lineError(error: unknown): unknown {
  const { message } = error as Error;
  if (error instanceof LineTooLong) return new XsError("body_too_large", message);
  if (error instanceof LineNotText) return new XsError("bad_frame", message);
  return error;
}
