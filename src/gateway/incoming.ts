import type { IncomingMessage } from "node:http";
import { bodyCutOff } from "../api/body.ts";
import { XsError } from "../core/error.ts";
import { pulled } from "../lib/streams.ts";
import type { Arrival, Arrivals } from "./arrivals.ts";

/**
 * The body of a request; null if it has none. It counts as one of the `arrivals` until it is read to its
 * end, or fails.
 *
 * @param most the most bytes of the body
 * @param stallMs the longest silence of the client, in ms
 * @throws XsError `body_too_large`, `too_many_requests`; its stream also fails with `body_too_slow`, `body_cut_off`
 */
export function bodyOf(
  request: IncomingMessage,
  arrivals: Arrivals,
  most: number,
  stallMs: number,
): ReadableStream<Uint8Array> | null {
  const { "content-length": length, "transfer-encoding": encoding } = request.headers;
  if (encoding === undefined && (length === undefined || Number(length) === 0)) return null;
  const tooLarge = new XsError("body_too_large", `the body is larger than ${most} bytes`);
  if (Number(length) > most) throw tooLarge;
  const arrival = arrivals.begin();
  const chunks = request[Symbol.asyncIterator]() as AsyncIterator<Uint8Array>;
  let size = 0;
  const next = async () => {
    const { value, done } = await nextChunk(chunks, arrival, stallMs);
    if (done && !request.complete) throw bodyCutOff(undefined);
    if (done) return void arrival.end();
    size += value.length;
    if (size > most) throw tooLarge;
    arrival.came(value.length);
    return value;
  };
  const failed = (error: unknown) => {
    arrival.end();
    return error;
  };
  return pulled(next, () => arrival.end(), failed);
}

async function nextChunk(
  chunks: AsyncIterator<Uint8Array>,
  arrival: Arrival,
  stallMs: number,
): Promise<IteratorResult<Uint8Array>> {
  const late = Promise.withResolvers<never>();
  const slow = new XsError("body_too_slow", `nothing of the body came for ${stallMs} ms`);
  const timer = setTimeout(() => late.reject(slow), stallMs);
  const next = chunks.next().catch((error) => Promise.reject(bodyCutOff(error)));
  arrival.waits(late.reject);
  try {
    return await Promise.race([next, late.promise]);
  } finally {
    arrival.waits();
    clearTimeout(timer);
    next.catch(() => {});
  }
}
