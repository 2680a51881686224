import { closeSync } from "node:fs";
import { chunksIn } from "../../net/text-body.ts";
import { askServer } from "../../sdk/ts/ask-server.ts";
import { howItEnded } from "../child/exit.ts";
import { CollectedOutput, MAX_OUTPUT } from "./collected.ts";
import type { FromShell, RunRequest, RunResult } from "./messages.ts";
import { OutputPipe, openPipe, writeInput } from "./pipe.ts";

/** A command that is to end gets SIGTERM, and SIGKILL after this time, in ms. */
const GRACE_MS = 5000;
/** A command that runs for longer, in ms, is followed: what it prints to standard error comes at once. */
const SOON_MS = 20;
/** How much of the end of standard error explains a failure, in characters. */
const COMPLAINT_CHARACTERS = 2000;
const NOTHING = new Uint8Array();

/** Sends messages to the server; waits for room where a promise comes back. */
export interface RunHost {
  send(message: FromShell): void;
  /** Resolves when the server has taken the standard error that was sent last. */
  acknowledged(run: number): Promise<void>;
}

/** A command under way: it reads the content of a frame, and what it prints is collected. */
export class Run {
  /** Settles when the command has ended. What it left behind may run on. */
  readonly ended: Promise<RunResult>;
  readonly #request: RunRequest;
  readonly #host: RunHost;
  readonly #child: Bun.Subprocess;
  readonly #output: CollectedOutput;
  readonly #stdout: OutputPipe;
  readonly #stderr: OutputPipe;
  #complaint = Buffer.alloc(0);
  #problem: string | undefined;
  #stopping = false;

  /** Starts the command. @throws Error of spawn(2); `isLack` where a later attempt may succeed */
  constructor(request: RunRequest, env: Readonly<Record<string, string>>, host: RunHost) {
    this.#request = request;
    this.#host = host;
    this.#output = new CollectedOutput(request.file);
    const { child, input, stdout, stderr } = start(request, { ...env, ...request.env });
    this.#child = child;
    this.#stdout = new OutputPipe(stdout, (bytes) => this.#collect(bytes));
    this.#stderr = new OutputPipe(stderr, (bytes) => this.#passOn(bytes));
    if (input !== undefined) void this.#feed(input);
    this.ended = this.#watch();
  }

  /** Settles when no process holds the standard error of the command any more, and it is sent. */
  get closed(): Promise<void> {
    return this.#stderr.closed;
  }

  /** Whether a process that the command left behind may still print something. */
  get isOpen(): boolean {
    return this.#stderr.isOpen;
  }

  /** Ends the command and its process group. */
  stop(): void {
    if (this.#stopping) return;
    this.#stopping = true;
    this.#signal("SIGTERM");
    const kill = setTimeout(() => this.#signal("SIGKILL"), GRACE_MS);
    void this.ended.then(() => clearTimeout(kill));
  }

  async #watch(): Promise<RunResult> {
    const soon = setTimeout(() => {
      this.#host.send({ began: this.#request.run, pid: this.#child.pid });
      this.#stdout.follow();
      this.#stderr.follow();
    }, SOON_MS);
    await this.#child.exited;
    clearTimeout(soon);
    await Promise.all([this.#stdout.finish(), this.#stderr.finish()]);
    await this.#output.end();
    const { exitCode: code, signalCode } = this.#child;
    const signal = signalCode === null ? null : String(signalCode);
    if (this.#problem === undefined && code !== 0)
      this.#problem = howItEnded({ code: signal === null ? code : null, signal, unread: 0 });
    if (this.#problem !== undefined) return { problem: this.#problem, complaint: this.#tail() };
    if (this.#output.inFile) return { inFile: true };
    const { bytes } = this.#output;
    return bytes.length === 0 ? {} : { base64: Buffer.from(bytes).toString("base64") };
  }

  #tail(): string {
    const text = new TextDecoder().decode(this.#complaint);
    return Bun.stripANSI(text).trim().slice(-COMPLAINT_CHARACTERS);
  }

  #collect(bytes: Uint8Array): Promise<void> | undefined {
    const added = this.#output.add(bytes);
    if (this.#output.isTooLarge && this.#problem === undefined) {
      const most = MAX_OUTPUT / 1024 / 1024;
      this.#fail(
        `it printed more than ${most} MiB: pipe that much into  "$XS" append TOPIC, which takes any size`,
      );
    }
    return added?.catch((error: Error) => this.#fail(`its output was lost: ${error.message}`));
  }

  #passOn(bytes: Uint8Array): Promise<void> {
    const end = Buffer.concat([this.#complaint, bytes]);
    // A character takes at most four bytes.
    this.#complaint = end.subarray(-4 * COMPLAINT_CHARACTERS);
    this.#host.send({ stderr: this.#request.run, base64: Buffer.from(bytes).toString("base64") });
    return this.#host.acknowledged(this.#request.run);
  }

  async #feed(fd: number | Bun.FileSink): Promise<void> {
    const { input } = this.#request;
    try {
      if (input && "hash" in input) {
        await writeTo(fd, NOTHING, this.#whole(input.hash));
      } else {
        await writeTo(fd, Buffer.from(input?.base64 ?? "", "base64"));
      }
    } catch {
      // The command reads no more.
    }
  }

  /** The content, to its end. A command must not take a part for the whole: it fails where the content breaks off. */
  async *#whole(hash: string): AsyncGenerator<Uint8Array> {
    try {
      yield* chunksIn(await askServer()(`/cas/${hash}`));
    } catch (error) {
      this.#fail(`the content of the frame could not be read: ${(error as Error).message}`);
      throw error;
    }
  }

  #fail(problem: string): void {
    this.#problem ??= problem;
    this.stop();
  }

  #signal(name: "SIGTERM" | "SIGKILL"): void {
    try {
      process.kill(-this.#child.pid, name);
    } catch {
      // The group has no process any more.
    }
  }
}

function writeTo(
  to: number | Bun.FileSink,
  bytes: Uint8Array,
  more?: AsyncIterable<Uint8Array>,
): Promise<void> {
  return typeof to === "number" ? writeInput(to, bytes, more) : writeSink(to, bytes, more);
}

async function writeSink(
  sink: Bun.FileSink,
  bytes: Uint8Array,
  more: AsyncIterable<Uint8Array> | undefined,
): Promise<void> {
  sink.write(bytes);
  await sink.flush();
  for await (const piece of more ?? []) {
    sink.write(piece);
    await sink.flush();
  }
  await sink.end();
}

/** Starts a command, in a process group of its own. */
function start({ command, input }: RunRequest, env: Record<string, string>) {
  const open: number[] = [];
  const pipe = (ours: "reading" | "writing") => {
    const ends = openPipe(ours);
    if (ends) open.push(ends.reading, ends.writing);
    return ends;
  };
  try {
    const stdin = input && pipe("writing");
    const stdout = pipe("reading");
    const stderr = pipe("reading");
    const child = Bun.spawn([...command], {
      stdio: [
        input ? (stdin?.reading ?? "pipe") : "ignore",
        stdout?.writing ?? "pipe",
        stderr?.writing ?? "pipe",
      ],
      env,
      detached: true,
    });
    for (const end of [stdin?.reading, stdout?.writing, stderr?.writing])
      if (end !== undefined) closeSync(end);
    return {
      child: child as Bun.Subprocess,
      input: stdin?.writing ?? (input && (child.stdin as unknown as Bun.FileSink)),
      stdout: stdout?.reading ?? (child.stdout as unknown as ReadableStream<Uint8Array>),
      stderr: stderr?.reading ?? (child.stderr as unknown as ReadableStream<Uint8Array>),
    };
  } catch (error) {
    for (const end of open) closeSync(end);
    throw error;
  }
}
