import type { Call } from "./call.ts";
import { NO_STORE, ndjsonResponse } from "./json-response.ts";
import { nodesOf } from "./nodes.ts";
import { REPORT_HEADERS, reportResponse } from "./report-response.ts";

/** The least time between two lines of progress, in ms. */
const PROGRESS_MS = 200;

/**
 * Checks the whole store: streams a line for each problem as it is found, and a last line with the counts.
 * The check goes at the pace of the client, and ends when the client leaves.
 */
export function verify(
  call: Call,
  { progress: wanted, nodes }: { progress: boolean; nodes: boolean },
): Response | Promise<Response> {
  const { store, request, rooms } = call;
  if (nodes) return verifyNodes(call);
  if (request.method === "HEAD") return new Response(null, { headers: REPORT_HEADERS });
  const share = rooms.checks.take();
  let lastProgress = performance.now();
  return reportResponse(call, async (write, signal) => {
    try {
      const result = await store.check((problem) => write({ problem }), {
        signal,
        progress({ frames, contents, pairs }) {
          const now = performance.now();
          if (!wanted || now - lastProgress < PROGRESS_MS) return;
          lastProgress = now;
          return write({ checked: { frames, contents, pairs } });
        },
      });
      await write(result);
    } finally {
      share.release();
    }
  });
}

/** Compares the nodes of the store at one record: a line for each, and a last line with the counts. */
async function verifyNodes(call: Call): Promise<Response> {
  const nodes = nodesOf(call);
  if (call.request.method === "HEAD") return new Response(null, { headers: REPORT_HEADERS });
  const share = call.rooms.checks.take();
  try {
    const compared = await nodes.compare(call.request.signal);
    const problems = compared.filter(({ problem }) => problem !== null).length;
    const record = compared.find((line) => line.record !== null)?.record ?? null;
    const lines = [...compared, { record, nodes: compared.length, problems }];
    return ndjsonResponse(
      lines.map((line) => JSON.stringify(line)),
      NO_STORE,
    );
  } finally {
    share.release();
  }
}
