import { ptr } from "bun:ffi";
import { closeSync } from "node:fs";
import { libc } from "../../lib/libc.ts";

const O_NONBLOCK = 0o4000;
const O_CLOEXEC = 0o2000000;
const F_SETFL = 4;
const F_SETPIPE_SZ = 1031;
/**
 * What a pipe of input or output holds, in bytes. More than the usual 64 KiB means fewer turns between
 * the server and a busy program; a user has 64 MiB for all pipes, so not much more.
 */
const PIPE_SIZE = 256 * 1024;

/** Our ends of a program's standard streams. */
export interface Streams {
  readonly stdin: Bun.FileSink;
  readonly stdout: ReadableStream<Uint8Array>;
  readonly stderr: ReadableStream<Uint8Array>;
  /** Ends its input, after what was written. */
  closeInput(): void;
  /** Reads no more of its standard output, which it then cannot write. */
  closeOutput(): void;
}

/** What a program gets as its standard streams: descriptors, or pipes of Bun's. */
export type Stdio = [number | "pipe", number | "pipe", number | "pipe"];
type Child = Bun.Subprocess<Stdio[0], Stdio[1], Stdio[2]>;

/**
 * Starts a child process with pipes as its standard streams. Those of Bun are sockets on Linux, which
 * cannot be opened as /dev/stdout and its kin.
 */
export function withPipes(start: (stdio: Stdio) => Child): { child: Child; streams: Streams } {
  const pipe2 = process.platform === "linux" ? libc("pipe2") : undefined;
  if (!pipe2) {
    const child = start(["pipe", "pipe", "pipe"]);
    return { child, streams: streamsOf(child as Bun.Subprocess<"pipe", "pipe", "pipe">) };
  }
  const open: number[] = [];
  const pipe = (): [number, number] => {
    const ends = new Int32Array(2);
    // There is no other reason for which it fails.
    if (pipe2(ptr(ends), O_CLOEXEC) !== 0)
      throw Object.assign(new Error("there is no free descriptor"), { code: "EMFILE" });
    const [reading, writing] = ends as unknown as [number, number];
    open.push(reading, writing);
    return [reading, writing];
  };
  try {
    const [input, ours] = pipe();
    const [stdout, output] = pipe();
    const [stderr, errors] = pipe();
    // Where the user has too many pipes they stay as they are.
    for (const end of [ours, stdout]) libc("fcntl")?.(end, F_SETPIPE_SZ, PIPE_SIZE);
    const child = start([input, output, errors]);
    for (const end of [input, output, errors]) closeSync(end);
    open.length = 0;
    // Only of our ends: the program expects its own to wait.
    for (const end of [ours, stdout, stderr]) libc("fcntl")?.(end, F_SETFL, O_NONBLOCK);
    return { child, streams: streamsOn(ours, stdout, stderr) };
  } catch (error) {
    for (const end of open) closeSync(end);
    throw error;
  }
}

function streamsOn(input: number, stdout: number, stderr: number): Streams {
  const stdin = Bun.file(input).writer();
  const output = readEnd(stdout);
  let ended = false;
  return {
    stdin,
    stdout: output.stream,
    stderr: readEnd(stderr).stream,
    closeInput() {
      if (ended) return;
      ended = true;
      // Bun leaves the descriptor open, and with it the program waiting.
      void endOf(stdin).finally(() => closeSync(input));
    },
    closeOutput: output.close,
  };
}

/** Settles when all that was written is in the pipe, or nobody will read it. */
async function endOf(stdin: Bun.FileSink): Promise<void> {
  try {
    await stdin.end();
  } catch {
    // The program is gone, with all that could read.
  }
}

/** The reading end of a pipe. It is closed at the end of the stream, or when that is given up. */
function readEnd(fd: number): { stream: ReadableStream<Uint8Array>; close(): void } {
  const reader = Bun.file(fd).stream().getReader() as ReadableStreamDefaultReader<Uint8Array>;
  let isOpen = true;
  const close = () => {
    if (!isOpen) return;
    isOpen = false;
    void reader
      .cancel()
      .catch(() => {})
      .finally(() => closeSync(fd));
  };
  const stream = new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        const { value, done } = await reader.read();
        if (!done) return controller.enqueue(value);
        close();
        try {
          controller.close();
        } catch {
          // Whoever read it has cancelled it.
        }
      },
      cancel: close,
    },
    { highWaterMark: 0 },
  );
  return { stream, close };
}

function streamsOf(child: Bun.Subprocess<"pipe", "pipe", "pipe">): Streams {
  const { stdin, stdout, stderr } = child;
  return {
    stdin,
    stdout,
    stderr,
    closeInput: () => void endOf(stdin),
    // Bun closes them when nobody has them any more.
    closeOutput() {},
  };
}
