import { createReadStream, openSync, statSync } from "node:fs";
import { XsError } from "../../core/error.ts";

/** Input up to this size is sent in one piece, with its length. */
const PIECE = 64 * 1024;
/** A file is read so many bytes at a time. */
const CHUNK = 256 * 1024;

/** Standard input as a request body: bytes if it is short, else a stream. */
export async function readInput(): Promise<Uint8Array<ArrayBuffer> | ReadableStream<Uint8Array>> {
  const reader = stdinReader();
  const head: Uint8Array[] = [];
  let size = 0;
  while (size <= PIECE) {
    const { value, done } = await reader.read();
    if (done) return new Uint8Array(Buffer.concat(head));
    head.push(value);
    size += value.length;
  }
  return new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        const first = head.shift();
        if (first) return controller.enqueue(first);
        const { value, done } = await reader.read();
        if (done) controller.close();
        else controller.enqueue(value);
      },
    },
    { highWaterMark: 0 },
  );
}

function stdinReader() {
  try {
    return Bun.stdin.stream().getReader();
  } catch (error) {
    if ((error as { code?: string }).code !== "EISDIR") throw error;
    const problem = "standard input is a folder: give a file, or what a command prints";
    throw new XsError("bad_request", problem, { cause: error });
  }
}

/**
 * A file as a request body. A file that is not there is found out at once.
 *
 * @param told which part of it was taken, from 0 to 1
 */
export function readFile(path: string, told: (part: number) => void): ReadableStream<Uint8Array> {
  const file = openSync(path, "r");
  const { size } = statSync(path);
  let taken = 0;
  const chunks = createReadStream(path, { fd: file, highWaterMark: CHUNK })[Symbol.asyncIterator]();
  return new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        const { value, done } = await chunks.next();
        if (done) return controller.close();
        taken += value.length;
        told(taken / size);
        controller.enqueue(value);
      },
      cancel: async () => void (await chunks.return?.()),
    },
    { highWaterMark: 0 },
  );
}

/** Standard input as a text. */
export function readAll(): Promise<string> {
  return new Response(Bun.stdin.stream()).text();
}
