import { encodeRequest } from "../http.ts";
import { hammer, type PostResult } from "./post.ts";

export interface KvJob {
  unix: string;
  method: "GET" | "PUT";
  clients: number;
  count: number;
  warmUp: number;
}

/** Keys that are in use. */
const KEYS = 1000;

/** Puts or gets the values of a thousand keys, over and over. */
export async function kv(job: KvJob): Promise<PostResult> {
  const value = Buffer.from('{"n":1}');
  const requests = (method: string) =>
    Array.from({ length: KEYS }, (_, n) =>
      encodeRequest(method, `/kv/views/${n}`, {}, method === "PUT" ? value : undefined),
    );
  const puts = requests("PUT");
  const measured = requests(job.method);
  let n = 0;
  const next = (list: Buffer[]) => () => list[n++ % KEYS] as Buffer;
  const warmUp = Math.max(job.warmUp, KEYS);
  return await hammer({ ...job, warmUp }, next(puts), next(measured));
}
