import { outOfFiles } from "../../failures.ts";
import type { Background } from "../background.ts";
import { startThread } from "../thread.ts";
import type { Flushed, FlushRange } from "./flush.ts";
import type { FromFlusher, ToFlusher } from "./flush-worker.ts";

/** After this time without work, the thread ends and frees its memory. */
const IDLE_MS = 10_000;

/** Moves staged content into files, in a separate thread that starts when it is needed. */
export class Flusher {
  readonly #where: { database: string; root: string };
  #worker: Worker | undefined;
  #answer: PromiseWithResolvers<Flushed> | undefined;
  #keeps = false;
  readonly #background: Background;

  constructor(where: { database: string; root: string }, background: Background) {
    this.#background = background;
    this.#where = where;
  }

  /** Keeps a thread ready from now on: later a descriptor, or memory, may lack to start one. */
  keep(): void {
    this.#keeps = true;
    try {
      this.#worker ??= this.#start();
    } catch {
      // It is started when it is needed.
    }
  }

  /** Flushes the next rows of a range; one call at a time. @throws XsError `too_many_files` */
  async next(range: FlushRange): Promise<Flushed> {
    this.#background.cancel("rest");
    this.#worker ??= this.#start();
    this.#answer = Promise.withResolvers<Flushed>();
    this.#worker.postMessage(range satisfies ToFlusher);
    return this.#answer.promise;
  }

  /** Lets the thread end after a while, because there is no work for now. */
  rest(): void {
    this.#background.cancel("rest");
    if (this.#keeps) return;
    this.#background.after("rest", IDLE_MS, () => this.stop());
  }

  stop(): void {
    this.#background.cancel("rest");
    this.#worker?.terminate();
    this.#worker = undefined;
  }

  #start(): Worker {
    const worker = startThread(
      () => new Worker(new URL("./flush-worker.ts", import.meta.url).href),
    );
    worker.onmessage = ({ data }: MessageEvent<FromFlusher>) => {
      if ("failed" in data) this.#answer?.reject(Object.assign(new Error(), data.failed));
      else this.#answer?.resolve(data);
    };
    worker.onerror = (event) => {
      this.stop();
      this.#answer?.reject(outOfFiles(new Error(`the flushing thread failed: ${event.message}`)));
    };
    worker.postMessage(this.#where satisfies ToFlusher);
    return worker;
  }
}
