/** What SQLite finds wrong with its own structures in a database, in a thread of its own. */
export async function integrityProblems(database: string, signal?: AbortSignal): Promise<string[]> {
  const worker = new Worker(new URL("./integrity-worker.ts", import.meta.url).href);
  const answer = Promise.withResolvers<string[]>();
  const leave = () => answer.reject(signal?.reason);
  worker.onmessage = ({ data }: MessageEvent<string[]>) => answer.resolve(data);
  worker.onerror = ({ message }) =>
    answer.reject(new Error(`the check's thread failed: ${message}`));
  signal?.addEventListener("abort", leave);
  try {
    signal?.throwIfAborted();
    worker.postMessage(database);
    return await answer.promise;
  } finally {
    signal?.removeEventListener("abort", leave);
    worker.terminate();
  }
}
