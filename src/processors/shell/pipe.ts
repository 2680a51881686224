import { ptr } from "bun:ffi";
import { closeSync, readSync, writeSync } from "node:fs";
import { libc } from "../../lib/libc.ts";

const O_NONBLOCK = 0o4000;
const O_CLOEXEC = 0o2000000;
const F_SETFL = 4;
const POLLIN = 1;
/** As much as a pipe usually holds. */
const READ_BYTES = 64 * 1024;
/** Reads of what is left in a pipe; more comes of a process that goes on to write. */
const MAX_READS = 32;
/** Where the system cannot say whether a pipe is empty: it is, when nothing came for so long, in ms. */
const QUIET_MS = 250;

/** The reading and the writing end of a pipe. */
export interface PipeEnds {
  readonly reading: number;
  readonly writing: number;
}

/**
 * Opens a pipe whose end on this side does not block; undefined where the system has no such call.
 *
 * @param ours which end this process keeps
 * @throws Error `EMFILE` where no descriptor is free
 */
export function openPipe(ours: keyof PipeEnds): PipeEnds | undefined {
  const pipe2 = process.platform === "linux" ? libc("pipe2") : undefined;
  if (!pipe2) return undefined;
  const ends = new Int32Array(2);
  // pipe2 fails for no other reason with these arguments.
  if (pipe2(ptr(ends), O_CLOEXEC) !== 0)
    throw Object.assign(new Error("EMFILE: there is no free descriptor"), { code: "EMFILE" });
  const [reading, writing] = ends as unknown as [number, number];
  const pipe = { reading, writing };
  libc("fcntl")?.(pipe[ours], F_SETFL, O_NONBLOCK);
  return pipe;
}

/**
 * Writes to the input of a command, which may read it late, in part or never, and closes it.
 *
 * @param more what follows `bytes`
 */
export async function writeInput(
  fd: number,
  bytes: Uint8Array,
  more?: AsyncIterable<Uint8Array>,
): Promise<void> {
  const written = tryWrite(fd, bytes);
  if (written === bytes.length && !more) return closeSync(fd);
  const sink = Bun.file(fd).writer();
  const write = async (piece: Uint8Array) => {
    sink.write(piece);
    await sink.flush();
  };
  try {
    if (written < bytes.length) await write(bytes.subarray(written));
    for await (const piece of more ?? []) await write(piece);
  } finally {
    await Promise.resolve(sink.end()).catch(() => {});
    closeSync(fd);
  }
}

/** @returns how much fitted into the pipe; all of it where nobody reads that */
function tryWrite(fd: number, bytes: Uint8Array): number {
  if (bytes.length === 0) return 0;
  try {
    return writeSync(fd, bytes);
  } catch (error) {
    return (error as { code?: string }).code === "EAGAIN" ? 0 : bytes.length;
  }
}

/**
 * What a command prints. A command that ends soon costs no stream: what it printed is read when it has ended. A process
 * that the command left behind may hold the pipe open after that.
 */
export class OutputPipe {
  /** Settles when nothing more can come. */
  readonly closed: Promise<void>;
  readonly #take: (bytes: Uint8Array) => Promise<void> | void;
  readonly #end = Promise.withResolvers<void>();
  readonly #fd: number | undefined;
  readonly #stream: ReadableStream<Uint8Array> | undefined;
  #reading = false;
  #isOpen = true;
  /** A chunk is under way to its place. */
  #isTaking = false;
  /** Resolves at the next chunk. */
  #chunk = Promise.withResolvers<void>();

  /** @param source the reading end of a pipe, or the stream of one that Bun has made */
  constructor(
    source: number | ReadableStream<Uint8Array>,
    take: (bytes: Uint8Array) => Promise<void> | void,
  ) {
    this.closed = this.#end.promise;
    this.#take = take;
    if (typeof source === "number") this.#fd = source;
    else this.#stream = source;
  }

  get isOpen(): boolean {
    return this.#isOpen;
  }

  /** Reads from now on what comes. */
  follow(): void {
    if (this.#reading || !this.#isOpen) return;
    this.#reading = true;
    void this.#read()
      .catch(() => {})
      .finally(() => this.#close());
  }

  /** Takes what the command has printed, once it has ended. Does not wait for others that hold the pipe. */
  async finish(): Promise<void> {
    if (!this.#reading && this.#fd !== undefined) return this.#drain(this.#fd);
    this.follow();
    for (let reads = 0; this.#isOpen && reads < MAX_READS; reads++) {
      const chunk = this.#chunk.promise;
      if (!this.#isTaking) {
        // What Bun has read already comes first.
        await Bun.sleep(0);
        await Bun.sleep(0);
        const isSame = this.#chunk.promise === chunk && !this.#isTaking;
        if (isSame && !(await this.#hasMore())) return;
      }
      if (this.#chunk.promise === chunk) await Promise.race([chunk, this.closed]);
    }
  }

  /** Whether more has come, or can be read at once. */
  async #hasMore(): Promise<boolean> {
    if (this.#fd !== undefined) return hasInput(this.#fd);
    return Promise.race([this.#chunk.promise, this.closed, quiet()]).then((end) => end !== true);
  }

  async #drain(fd: number): Promise<void> {
    for (let reads = 0; reads < MAX_READS; reads++) {
      const buffer = Buffer.allocUnsafe(READ_BYTES);
      let size: number;
      try {
        size = readSync(fd, buffer);
      } catch {
        break;
      }
      if (size === 0) return this.#close();
      const taken = this.#take(buffer.subarray(0, size));
      if (taken !== undefined) await taken;
    }
    this.follow();
  }

  async #read(): Promise<void> {
    const stream = this.#stream ?? Bun.file(this.#fd ?? 0).stream();
    const reader = stream.getReader() as ReadableStreamDefaultReader<Uint8Array>;
    for (;;) {
      const { value, done } = await reader.read();
      if (done) return;
      this.#isTaking = true;
      await this.#take(value);
      this.#isTaking = false;
      this.#chunk.resolve();
      this.#chunk = Promise.withResolvers();
    }
  }

  #close(): void {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    if (this.#fd !== undefined) closeSync(this.#fd);
    this.#end.resolve();
  }
}

async function quiet(): Promise<true> {
  await Bun.sleep(QUIET_MS);
  return true;
}

/** Whether a pipe holds bytes that nobody has read, from poll(2). */
function hasInput(fd: number): boolean {
  const bytes = new Uint8Array(8);
  const entry = new DataView(bytes.buffer);
  entry.setInt32(0, fd, true);
  entry.setInt16(4, POLLIN, true);
  const found = libc("poll")?.(ptr(bytes), 1, 0) ?? 0;
  return found > 0 && (entry.getInt16(6, true) & POLLIN) !== 0;
}
