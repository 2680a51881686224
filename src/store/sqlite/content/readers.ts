import { closeSync, openSync } from "node:fs";
import { availableParallelism } from "node:os";
import type { Background } from "../background.ts";
import { tryStartThread } from "../thread.ts";
import type { FromReader, ToReader } from "./read-worker.ts";

/** Threads that read: one for each processor, as a file is work for it; two, as one may wait for the disk; not many. */
const MAX_THREADS = Math.max(2, Math.min(4, availableParallelism()));
/** After this time without work the threads end, and free their memory. */
const IDLE_MS = 10_000;

/** A page of frames, and where its answer goes: undefined where no thread could do it. */
interface Job {
  readonly page: Uint8Array;
  done(answer: FromReader | undefined): void;
}

/** Threads that add content from files to the lines of frames. They start when they are needed. */
export class ContentReaders {
  readonly #folder: string;
  readonly #background: Background;
  readonly #idle: Worker[] = [];
  readonly #busy = new Map<Worker, Job>();
  readonly #waiting: Job[] = [];
  #descriptor: number | undefined;
  #stopped = false;

  /** @param folder of all files of content */
  constructor(folder: string, background: Background) {
    this.#folder = folder;
    this.#background = background;
  }

  /**
   * Adds content to the first lines of a page, at least to one.
   *
   * @param page NDJSON
   * @returns undefined where no thread can read now
   */
  read(page: Uint8Array): Promise<FromReader | undefined> {
    this.#background.cancel("rest_readers");
    const { promise, resolve } = Promise.withResolvers<FromReader | undefined>();
    this.#waiting.push({ page, done: resolve });
    this.#next();
    return promise;
  }

  /** Ends the threads for good. What they read is answered as if none had started. */
  stop(): void {
    this.#stopped = true;
    this.#end();
  }

  #end(): void {
    this.#background.cancel("rest_readers");
    for (const worker of [...this.#idle, ...this.#busy.keys()]) worker.terminate();
    const left = [...this.#busy.values(), ...this.#waiting];
    this.#idle.length = 0;
    this.#waiting.length = 0;
    this.#busy.clear();
    if (this.#descriptor !== undefined) closeSync(this.#descriptor);
    this.#descriptor = undefined;
    for (const { done } of left) done(undefined);
  }

  #next(): void {
    for (let job = this.#waiting[0]; job; job = this.#waiting[0]) {
      const worker = this.#idle.pop() ?? this.#start();
      // With threads at work, one of them takes the job later.
      if (!worker && this.#busy.size > 0) return;
      this.#waiting.shift();
      if (!worker) {
        job.done(undefined);
        continue;
      }
      this.#busy.set(worker, job);
      // A command must not end while it waits for the answer.
      worker.ref();
      // A copy, because other readers may share the memory of a page. `slice` of a Buffer makes none.
      const page = new Uint8Array(job.page);
      worker.postMessage(page satisfies ToReader, [page.buffer]);
    }
    if (this.#busy.size === 0) {
      this.#background.after("rest_readers", IDLE_MS, () => this.#end());
    }
  }

  #start(): Worker | undefined {
    if (this.#stopped || this.#busy.size >= MAX_THREADS) return undefined;
    this.#descriptor ??= tryOpen(this.#folder);
    if (this.#descriptor === undefined) return undefined;
    const worker = tryStartThread(
      () => new Worker(new URL("./read-worker.ts", import.meta.url).href, { smol: true }),
    );
    if (!worker) return undefined;
    worker.onmessage = ({ data }: MessageEvent<FromReader>) => {
      worker.unref();
      this.#idle.push(worker);
      this.#answer(worker, data);
    };
    worker.onerror = () => {
      worker.terminate();
      const at = this.#idle.indexOf(worker);
      if (at >= 0) this.#idle.splice(at, 1);
      this.#answer(worker, undefined);
    };
    const folder = { path: this.#folder, descriptor: this.#descriptor };
    worker.postMessage(folder satisfies ToReader);
    return worker;
  }

  #answer(worker: Worker, answer: FromReader | undefined): void {
    const job = this.#busy.get(worker);
    this.#busy.delete(worker);
    job?.done(answer);
    this.#next();
  }
}

function tryOpen(folder: string): number | undefined {
  try {
    return openSync(folder, "r");
  } catch {
    return undefined;
  }
}
