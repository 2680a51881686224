import { ptr } from "bun:ffi";
import { closeSync } from "node:fs";
import { libc } from "../../lib/libc.ts";

const O_NONBLOCK = 0o4000;
const O_CLOEXEC = 0o2000000;
const F_SETFL = 4;
const F_SETPIPE_SZ = 1031;
/**
 * The size of the pipes for input and output. With more than the usual 64 KiB, the server and a busy program wait
 * less for each other; all pipes of a user share 64 MiB, so it is not larger.
 */
const PIPE_BYTES = 256 * 1024;

/** The server's ends of a program's standard streams. */
export interface Streams {
  readonly stdin: Bun.FileSink;
  readonly stdout: ReadableStream<Uint8Array>;
  readonly stderr: ReadableStream<Uint8Array>;
  /** Ends the program's input, after the bytes written so far. */
  closeInput(): void;
  /** Stops reading the program's standard output: its writes then fail instead of waiting. */
  closeOutput(): void;
}

/** A program's standard streams for `Bun.spawn`: descriptors, or "pipe" for a pipe that Bun makes. */
export type Stdio = [number | "pipe", number | "pipe", number | "pipe"];
type Child = Bun.Subprocess<Stdio[0], Stdio[1], Stdio[2]>;

/**
 * What a program's input is. A socket is faster: the kernel takes a page of frames in a few large pieces instead of many
 * of 4 KiB. But no program can open it as /dev/stdin, so it is for those whose standard input is another one.
 */
export type InputKind = "pipe" | "socket";

/**
 * Starts a child process with pipes as its standard streams. Bun's own "pipes" are sockets on Linux, which a program
 * cannot open as /dev/stdin, /dev/stdout and /dev/stderr.
 *
 * @throws Error `EMFILE` where no descriptor is free
 */
export function withPipes(
  start: (stdio: Stdio) => Child,
  kind: InputKind = "pipe",
): { child: Child; streams: Streams } {
  const pipe2 = process.platform === "linux" ? libc("pipe2") : undefined;
  if (!pipe2) {
    const child = start(["pipe", "pipe", "pipe"]);
    return { child, streams: streamsOf(child as Bun.Subprocess<"pipe", "pipe", "pipe">) };
  }
  const open: number[] = [];
  const pipe = (): [number, number] => {
    const ends = new Int32Array(2);
    // pipe2 fails for no other reason with these arguments.
    if (pipe2(ptr(ends), O_CLOEXEC) !== 0)
      throw Object.assign(new Error("there is no free descriptor"), { code: "EMFILE" });
    const [reading, writing] = ends as unknown as [number, number];
    open.push(reading, writing);
    return [reading, writing];
  };
  try {
    const [input, ours] = kind === "pipe" ? pipe() : ["pipe" as const];
    const [stdout, output] = pipe();
    const [stderr, errors] = pipe();
    // Where the user has too many pipes, the kernel refuses and the usual size stays.
    const large = ours === undefined ? [stdout] : [ours, stdout];
    for (const end of large) libc("fcntl")?.(end, F_SETPIPE_SZ, PIPE_BYTES);
    const child = start([input, output, errors]);
    for (const end of [input, output, errors]) if (end !== "pipe") closeSync(end);
    open.length = 0;
    // Only our ends: the program expects blocking reads and writes on its ends.
    for (const end of [...large, stderr]) libc("fcntl")?.(end, F_SETFL, O_NONBLOCK);
    const stdin = ours === undefined ? inputOf(child as Bun.Subprocess<"pipe">) : inputOn(ours);
    return { child, streams: { ...stdin, ...outputsOn(stdout, stderr) } };
  } catch (error) {
    for (const end of open) closeSync(end);
    throw error;
  }
}

/** The input through our end of a pipe. */
function inputOn(end: number): Pick<Streams, "stdin" | "closeInput"> {
  const stdin = Bun.file(end).writer();
  let ended = false;
  return {
    stdin,
    closeInput() {
      if (ended) return;
      ended = true;
      // Bun leaves the descriptor open, and the program would wait for more input.
      void endOf(stdin).finally(() => closeSync(end));
    },
  };
}

/** The input through what Bun made, which Bun closes. */
function inputOf({ stdin }: Bun.Subprocess<"pipe">): Pick<Streams, "stdin" | "closeInput"> {
  return { stdin, closeInput: () => void endOf(stdin) };
}

function outputsOn(
  stdout: number,
  stderr: number,
): Pick<Streams, "stdout" | "stderr" | "closeOutput"> {
  const output = readEnd(stdout);
  return { stdout: output.stream, stderr: readEnd(stderr).stream, closeOutput: output.close };
}

/** Resolves when all bytes are in the pipe, or the pipe has no reader any more. */
async function endOf(stdin: Bun.FileSink): Promise<void> {
  try {
    await stdin.end();
  } catch {
    // The pipe has no reader any more.
  }
}

/** A stream over the reading end of a pipe. The end of the stream, or its cancellation, closes the descriptor. */
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
          // Its reader has cancelled the stream.
        }
      },
      cancel: close,
    },
    { highWaterMark: 0 },
  );
  return { stream, close };
}

function streamsOf(child: Bun.Subprocess<"pipe", "pipe", "pipe">): Streams {
  const { stdout, stderr } = child;
  // Bun closes its pipes when they are collected.
  return { ...inputOf(child), stdout, stderr, closeOutput() {} };
}
