import { STREAMED } from "./answer-headers.ts";
import type { Call } from "./call.ts";
import { brokeOff } from "./lasting-answer.ts";

const HEADERS = { ...STREAMED, "content-type": "application/x-ndjson" };
/** The least time between two lines of progress, in ms. */
const PROGRESS_MS = 200;

/**
 * Checks the whole store: streams a line for each problem as it is found, and a last line with the counts.
 * The check goes at the pace of the client, and ends when the client leaves.
 */
export function verify(call: Call, { progress: wanted }: { progress: boolean }): Response {
  const { store, request, rooms } = call;
  if (request.method === "HEAD") return new Response(null, { headers: HEADERS });
  const share = rooms.checks.take();
  const { readable, writable } = new TransformStream<Uint8Array, Uint8Array>();
  const writer = writable.getWriter();
  const write = (line: object) => writer.write(Buffer.from(`${JSON.stringify(line)}\n`));
  const left = new AbortController();
  writer.closed.catch((reason) => left.abort(reason));

  let lastProgress = performance.now();
  const check = store.check((problem) => write({ problem }), {
    signal: left.signal,
    progress({ frames, contents, pairs }) {
      const now = performance.now();
      if (!wanted || now - lastProgress < PROGRESS_MS) return;
      lastProgress = now;
      return write({ checked: { frames, contents, pairs } });
    },
  });
  // A response without its last line tells the client that the check broke off.
  check
    .then(async (result) => {
      await write(result);
      await writer.close();
    })
    .catch((error) => writer.abort(brokeOff(call)(error)))
    .catch(() => {})
    .finally(() => share.release());
  return new Response(readable, { headers: HEADERS });
}
