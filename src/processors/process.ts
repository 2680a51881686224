import { dirname } from "node:path";
import type { FromGuard, ToGuard } from "./guard.ts";
import { selfCommand } from "./self.ts";

/** How a program ended. */
export interface Exit {
  /** Its exit code; null where a signal ended it, or where it could not be started. */
  readonly code: number | null;
  readonly signal: string | null;
  /** Why it could not be started. */
  readonly failed?: string;
  /** Bytes of its input that it never read. */
  readonly unread: number;
}

/** A stop that takes longer than the guard gives is ended by force, after so many ms. */
const FORCE_MS = 12_000;

/**
 * A program that runs below a guard (guard.ts), in a process group of its own. This is the only file
 * that spawns and kills.
 */
export class Program {
  readonly stdout: ReadableStream<Uint8Array>;
  readonly stderr: ReadableStream<Uint8Array>;
  /** Settles when the program and all that it started are gone. */
  readonly exited: Promise<Exit>;
  readonly #guard: Bun.Subprocess<"pipe", "pipe", "pipe">;
  readonly #started = Promise.withResolvers<void>();
  #pid: number | undefined;
  #end: { code: number | null; signal: string | null; failed?: string } | undefined;
  #unread = 0;
  #written = 0;
  #stopping = false;

  constructor(command: readonly string[], env: Record<string, string>) {
    this.#guard = Bun.spawn(selfCommand("guard", ...command), {
      stdio: ["pipe", "pipe", "pipe"],
      env: { ...process.env, PATH: searchPath(), ...env },
      // Ctrl-C at the server's terminal is for the server.
      detached: true,
      serialization: "json",
      ipc: (message: FromGuard) => this.#told(message),
    });
    this.stdout = this.#guard.stdout;
    this.stderr = this.#guard.stderr;
    this.exited = this.#guard.exited.then(() => this.#conclude());
  }

  /** Of the program itself; undefined until it runs. */
  get pid(): number | undefined {
    return this.#end ? undefined : this.#pid;
  }

  /** Bytes written to its input so far. */
  get written(): number {
    return this.#written;
  }

  /** Resolves when the program runs or could not be started. */
  get started(): Promise<void> {
    return this.#started.promise;
  }

  /** Writes to its input, at its pace. What is written after its end is dropped. */
  async write(...pieces: readonly Uint8Array[]): Promise<void> {
    if (this.#end) return;
    try {
      for (const bytes of pieces) {
        this.#written += bytes.length;
        this.#guard.stdin.write(bytes);
      }
      await this.#guard.stdin.flush();
    } catch {
      // It is gone, and `exited` tells how.
    }
  }

  /** Ends its input. */
  closeInput(): void {
    try {
      void Promise.resolve(this.#guard.stdin.end()).catch(() => {});
    } catch {
      // It is gone already.
    }
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
      this.#started.resolve();
    } else if ("unread" in message) {
      this.#unread = message.unread;
    } else {
      this.#end = "failed" in message ? { code: null, signal: null, ...message } : message;
      this.#started.resolve();
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
    this.#started.resolve();
    if (this.#end) return { ...this.#end, unread: this.#unread };
    // Somebody killed the guard, so nobody else answers for the program.
    this.#killGroup();
    const end = { code: null, signal: String(this.#guard.signalCode ?? "SIGKILL") };
    this.#end = end;
    return { ...end, unread: 0 };
  }
}

/** The PATH of a script: it finds the `xs` that runs it. */
export function searchPath(): string {
  return [dirname(process.execPath), process.env.PATH].filter(Boolean).join(":");
}
