import type { Call } from "./call.ts";
import { onlyOptions } from "./query.ts";

/** The generators and handlers that run, a line each. */
export async function ps({ url, context }: Call): Promise<Response> {
  onlyOptions(url, []);
  const rows = (await context.processors?.()) ?? [];
  return new Response(rows.map((row) => `${JSON.stringify(row)}\n`).join(""), {
    headers: { "content-type": "application/x-ndjson", "cache-control": "no-store" },
  });
}
