import type { Call } from "./call.ts";
import { ndjsonResponse } from "./json-response.ts";

/** Responds with one line for each running generator and handler. */
export async function ps({ context }: Call): Promise<Response> {
  const rows = (await context.processors?.()) ?? [];
  const lines = rows.map((row) => JSON.stringify(row));
  return ndjsonResponse(lines, { "cache-control": "no-store" });
}
