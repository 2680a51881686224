import { textLines } from "../../lib/lines.ts";
import { selfCommand } from "../../lib/self.ts";
import type { Exit } from "../child/exit.ts";
import { outlasting } from "../child/lack.ts";
import { Program } from "../child/program.ts";
import type { FromShell, RunRequest, RunResult, ToShell } from "./messages.ts";
import { StderrStream } from "./stderr-stream.ts";

/** A command for one frame; `stderr` takes its standard error, once there is any. */
export interface Command extends Omit<RunRequest, "run"> {
  stderr(stream: ReadableStream<Uint8Array>): void;
}

/** A command under way. */
export interface CommandRun {
  /** Rejects with {@link ShellDied} where the process that runs it has ended. */
  readonly ended: Promise<RunResult>;
  /** The pid of the command; undefined while it is not known. */
  readonly pid: number | undefined;
  /** Ends the command and its process group. */
  stop(): void;
}

/** The process that runs the commands has ended, as it does where somebody kills it, or could not be started. */
export class ShellDied extends Error {
  readonly exit: Exit;

  constructor(exit: Exit) {
    super("the process that runs the shell commands has ended");
    this.exit = exit;
  }
}

interface Entry {
  readonly command: Command;
  readonly result: PromiseWithResolvers<RunResult>;
  pid: number | undefined;
  stderr: StderrStream | undefined;
}

/** The runner that runs at this moment. */
interface Runner {
  readonly program: Program;
  readonly entries: Map<number, Entry>;
  readonly spawns: Set<string>;
}

/** Runs the shell commands of all handlers in one process, which starts with the first command. */
export class Shells {
  readonly #env: Record<string, string>;
  readonly #ending: AbortSignal;
  readonly #abort = new AbortController();
  #runner: Promise<Runner> | undefined;
  #ran = 0;

  /** @param env of every command @param ending aborted when all are to end at once */
  constructor(env: Record<string, string>, ending: AbortSignal) {
    this.#env = env;
    this.#ending = ending;
  }

  /** Starts a command. Waits where the system lacks a process or descriptor. @throws ShellDied */
  async run(command: Command): Promise<CommandRun> {
    this.#runner ??= this.#start();
    const runner = await this.#runner.catch((error: Error) => {
      throw new ShellDied({ code: null, signal: null, failed: error.message, unread: 0 });
    });
    const run = ++this.#ran;
    const entry: Entry = {
      command,
      result: Promise.withResolvers(),
      pid: undefined,
      stderr: undefined,
    };
    entry.result.promise.catch(() => {});
    runner.entries.set(run, entry);
    const { stderr: _, ...request } = command;
    runner.spawns.add(request.env.XS_SPAWN_ID ?? "");
    send(runner, { run, ...request });
    return {
      ended: entry.result.promise,
      get pid() {
        return entry.pid;
      },
      stop: () => send(runner, { stop: run }),
    };
  }

  /** Lets the commands of a lane begin that wait after one which has failed. */
  async go(lane: string): Promise<void> {
    const runner = await this.#runner?.catch(() => undefined);
    if (runner) send(runner, { go: lane });
  }

  /** Ends what the commands of a handler have left behind. */
  async release(spawnId: string): Promise<void> {
    const runner = await this.#runner?.catch(() => undefined);
    if (runner?.spawns.delete(spawnId)) send(runner, { release: spawnId });
  }

  /** Ends the process, with all commands and what they left behind. */
  async stop(): Promise<void> {
    this.#abort.abort();
    const runner = await this.#runner?.catch(() => undefined);
    runner?.program.stop();
    await runner?.program.exited;
  }

  async #start(): Promise<Runner> {
    const what = "the process of shell commands";
    const { signal } = this.#abort;
    try {
      const [env, ending] = [this.#env, this.#ending];
      const program = await outlasting(what, signal, () =>
        Program.start({ command: selfCommand("shell"), env, ending }, signal),
      );
      const runner = { program, entries: new Map<number, Entry>(), spawns: new Set<string>() };
      void this.#follow(runner);
      return runner;
    } catch (error) {
      this.#runner = undefined;
      throw error;
    }
  }

  async #follow(runner: Runner): Promise<void> {
    const { program, entries } = runner;
    const errors = program.stderr.pipeTo(
      new WritableStream({ write: (bytes) => void process.stderr.write(bytes) }),
    );
    for await (const lines of textLines(program.stdout)) {
      for (const line of lines) take(runner, JSON.parse(line) as FromShell);
    }
    const exit = await program.exited;
    await errors.catch(() => {});
    this.#runner = undefined;
    for (const { result, stderr } of entries.values()) {
      stderr?.end();
      result.reject(new ShellDied(exit));
    }
  }
}

function send({ program }: Runner, message: ToShell): void {
  void program.write(Buffer.from(`${JSON.stringify(message)}\n`));
}

function take(runner: Runner, message: FromShell): void {
  const { entries } = runner;
  if ("began" in message) {
    const entry = entries.get(message.began);
    if (entry) entry.pid = message.pid;
  } else if ("stderr" in message) {
    const { stderr: run, base64 } = message;
    takeStderr(entries.get(run), Buffer.from(base64, "base64"), () => send(runner, { ack: run }));
  } else if (message.end === undefined) {
    close(entries, message.closed);
  } else {
    const { end, closed, ...result } = message;
    entries.get(end)?.result.resolve(result);
    if (closed) close(entries, end);
  }
}

function takeStderr(entry: Entry | undefined, bytes: Uint8Array, taken: () => void): void {
  if (!entry) return;
  if (!entry.stderr) {
    entry.stderr = new StderrStream();
    entry.command.stderr(entry.stderr.stream);
  }
  entry.stderr.add(bytes, taken);
}

function close(entries: Map<number, Entry>, run: number): void {
  entries.get(run)?.stderr?.end();
  entries.delete(run);
}
