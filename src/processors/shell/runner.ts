import { descriptorLimit } from "../../lib/descriptor-limit.ts";
import { textLines } from "../../lib/lines.ts";
import { takeName } from "../../lib/self.ts";
import { isLack } from "../child/lack.ts";
import { endLeftBehind } from "./left-behind.ts";
import type { FromShell, RunRequest, ToShell } from "./messages.ts";
import { Run, type RunHost } from "./run.ts";

/** Descriptors that a command takes here, and those that this process needs. */
const DESCRIPTORS_A_RUN = 5;
const OWN_DESCRIPTORS = 32;
const OF_A_FRAME = ["XS_ID", "XS_TOPIC", "XS_META", "XS_TEXT"];
/** The wait before the next attempt where the system lacks a process or descriptor, in ms. */
const LACK_MS = 100;
/** Releases that come together are one look at all processes. */
const GATHER_MS = 20;

/**
 * Runs the shell commands of all handlers, each in a process group of its own: a thousand handlers that wait need no process.
 * Runs until the server closes its input.
 */
export async function runCommands(): Promise<never> {
  takeName();
  const commands = new Commands();
  for await (const lines of textLines(Bun.stdin.stream())) {
    for (const line of lines) commands.take(JSON.parse(line) as ToShell);
  }
  // The guard ends what still runs.
  process.exit(0);
}

/** The commands of a handler that have not ended. */
interface Lane {
  readonly waiting: RunRequest[];
  active: number;
  /** One has failed, and the server has to decide what follows. */
  isHeld: boolean;
}

class Commands implements RunHost {
  /** Without the variables of another frame: a server may run in a command of another one. */
  readonly #env = Object.fromEntries(
    Object.entries(process.env).filter(([name]) => !OF_A_FRAME.includes(name)),
  ) as Record<string, string>;
  readonly #output = Bun.stdout.writer();
  readonly #most = Math.max(
    1,
    Math.floor((descriptorLimit() - OWN_DESCRIPTORS) / DESCRIPTORS_A_RUN),
  );
  readonly #lanes = new Map<string, Lane>();
  readonly #runs = new Map<number, Run>();
  readonly #acks = new Map<number, () => void>();
  #released = new Set<string>();
  #isLacking = false;

  take(message: ToShell): void {
    if ("run" in message) {
      this.#lane(message.lane).waiting.push(message);
      this.#startIn(message.lane);
    } else if ("stop" in message) {
      this.#stop(message.stop);
    } else if ("go" in message) {
      this.#lane(message.go).isHeld = false;
      this.#startIn(message.go);
    } else if ("ack" in message) {
      this.#acks.get(message.ack)?.();
      this.#acks.delete(message.ack);
    } else {
      if (this.#released.size === 0) setTimeout(() => this.#release(), GATHER_MS);
      this.#released.add(message.release);
    }
  }

  send(message: FromShell): void {
    this.#output.write(`${JSON.stringify(message)}\n`);
    void this.#output.flush();
  }

  acknowledged(run: number): Promise<void> {
    return new Promise((resolve) => this.#acks.set(run, resolve));
  }

  #lane(name: string): Lane {
    return this.#lanes.getOrInsertComputed(name, () => ({
      waiting: [],
      active: 0,
      isHeld: false,
    }));
  }

  /** Starts what may start in a lane. */
  #startIn(name: string): void {
    const lane = this.#lane(name);
    for (let next = lane.waiting[0]; next; next = lane.waiting[0]) {
      if (lane.isHeld || lane.active >= next.width) return;
      if (this.#isLacking || this.#runs.size >= this.#most) return;
      try {
        this.#start(next, lane);
        lane.waiting.shift();
      } catch (error) {
        if (isLack(error)) {
          this.#startLater();
          return;
        }
        lane.waiting.shift();
        lane.isHeld = true;
        this.#refuse(next.run, notStarted(error));
      }
    }
    if (lane.active === 0 && !lane.isHeld) this.#lanes.delete(name);
  }

  #startLater(): void {
    this.#isLacking = true;
    setTimeout(() => {
      this.#isLacking = false;
      this.#startAll();
    }, LACK_MS);
  }

  #startAll(): void {
    for (const name of [...this.#lanes.keys()]) this.#startIn(name);
  }

  #start(request: RunRequest, lane: Lane): void {
    const run = this.#begin(request);
    const wasFull = () => this.#runs.size >= this.#most;
    this.#runs.set(request.run, run);
    lane.active++;
    void run.ended.then(async (result) => {
      const all = wasFull();
      this.#runs.delete(request.run);
      lane.active--;
      lane.isHeld ||= result.problem !== undefined;
      // First: the server need not know this to let the next one begin.
      if (all) this.#startAll();
      else this.#startIn(request.lane);
      if (!run.isOpen) {
        this.send({ end: request.run, closed: true, ...result });
        return;
      }
      this.send({ end: request.run, ...result });
      await run.closed;
      this.send({ closed: request.run });
    });
  }

  #begin(request: RunRequest): Run {
    try {
      return new Run(request, this.#env, this);
    } catch (error) {
      const isTooBig = (error as { code?: string }).code === "E2BIG";
      if (!isTooBig || request.env.XS_TEXT === undefined) throw error;
      // The content comes on stdin anyway.
      const { XS_TEXT: _, ...env } = request.env;
      return new Run({ ...request, env }, this.#env, this);
    }
  }

  #stop(id: number): void {
    this.#runs.get(id)?.stop();
    for (const [name, { waiting }] of this.#lanes) {
      const at = waiting.findIndex(({ run }) => run === id);
      if (at < 0) continue;
      waiting.splice(at, 1);
      this.#refuse(id, "it was ended before it began");
      this.#startIn(name);
      return;
    }
  }

  #refuse(run: number, problem: string): void {
    this.send({ end: run, closed: true, problem });
  }

  #release(): void {
    const released = this.#released;
    this.#released = new Set();
    endLeftBehind(released).catch((error: Error) => process.stderr.write(`${error.message}\n`));
  }
}

function notStarted(error: unknown): string {
  const { code, message } = error as Error & { code?: string };
  return code === "E2BIG"
    ? "its environment is too large: the meta of the frame does not fit beside the variables of the server"
    : `it could not be started: ${message}`;
}
