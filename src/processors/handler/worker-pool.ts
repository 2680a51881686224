import type { Place } from "../../core/place.ts";
import { Signal } from "../../lib/signal.ts";
import type { Exit } from "../child/exit.ts";
import type { Prepared } from "../child/runtime.ts";
import { StderrWriter } from "../child/stderr-writer.ts";
import type { HandlerOptions } from "../lifecycle/options.ts";
import type { ProcessorHost, Spawn } from "../lifecycle/processor.ts";
import { ShellWorkers } from "../shell/shell-workers.ts";
import { framesOf, type HandlerPage } from "./handler-page.ts";
import { type Step, Worker, type WorkerHost, type Workers } from "./worker.ts";

/** A frame that a worker has, and its step once the worker is done with it. */
interface Turn {
  readonly place: Place;
  step?: Step;
}

/**
 * Several processes of one handler, each with one frame at a time, for programs that cannot handle several frames at
 * once. The pool passes their steps on in the order of the frames.
 */
export class WorkerPool implements Workers {
  readonly options: HandlerOptions;
  readonly ended: Promise<Exit>;
  readonly #workers: readonly Worker[];
  readonly #host: Pick<WorkerHost, "step">;
  readonly #idle: Worker[];
  #turns: Turn[] = [];
  /** Woken when a worker is idle, or the pool is over. */
  readonly #freed = new Signal();
  #over = false;

  private constructor(workers: readonly Worker[], first: Worker, host: Pick<WorkerHost, "step">) {
    this.#workers = workers;
    this.#idle = [...workers];
    this.#host = host;
    this.options = first.options;
    this.ended = this.#end();
    this.ended.catch(() => {});
  }

  /**
   * Starts the other processes of a pool.
   *
   * @param count all processes, the first included
   * @param start starts one process, whose steps go to `take`
   * @throws the error of a process that does not start, after the others have ended
   */
  static async start(
    first: Worker,
    count: number,
    host: Pick<WorkerHost, "step">,
    start: () => Promise<Worker>,
  ): Promise<WorkerPool> {
    const starts = await Promise.allSettled(Array.from({ length: count - 1 }, start));
    const workers = [first];
    const problems: unknown[] = [];
    for (const each of starts) {
      if (each.status === "fulfilled") workers.push(each.value);
      else problems.push(each.reason);
    }
    if (problems.length === 0) return new WorkerPool(workers, first, host);
    // A pool is complete or does not run.
    for (const worker of workers) worker.stop();
    await Promise.allSettled(workers.map(({ ended }) => ended));
    throw problems[0];
  }

  get pid(): number | undefined {
    return this.#workers[0]?.pid;
  }

  get complaint(): string {
    return this.#workers.find(({ complaint }) => complaint !== "")?.complaint ?? "";
  }

  /** Takes a step of a worker, which is idle after it. */
  take(worker: Worker, step: Step): Promise<void> | undefined {
    const turn = this.#turns.find(({ place }) => place === step.done);
    if (!turn) return this.#host.step(step);
    turn.step = step;
    this.#idle.push(worker);
    this.#freed.wake();
    let taken: Promise<void> | undefined;
    for (let next = this.#turns[0]; next?.step; next = this.#turns[0]) {
      this.#turns.shift();
      taken = this.#host.step(next.step) ?? taken;
    }
    return taken;
  }

  async send(page: HandlerPage): Promise<void> {
    for (const each of framesOf(page)) {
      const worker = await this.#nextIdle();
      if (!worker) return;
      this.#turns.push({ place: each.last });
      await worker.send(each);
    }
  }

  async sendState(): Promise<void> {}

  async tellCommitted(place: Place): Promise<void> {
    await Promise.all(this.#workers.map((worker) => worker.tellCommitted(place)));
  }

  stop(): void {
    for (const worker of this.#workers) worker.stop();
  }

  async #nextIdle(): Promise<Worker | undefined> {
    while (!this.#over) {
      const worker = this.#idle.shift();
      if (worker) return worker;
      await this.#freed.wait();
    }
    return undefined;
  }

  /** Ends all processes when the first one ends, and returns how that one ended. */
  async #end(): Promise<Exit> {
    try {
      return await Promise.race(this.#workers.map(({ ended }) => ended));
    } finally {
      this.#over = true;
      this.#freed.wake();
      this.stop();
      await Promise.allSettled(this.#workers.map(({ ended }) => ended));
    }
  }
}

/**
 * Starts the process of a handler, or several where its options ask for them.
 *
 * @param host takes the steps of the handler, in the order of the frames
 * @throws Invalid where the script does not load; as `Program.start` does
 */
export async function startWorkers(
  prepared: Prepared,
  { store, signal, shells }: Pick<ProcessorHost, "store" | "signal" | "shells">,
  { subject: { name, spawnId }, meta }: Pick<Spawn, "subject" | "meta">,
  host: Pick<WorkerHost, "step" | "placeOf">,
): Promise<Workers> {
  const target = { store, topic: `${name}.stderr`, meta: { spawn_id: spawnId } };
  const stderr = (stream: ReadableStream<Uint8Array>) => new StderrWriter(stream, target);
  if (prepared.runtime === "sh") {
    return ShellWorkers.start({ prepared, content: store.content, shells, host, stderr }, meta);
  }
  let workers: WorkerPool | undefined;
  const start = async () => {
    let worker: Worker | undefined;
    const step = (step: Step) => (worker && workers ? workers.take(worker, step) : host.step(step));
    worker = await Worker.start(prepared, meta, { ...host, step, stderr }, signal);
    return worker;
  };
  const first = await start();
  const { concurrency } = first.options;
  // The runner of TypeScript handles several frames at once in one process.
  if (concurrency === 1 || prepared.runtime === "ts") return first;
  workers = await WorkerPool.start(first, concurrency, host, start);
  return workers;
}
