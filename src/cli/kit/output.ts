/** The reader of our output has gone: there is nothing left to do, and the command succeeds. */
export class BrokenPipe extends Error {
  override readonly name = "BrokenPipe";
}

/** Writes to stdout, at the pace of its reader. @throws BrokenPipe */
export async function writeOut(data: string | Uint8Array): Promise<void> {
  try {
    const bytes = typeof data === "string" ? Buffer.from(data) : data;
    const sink = output();
    // Either call may reject: both are awaited.
    await sink.write(bytes);
    await sink.flush();
  } catch (error) {
    if ((error as { code?: string }).code === "EPIPE") throw new BrokenPipe();
    throw error;
  }
}

let sink: Bun.FileSink | undefined;
function output(): Bun.FileSink {
  sink ??= Bun.stdout.writer();
  return sink;
}
