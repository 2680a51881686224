import type { Chunk } from "../../core/chunk.ts";
import { XsError } from "../../core/error.ts";

const NEWLINE = 10;

/**
 * Passes on the response to a chunked append, and checks at its end that it has the last chunk: a proxy may end a
 * response that broke off as if it were whole.
 *
 * @returns a response whose body fails with XsError `no_server` where the last chunk is missing
 */
export function wholeChunks(response: Response): Response {
  let line: Uint8Array[] = [];
  let last = "";
  const watch = new TransformStream<Uint8Array, Uint8Array>({
    transform(bytes, controller) {
      const end = bytes.lastIndexOf(NEWLINE);
      if (end >= 0) {
        const before = bytes.lastIndexOf(NEWLINE, end - 1);
        const pieces =
          before < 0 ? [...line, bytes.subarray(0, end)] : [bytes.subarray(before + 1, end)];
        last = Buffer.concat(pieces).toString();
        line = [];
      }
      line.push(bytes.slice(end + 1));
      controller.enqueue(bytes);
    },
    flush() {
      if (isLast(last)) return;
      throw new XsError(
        "no_server",
        "the answer ended before the last chunk, so the content may not be whole: look at the newest frames of the topic, and whether a proxy breaks such answers off",
      );
    },
  });
  return new Response(response.body?.pipeThrough(watch), response);
}

/** Tells whether a line is that of a last chunk, which is whole. */
function isLast(line: string): boolean {
  if (line === "") return false;
  const { chunk } = (JSON.parse(line) as { meta: { chunk: Chunk } }).meta;
  return !chunk.more && chunk.aborted !== true;
}
