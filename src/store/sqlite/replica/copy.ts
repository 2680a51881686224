import { makePrivateFile } from "../own-files.ts";
import { startThread } from "../thread.ts";
import type { FromCopier, ToCopier } from "./copy-worker.ts";
import type { FromScrubber } from "./scrub-worker.ts";

/**
 * Copies the database of a node, as it is at one moment, to a new file without free pages. It takes a while, and the
 * server goes on meanwhile.
 */
export async function copyDatabase(
  database: string,
  copy: string,
  signal?: AbortSignal,
): Promise<void> {
  signal?.throwIfAborted();
  makePrivateFile(copy);
  const worker = startThread(() => new Worker(new URL("./copy-worker.ts", import.meta.url).href));
  await answerOf<FromCopier>(worker, { database, copy } satisfies ToCopier, signal);
}

/** Rewrites the database of a node. Nobody may write to it meanwhile. */
export async function scrubDatabase(database: string): Promise<void> {
  const worker = startThread(() => new Worker(new URL("./scrub-worker.ts", import.meta.url).href));
  await answerOf<FromScrubber>(worker, database);
}

/** Resolves when a thread has done its one task. */
async function answerOf<T extends FromCopier>(
  worker: Worker,
  task: unknown,
  signal?: AbortSignal,
): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<T>();
  worker.onmessage = ({ data }: MessageEvent<T>) => resolve(data);
  worker.onerror = ({ message }) => reject(new Error(`a thread failed: ${message}`));
  const leave = () => reject(signal?.reason);
  signal?.addEventListener("abort", leave);
  worker.ref();
  worker.postMessage(task);
  try {
    const { failed } = await promise;
    if (failed) throw Object.assign(new Error(), failed);
  } finally {
    signal?.removeEventListener("abort", leave);
    worker.terminate();
  }
}
