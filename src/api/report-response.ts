import { STREAMED } from "./answer-headers.ts";
import type { Call } from "./call.ts";
import { brokeOff } from "./lasting-answer.ts";
import { LINES } from "./sse.ts";

/** The headers of a response that reports. */
export const REPORT_HEADERS = { ...STREAMED, "content-type": LINES };

/**
 * Runs a task, and streams the lines of JSON that it writes at the pace of the client. A response without its last line
 * tells the client that the task broke off.
 *
 * @param run the task; its signal is aborted when the client leaves
 */
export function reportResponse(
  call: Call,
  run: (write: (line: object) => Promise<void>, left: AbortSignal) => Promise<void>,
): Response {
  const { readable, writable } = new TransformStream<Uint8Array, Uint8Array>();
  const writer = writable.getWriter();
  const left = new AbortController();
  writer.closed.catch((reason) => left.abort(reason));
  const write = (line: object) => writer.write(Buffer.from(`${JSON.stringify(line)}\n`));
  run(write, left.signal)
    .then(() => writer.close())
    .catch((error) => writer.abort(brokeOff(call)(error)))
    .catch(() => {});
  return new Response(readable, { headers: REPORT_HEADERS });
}
