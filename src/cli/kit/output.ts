import { textLines } from "../../lib/lines.ts";
import { chunksIn } from "../../net/text-body.ts";

/** Whoever read our output has gone: there is nothing left to do, and nothing went wrong. */
export class BrokenPipe extends Error {
  override readonly name = "BrokenPipe";
}

/** Writes to stdout at the pace of whoever reads it. @throws BrokenPipe */
export async function writeOut(data: string | Uint8Array): Promise<void> {
  try {
    const bytes = typeof data === "string" ? Buffer.from(data) : data;
    const sink = output();
    // Either may be the one that fails.
    await sink.write(bytes);
    await sink.flush();
  } catch (error) {
    if ((error as { code?: string }).code === "EPIPE") throw new BrokenPipe();
    throw error;
  }
}

/**
 * Copies a response's body to stdout.
 *
 * @throws XsError `no_server` where the body breaks off
 */
export async function pipeOut(response: Response): Promise<void> {
  for await (const chunk of chunksIn(response)) await writeOut(chunk);
}

/**
 * The lines of a response's body.
 *
 * @throws XsError `no_server` where the body breaks off
 */
export async function* linesOf(response: Response): AsyncGenerator<string> {
  for await (const lines of textLines(chunksIn(response))) yield* lines;
}

let sink: Bun.FileSink | undefined;
function output(): Bun.FileSink {
  sink ??= Bun.stdout.writer();
  return sink;
}
