import { makePrivateFile } from "../own-files.ts";
import { startThread } from "../thread.ts";
import type { FromCopier, ToCopier } from "./copy-worker.ts";

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
  const { promise, resolve, reject } = Promise.withResolvers<FromCopier>();
  worker.onmessage = ({ data }: MessageEvent<FromCopier>) => resolve(data);
  worker.onerror = ({ message }) => reject(new Error(`the copying thread failed: ${message}`));
  const leave = () => reject(signal?.reason);
  signal?.addEventListener("abort", leave);
  worker.ref();
  worker.postMessage({ database, copy } satisfies ToCopier);
  try {
    const { failed } = await promise;
    if (failed) throw Object.assign(new Error(), failed);
  } finally {
    signal?.removeEventListener("abort", leave);
    worker.terminate();
  }
}
