import type { Call } from "./call.ts";

/** The generators and handlers that run, a line each. */
export async function ps({ context }: Call): Promise<Response> {
  const rows = (await context.processors?.()) ?? [];
  return new Response(rows.map((row) => `${JSON.stringify(row)}\n`).join(""), {
    headers: { "content-type": "application/x-ndjson", "cache-control": "no-store" },
  });
}
