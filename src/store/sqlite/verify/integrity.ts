import { isOutOfFiles, outOfFiles } from "../../failures.ts";
import { startThread, tryStartThread } from "../thread.ts";
import type { FromIntegrity } from "./integrity-worker.ts";

const start = () => new Worker(new URL("./integrity-worker.ts", import.meta.url).href);

/** Runs SQLite's check of the structures of a database, in a separate thread. */
export class Integrity {
  /** A thread without work. */
  #spare: Worker | undefined;
  #keeps = false;

  /** Keeps a thread ready from now on: later a descriptor, or memory, may lack to start one. */
  keep(): void {
    this.#keeps = true;
    this.#spare ??= tryStartThread(start);
  }

  /** @throws XsError `too_many_files`; the reason of the signal */
  async problems(database: string, signal?: AbortSignal): Promise<string[]> {
    signal?.throwIfAborted();
    const worker = this.#spare ?? startThread(start);
    this.#spare = undefined;
    const answer = Promise.withResolvers<FromIntegrity>();
    const leave = () => answer.reject(signal?.reason);
    worker.onmessage = ({ data }: MessageEvent<FromIntegrity>) => answer.resolve(data);
    worker.onerror = ({ message }) =>
      answer.reject(new Error(`the check's thread failed: ${message}`));
    signal?.addEventListener("abort", leave);
    worker.ref();
    worker.postMessage(database);
    let found: FromIntegrity | undefined;
    try {
      found = await answer.promise;
    } finally {
      signal?.removeEventListener("abort", leave);
      // One that was left is still at work, in one long call of SQLite.
      if (found && this.#keeps && !this.#spare) {
        worker.unref();
        this.#spare = worker;
      } else {
        worker.terminate();
        if (this.#keeps) this.#spare ??= tryStartThread(start);
      }
    }
    if ("problems" in found) return found.problems;
    if (isOutOfFiles(found.failed)) throw outOfFiles(found.failed);
    return [found.failed.message];
  }

  stop(): void {
    this.#keeps = false;
    this.#spare?.terminate();
    this.#spare = undefined;
  }
}
