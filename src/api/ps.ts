import type { Call } from "./call.ts";

/** Responds with one line for each running generator and handler. */
export async function ps({ context }: Call): Promise<Response> {
  const rows = (await context.processors?.()) ?? [];
  return new Response(rows.map((row) => `${JSON.stringify(row)}\n`).join(""), {
    headers: { "content-type": "application/x-ndjson", "cache-control": "no-store" },
  });
}
