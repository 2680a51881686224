import { descriptorLimit } from "../../lib/descriptor-limit.ts";
import type { Exit } from "./exit.ts";
import type { FromGuard, ToGuard } from "./guard.ts";
import { isLack, Lack } from "./lack.ts";
import { type Streams, withPipes } from "./pipes.ts";
import { reapAdopted } from "./reaper.ts";
import { selfCommand } from "./self.ts";

/** Descriptors that a program takes in the server: its pipes, the channel to its guard, and its pid. */
const DESCRIPTORS = 5;
/** Descriptors that the store takes, and then a share of the rest that is for programs and not for clients. */
const OWN_DESCRIPTORS = 32;
const SHARE = 0.5;

/** A stop that takes longer than the guard gives is ended by force, after so many ms. */
const FORCE_MS = 12_000;

/**
 * A program of a processor, seen from the server: it runs below a guard (guard.ts), which signals and
 * ends it, in a process group of its own.
 */
export class Program {
  readonly stdout: ReadableStream<Uint8Array>;
  readonly stderr: ReadableStream<Uint8Array>;
  /** Settles when the program and all that it started are gone. */
  readonly exited: Promise<Exit>;
  readonly #guard: ReturnType<typeof withPipes>["child"];
  readonly #streams: Streams;
  /** The program runs, or will not. */
  readonly #began = Promise.withResolvers<void>();
  #pid: number | undefined;
  #end: { code: number | null; signal: string | null; failed?: string } | undefined;
  /** Why there is no program, where that may pass. */
  #lack: Error | undefined;
  #unread = 0;
  #written = 0;
  #stopping = false;

  /** The pids of all guards. */
  static readonly #guards = new Set<number>();
  static {
    // The first process of a container gets what a guard leaves behind that somebody kills.
    if (process.pid === 1) reapAdopted((pid) => Program.#guards.has(pid));
  }

  private constructor(command: readonly string[], env: Record<string, string>) {
    const { child, streams } = withPipes((stdio) =>
      Bun.spawn(selfCommand("guard", ...command), {
        stdio,
        env,
        // Ctrl-C at the server's terminal is for the server.
        detached: true,
        serialization: "json",
        ipc: (message: FromGuard) => this.#told(message),
      }),
    );
    this.#guard = child;
    this.#streams = streams;
    this.stdout = streams.stdout;
    this.stderr = streams.stderr;
    const { pid } = this.#guard;
    Program.#guards.add(pid);
    this.exited = this.#guard.exited.then(() => {
      Program.#guards.delete(pid);
      return this.#conclude();
    });
  }

  /**
   * Starts a program. That it cannot be started is told as its end.
   *
   * @param env all of its environment
   * @param signal ends the program if it comes before that runs
   * @throws Error where there is no process or descriptor for it at this moment (`isLack`)
   */
  static async start(
    command: readonly string[],
    env: Record<string, string>,
    signal: AbortSignal,
  ): Promise<Program> {
    if ((Program.#guards.size + 1) * DESCRIPTORS > SHARE * (descriptorLimit() - OWN_DESCRIPTORS))
      throw new Lack(
        `${Program.#guards.size} programs run, as many as there are descriptors for: let some end, or start xs with a higher limit (ulimit -n)`,
      );
    const program = new Program(command, env);
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

  /** Of the program itself; undefined until it runs. */
  get pid(): number | undefined {
    return this.#end ? undefined : this.#pid;
  }

  /** Bytes written to its input so far. */
  get written(): number {
    return this.#written;
  }

  /** Writes to its input, at its pace. What is written after its end is dropped. */
  async write(...pieces: readonly Uint8Array[]): Promise<void> {
    if (this.#end) return;
    try {
      for (const bytes of pieces) {
        this.#written += bytes.length;
        this.#streams.stdin.write(bytes);
      }
      await this.#streams.stdin.flush();
    } catch {
      // It is gone, and `exited` tells how.
    }
  }

  /** Ends its input. */
  closeInput(): void {
    this.#streams.closeInput();
  }

  /** Takes no more of its standard output. To be called where that is not read to its end. */
  closeOutput(): void {
    this.#streams.closeOutput();
  }

  /** Asks it to end, with SIGTERM; what is left after five seconds is killed. */
  stop(): void {
    if (this.#stopping) return;
    this.#stopping = true;
    this.#send("stop");
    const force = setTimeout(() => this.#kill(), FORCE_MS);
    void this.exited.then(() => clearTimeout(force));
  }

  #told(message: FromGuard): void {
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
      // So that the guard gets to the end of what was not read.
      this.closeInput();
    }
  }

  #send(message: ToGuard): void {
    try {
      this.#guard.send(message);
    } catch {
      // It is gone already.
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
      // Nothing of it is left.
    }
  }

  #conclude(): Exit {
    this.closeInput();
    if (this.#end) return { ...this.#end, unread: this.#unread };
    const signal = String(this.#guard.signalCode ?? "SIGKILL");
    // Somebody killed the guard, so nobody else answers for the program. One that ends before there is
    // a program found no thread or no memory.
    if (this.#pid === undefined) this.#lack = new Lack(`its guard was ended by ${signal}`);
    this.#killGroup();
    const end = { code: null, signal };
    this.#end = end;
    this.#began.resolve();
    return { ...end, unread: 0 };
  }
}
