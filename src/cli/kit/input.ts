import { XsError } from "../../core/error.ts";
import { isTerminal, STDIN } from "../../lib/is-terminal.ts";
import { pulled } from "../../lib/streams.ts";

/** Input of up to this many bytes is sent in one piece, with its length. */
const SHORT_BYTES = 64 * 1024;

/** Says on stderr that the command waits for what a person types, where stdin is a terminal. @param what it waits for */
export async function sayThatItWaits(what: string): Promise<void> {
  if (!isTerminal(STDIN)) return;
  const { messages } = await import("./messages.ts");
  messages.info(`waiting for ${what}: it ends with Ctrl-D on a line of its own`);
}

/**
 * Reads standard input as a request body: bytes if it is short, else a stream.
 *
 * @param what a person at a terminal is asked for
 */
export async function readInput(
  what: string,
): Promise<Uint8Array<ArrayBuffer> | ReadableStream<Uint8Array>> {
  await sayThatItWaits(what);
  const reader = stdinReader();
  const head: Uint8Array[] = [];
  let size = 0;
  while (size <= SHORT_BYTES) {
    const { value, done } = await reader.read();
    // One chunk is the usual case, and a command that makes no `Buffer` starts faster.
    if (done) return new Uint8Array(head.length > 1 ? Buffer.concat(head) : (head[0] ?? []));
    head.push(value);
    size += value.length;
  }
  return pulled(
    async () => head.shift() ?? (await reader.read()).value,
    () => {},
  );
}

function stdinReader() {
  try {
    return Bun.stdin.stream().getReader();
  } catch (error) {
    if ((error as { code?: string }).code !== "EISDIR") throw error;
    const problem = "standard input is a folder: redirect a file, or pipe the output of a command";
    throw new XsError("bad_request", problem, { cause: error });
  }
}

/** Reads standard input as text. @param what a person at a terminal is asked for */
export async function readAll(what: string): Promise<string> {
  await sayThatItWaits(what);
  return new Response(Bun.stdin.stream()).text();
}
