import { randomFillSync } from "node:crypto";
import { Connection, encodeRequest } from "../http.ts";
import { quantile } from "../statistics.ts";

export interface PostJob {
  unix: string;
  clients: number;
  /** Requests in all, after as many as `warmUp`. */
  count: number;
  warmUp: number;
  /** Bytes of fresh content in each request. */
  content: number;
  /** Whether each has an Idempotency-Key. */
  keys?: boolean;
}

export interface PostResult {
  perSecond: number;
  /** Round trips, in ms. */
  p50: number;
  p99: number;
}

/** Makes the requests of one append after the other; with content no two have the same. */
export function appendRequests(content: number): () => Buffer {
  const headers = { "xs-meta": '{"n":1}' };
  const body = randomFillSync(Buffer.alloc(content));
  const request = encodeRequest("POST", "/stream/note", headers, body);
  if (content === 0) return () => request;
  const start = request.length - content;
  return () => Buffer.from(randomFillSync(request, start, Math.min(16, content)));
}

/** Makes the requests of one append after the other, without content, each with its own Idempotency-Key. */
function keyedRequests(): () => Buffer {
  const headers = { "xs-meta": '{"n":1}' };
  return () =>
    encodeRequest("POST", "/stream/note", { ...headers, "idempotency-key": crypto.randomUUID() });
}

/** Appends from several connections, each with one request under way at a time. */
export async function post(job: PostJob): Promise<PostResult> {
  const measured = job.keys ? keyedRequests() : appendRequests(job.content);
  return await hammer(job, appendRequests(0), measured);
}

/** Makes requests, after others to warm up, from several connections. */
export async function hammer(
  job: Pick<PostJob, "unix" | "clients" | "count" | "warmUp">,
  before: () => Buffer,
  measured: () => Buffer,
): Promise<PostResult> {
  const connections = await Promise.all(
    Array.from({ length: job.clients }, () => Connection.open(job.unix)),
  );
  const run = async (count: number, next: () => Buffer, times: number[]) => {
    let left = count;
    await Promise.all(
      connections.map(async (connection) => {
        while (left-- > 0) {
          const started = performance.now();
          await connection.request(next());
          times.push(performance.now() - started);
        }
      }),
    );
  };
  await run(job.warmUp, before, []);
  const times: number[] = [];
  const started = performance.now();
  await run(job.count, measured, times);
  const seconds = (performance.now() - started) / 1000;
  for (const connection of connections) connection.close();
  return { perSecond: job.count / seconds, p50: quantile(times, 0.5), p99: quantile(times, 0.99) };
}
