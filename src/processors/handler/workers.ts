import { StderrWriter } from "../child/output.ts";
import type { Prepared } from "../child/runtime.ts";
import type { ProcessorHost, Spawn } from "../lifecycle/processor.ts";
import { type Step, Worker, type Workers } from "./worker.ts";
import { WorkerPool } from "./worker-pool.ts";

/**
 * Starts the process of a handler, or several where its options ask for them.
 *
 * @param take takes the steps of the handler, in the order of the frames
 * @throws Invalid where the script does not load; as `Program.start` does
 */
export async function startWorkers(
  prepared: Prepared,
  { store, signal }: Pick<ProcessorHost, "store" | "signal">,
  { subject: { name, spawnId }, meta }: Pick<Spawn, "subject" | "meta">,
  take: (step: Step) => Promise<void> | undefined,
): Promise<Workers> {
  const target = { store, topic: `${name}.stderr`, meta: { spawn_id: spawnId } };
  let workers: WorkerPool | undefined;
  const start = async () => {
    let worker: Worker | undefined;
    const step = (step: Step) => (worker && workers ? workers.take(worker, step) : take(step));
    const stderr = (stream: ReadableStream<Uint8Array>) => new StderrWriter(stream, target);
    worker = await Worker.start(prepared, meta, { step, stderr }, signal);
    return worker;
  };
  const first = await start();
  const { concurrency } = first.options;
  // The runner of TypeScript handles several frames at once in one process.
  if (concurrency === 1 || prepared.runtime === "ts") return first;
  workers = await WorkerPool.start(first, concurrency, { step: take }, start);
  return workers;
}
