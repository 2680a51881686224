/** A stream that fetches a piece only when its reader asks for one. */
export function pulled(
  next: () => Promise<Uint8Array | undefined>,
  close: () => void,
  broken: (error: unknown) => unknown = (error) => error,
): ReadableStream<Uint8Array> {
  return new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        try {
          const bytes = await next();
          if (bytes) controller.enqueue(bytes);
          else controller.close();
        } catch (error) {
          controller.error(broken(error));
        }
      },
      cancel: close,
    },
    { highWaterMark: 0 },
  );
}

/** Turns chunks into a stream that fetches each one only when its reader asks: {@link pulled}. */
export function streamOf(
  chunks: AsyncGenerator<Uint8Array>,
  close: () => void = () => void chunks.return(undefined),
  broken?: (error: unknown) => unknown,
): ReadableStream<Uint8Array> {
  return pulled(async () => (await chunks.next()).value ?? undefined, close, broken);
}
