import { isOutOfFiles, outOfFiles } from "../../failures.ts";
import { startThread, tryStartThread } from "../thread.ts";
import type { FromIntegrity } from "./integrity-worker.ts";

const start = () => new Worker(new URL("./integrity-worker.ts", import.meta.url).href);

/** What SQLite finds wrong with its own structures in a database, in a thread of its own. */
export class Integrity {
  /** A thread that has nothing to do. */
  #spare: Worker | undefined;
  #keeps = false;

  /** Has a thread ready from now on, as there may be nothing to start it with when it is needed. */
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
