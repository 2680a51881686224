import { XsError } from "../frame/error.ts";
import { textLines } from "../frame/lines.ts";
import { connectionReason } from "../script/connection-error.ts";

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
  for await (const chunk of chunksOf(response)) await writeOut(chunk);
}

/** A response's body as it comes. @throws as {@link pipeOut} */
export async function* chunksOf(response: Response): AsyncGenerator<Uint8Array> {
  const reader = response.body?.getReader();
  if (!reader) return;
  try {
    for (;;) {
      const { value, done } = await reader.read().catch(brokenOff);
      if (done) return;
      yield value;
    }
  } finally {
    // Whoever sends it need not go on when nobody takes it any more.
    await reader.cancel().catch(() => {});
  }
}

/**
 * The lines of a response's body.
 *
 * @throws XsError `no_server` where the body breaks off
 */
export async function* linesOf(response: Response): AsyncGenerator<string> {
  for await (const lines of textLines(chunksOf(response))) yield* lines;
}

function brokenOff(error: Error): never {
  if (error instanceof XsError) throw error;
  throw new XsError(
    "no_server",
    `the answer broke off (${connectionReason(error)}): look whether the server is gone`,
    { cause: error },
  );
}

let sink: Bun.FileSink | undefined;
function output(): Bun.FileSink {
  sink ??= Bun.stdout.writer();
  return sink;
}
