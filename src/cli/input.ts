/** Input up to this size is sent in one piece, with its length. */
const PIECE = 64 * 1024;

/** Standard input as a request body: bytes if it is short, else a stream. */
export async function readInput(): Promise<Uint8Array<ArrayBuffer> | ReadableStream<Uint8Array>> {
  const reader = Bun.stdin.stream().getReader();
  const head: Uint8Array[] = [];
  let size = 0;
  while (size <= PIECE) {
    const { value, done } = await reader.read();
    if (done) return new Uint8Array(Buffer.concat(head));
    head.push(value);
    size += value.length;
  }
  return new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        const first = head.shift();
        if (first) return controller.enqueue(first);
        const { value, done } = await reader.read();
        if (done) controller.close();
        else controller.enqueue(value);
      },
    },
    { highWaterMark: 0 },
  );
}
