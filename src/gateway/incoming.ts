import type { IncomingMessage } from "node:http";
import { bodyCutOff } from "../api/body.ts";
import { XsError } from "../frame/error.ts";

/**
 * The body of a request, or null where it has none.
 *
 * @param most its bytes at most
 * @param stallMs how long the client may send nothing
 * @throws XsError `body_too_large`; while it is read also `body_too_slow`, `body_cut_off`
 */
export function bodyOf(
  request: IncomingMessage,
  most: number,
  stallMs: number,
): ReadableStream<Uint8Array> | null {
  const { "content-length": length, "transfer-encoding": encoding } = request.headers;
  if (encoding === undefined && (length === undefined || Number(length) === 0)) return null;
  const tooLarge = new XsError("body_too_large", `the body is larger than ${most} bytes`);
  if (Number(length) > most) throw tooLarge;
  const chunks = request[Symbol.asyncIterator]() as AsyncIterator<Uint8Array>;
  let size = 0;
  return new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        const { value, done } = await nextChunk(chunks, stallMs);
        if (done) {
          if (!request.complete) throw bodyCutOff(undefined);
          return controller.close();
        }
        size += value.length;
        if (size > most) throw tooLarge;
        controller.enqueue(value);
      },
    },
    { highWaterMark: 0 },
  );
}

async function nextChunk(
  chunks: AsyncIterator<Uint8Array>,
  stallMs: number,
): Promise<IteratorResult<Uint8Array>> {
  const late = Promise.withResolvers<never>();
  const slow = new XsError("body_too_slow", `nothing of the body came for ${stallMs} ms`);
  const timer = setTimeout(() => late.reject(slow), stallMs);
  const next = chunks.next().catch((error) => Promise.reject(bodyCutOff(error)));
  try {
    return await Promise.race([next, late.promise]);
  } finally {
    clearTimeout(timer);
    next.catch(() => {});
  }
}
