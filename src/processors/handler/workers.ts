import type { Store } from "../../store/store.ts";
import { StderrWriter } from "../child/output.ts";
import type { Prepared } from "../child/runtime.ts";
import type { Spawn } from "../lifecycle/processor.ts";
import { type Crew, type Step, Worker } from "./worker.ts";
import { Lanes } from "./worker-pool.ts";

/**
 * Starts what works for a handler: one process, or several where it asks for them.
 *
 * @param take takes what comes of the frames, in their order
 * @throws Invalid where the script does not load
 */
export async function startCrew(
  prepared: Prepared,
  store: Store,
  { subject: { name, spawnId }, meta }: Pick<Spawn, "subject" | "meta">,
  take: (step: Step) => Promise<void> | undefined,
  signal: AbortSignal,
): Promise<Crew> {
  const target = { store, topic: `${name}.stderr`, meta: { spawn_id: spawnId } };
  let lanes: Lanes | undefined;
  const start = async () => {
    let worker: Worker | undefined;
    const step = (step: Step) => (worker && lanes ? lanes.take(worker, step) : take(step));
    const stderr = (stream: ReadableStream<Uint8Array>) => new StderrWriter(stream, target);
    worker = await Worker.start(prepared, meta, { step, stderr }, signal);
    return worker;
  };
  const first = await start();
  const { concurrency } = first.options;
  // A script in TypeScript works on several frames by itself.
  if (concurrency === 1 || prepared.runtime === "ts") return first;
  lanes = await Lanes.start(first, concurrency, { step: take }, start);
  return lanes;
}
