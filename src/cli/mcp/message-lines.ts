import { LineBuffer, linesOfBytes } from "../../lib/lines.ts";

/** Stands for a line that was longer than its reader takes. */
export const TOO_LONG = Symbol("too long");

/**
 * Splits input into lines. Of one that is too long it keeps nothing in memory, and continues with the next.
 *
 * @param most bytes of a line
 */
export async function* messageLines(
  chunks: AsyncIterable<Uint8Array>,
  most: number,
): AsyncGenerator<Uint8Array | typeof TOO_LONG> {
  const buffer = new LineBuffer();
  let isSkipping = false;
  for await (const chunk of chunks) {
    for (const piece of buffer.push(chunk)) {
      for (const line of linesOfBytes(piece)) {
        // The line that ends here is the rest of the one that was too long.
        if (!isSkipping) yield line.length > most ? TOO_LONG : line;
        isSkipping = false;
      }
    }
    if (buffer.size <= most && !isSkipping) continue;
    buffer.take();
    if (!isSkipping) yield TOO_LONG;
    isSkipping = true;
  }
  if (buffer.size > 0) yield buffer.take();
}
