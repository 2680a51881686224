import { bodyError } from "./body.ts";

/** Reads the first `size` bytes of a body, or a few more; `chunks` still yields the whole body. */
export async function peek(
  body: ReadableStream<Uint8Array> | null,
  size: number,
): Promise<{ head: Buffer; chunks: AsyncGenerator<Uint8Array> }> {
  const source = (body ?? new Blob().stream())[Symbol.asyncIterator]();
  const first: Uint8Array[] = [];
  let length = 0;
  while (length < size) {
    const { value, done } = await source.next().catch((error) => {
      throw bodyError(error);
    });
    if (done) break;
    first.push(value);
    length += value.length;
  }
  return { head: Buffer.concat(first), chunks: all(first, source) };
}

async function* all(
  first: readonly Uint8Array[],
  source: AsyncIterator<Uint8Array>,
): AsyncGenerator<Uint8Array> {
  try {
    yield* first;
    for (let next = await source.next(); !next.done; next = await source.next()) yield next.value;
  } finally {
    // Tells the sender to stop if nobody reads the rest.
    await source.return?.();
  }
}
