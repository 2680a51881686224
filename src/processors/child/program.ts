import { descriptorLimit } from "../../lib/descriptor-limit.ts";
import { selfCommand } from "../../lib/self.ts";
import type { Exit } from "./exit.ts";
import type { FromGuard, ToGuard } from "./guard.ts";
import { isLack, Lack } from "./lack.ts";
import { type InputKind, type Streams, withPipes } from "./pipes.ts";
import { reapAdopted } from "./reaper.ts";

/** Descriptors that one program takes in the server: its pipes, the channel to its guard, and its pid. */
const DESCRIPTORS_A_PROGRAM = 5;
/** Descriptors that the store takes. */
const STORE_DESCRIPTORS = 32;
/** The share of the other descriptors that programs may take; clients need the rest. */
const PROGRAM_SHARE = 0.5;

/** When the server kills a guard that has not ended by itself. Longer than the time that the guard grants. */
const FORCE_MS = 12_000;

/** What a program is started from. */
export interface ProgramCommand {
  readonly command: readonly string[];
  /** The whole environment of the program. */
  readonly env: Record<string, string>;
  /** A pipe if left out. */
  readonly input?: InputKind | undefined;
  /** Aborted when the program is to end at once. */
  readonly ending?: AbortSignal | undefined;
}

/** A processor's program, as the server sees it. It runs below a guard (guard.ts), in a separate process group. */
export class Program {
  readonly stdout: ReadableStream<Uint8Array>;
  readonly stderr: ReadableStream<Uint8Array>;
  /** Settles when the program and all that it started are gone. */
  readonly exited: Promise<Exit>;
  readonly #guard: ReturnType<typeof withPipes>["child"];
  readonly #streams: Streams;
  /** Resolves when the program runs, or could not be started. */
  readonly #began = Promise.withResolvers<void>();
  #pid: number | undefined;
  #end: { code: number | null; signal: string | null; failed?: string } | undefined;
  /** Why the program could not be started, where a later attempt may succeed. */
  #lack: Error | undefined;
  #unread = 0;
  #written = 0;
  #stopping = false;

  /** The pids of all guards. */
  static readonly #guards = new Set<number>();
  static {
    // The first process of a container adopts the processes of a guard that somebody kills.
    if (process.pid === 1) reapAdopted((pid) => Program.#guards.has(pid));
  }

  private constructor({ command, env, input, ending }: ProgramCommand) {
    const { child, streams } = withPipes(
      (stdio) =>
        Bun.spawn(selfCommand("guard", ...command), {
          stdio,
          env,
          // Ctrl-C at the server's terminal must reach only the server.
          detached: true,
          serialization: "json",
          ipc: (message: FromGuard) => this.#receive(message),
        }),
      input,
    );
    this.#guard = child;
    this.#streams = streams;
    this.stdout = streams.stdout;
    this.stderr = streams.stderr;
    const { pid } = this.#guard;
    Program.#guards.add(pid);
    this.exited = this.#guard.exited.then(() => {
      Program.#guards.delete(pid);
      ending?.removeEventListener("abort", end);
      return this.#conclude();
    });
    const end = () => this.#send("end");
    ending?.addEventListener("abort", end);
    if (ending?.aborted) end();
  }

  /**
   * Starts a program. Where it cannot be executed, `exited` says so.
   *
   * @param signal ends the program if it is aborted before the program runs
   * @throws Error where the system lacks a process or descriptor for it at this moment (`isLack`)
   */
  static async start(command: ProgramCommand, signal: AbortSignal): Promise<Program> {
    const available = PROGRAM_SHARE * (descriptorLimit() - STORE_DESCRIPTORS);
    if ((Program.#guards.size + 1) * DESCRIPTORS_A_PROGRAM > available)
      throw new Lack(
        `${Program.#guards.size} programs run, as many as the descriptors allow: end some of them, or start xs with a higher limit (ulimit -n)`,
      );
    const program = new Program(command);
    const stop = () => program.stop();
    signal.addEventListener("abort", stop);
    if (signal.aborted) stop();
    await program.#began.promise;
    signal.removeEventListener("abort", stop);
    if (!program.#lack || program.#stopping) return program;
    program.closeOutput();
    void program.stderr.cancel();
    await program.exited;
    throw program.#lack;
  }

  /** The pid of the program, not of its guard; undefined unless it runs. */
  get pid(): number | undefined {
    return this.#end ? undefined : this.#pid;
  }

  /** Bytes written to the program's input so far. */
  get written(): number {
    return this.#written;
  }

  /** Writes to the program's input, at its pace. Does nothing once the program has ended. */
  async write(...pieces: readonly Uint8Array[]): Promise<void> {
    if (this.#end) return;
    try {
      for (const bytes of pieces) {
        this.#written += bytes.length;
        this.#streams.stdin.write(bytes);
      }
      await this.#streams.stdin.flush();
    } catch {
      // The program has ended, and `exited` says how.
    }
  }

  /** Ends the program's input, after the bytes written so far. */
  closeInput(): void {
    this.#streams.closeInput();
  }

  /** Stops reading the standard output. Call it where nothing reads that to its end: the program may wait for it. */
  closeOutput(): void {
    this.#streams.closeOutput();
  }

  /** Ends the program with SIGTERM; after five seconds, the guard kills every process of it that is left. */
  stop(): void {
    if (this.#stopping) return;
    this.#stopping = true;
    this.#send("stop");
    const force = setTimeout(() => this.#kill(), FORCE_MS);
    void this.exited.then(() => clearTimeout(force));
  }

  #receive(message: FromGuard): void {
    if ("pid" in message) {
      this.#pid = message.pid;
      this.#began.resolve();
    } else if ("unread" in message) {
      this.#unread = message.unread;
    } else {
      if ("failed" in message) {
        const { failed, code } = message;
        this.#end = { code: null, signal: null, failed };
        if (isLack(message)) this.#lack = Object.assign(new Error(failed), { code });
      } else {
        this.#end = message;
      }
      this.#began.resolve();
      // The guard counts the unread input up to its end.
      this.closeInput();
    }
  }

  #send(message: ToGuard): void {
    try {
      this.#guard.send(message);
    } catch {
      // The guard has ended.
    }
  }

  #kill(): void {
    this.#guard.kill("SIGKILL");
    this.#killGroup();
  }

  #killGroup(): void {
    if (this.#pid === undefined) return;
    try {
      process.kill(-this.#pid, "SIGKILL");
    } catch {
      // The group has no process any more.
    }
  }

  #conclude(): Exit {
    this.closeInput();
    if (this.#end) return { ...this.#end, unread: this.#unread };
    const signal = String(this.#guard.signalCode ?? "SIGKILL");
    // Somebody killed the guard, so the server has to kill the program. A guard that ends before the program
    // runs found no thread or no memory.
    if (this.#pid === undefined) this.#lack = new Lack(`its guard was ended by ${signal}`);
    this.#killGroup();
    const end = { code: null, signal };
    this.#end = end;
    this.#began.resolve();
    return { ...end, unread: 0 };
  }
}
