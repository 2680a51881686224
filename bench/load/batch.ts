import { encodeRequest } from "../http.ts";
import { hammer } from "./post.ts";

/** Appends batches, one after the other; gives frames a second. */
export async function batch(job: { unix: string; frames: number; count: number }): Promise<number> {
  const line = '{"topic":"note","meta":{"n":1}}\n';
  const request = encodeRequest("POST", "/stream", {}, Buffer.from(line.repeat(job.frames)));
  const load = { unix: job.unix, clients: 1, count: job.count, warmUp: 3 };
  const { perSecond } = await hammer(
    load,
    () => request,
    () => request,
  );
  return perSecond * job.frames;
}
