import type { Call } from "./call.ts";
import { NO_STORE, ndjsonResponse } from "./json-response.ts";
import { flag, type Values } from "./options.ts";

/** The options of `GET /ps`. */
export const PS_OPTIONS = {
  all: flag("also those that failed, finished, are invalid or were stopped"),
};

/** Responds with one line for each generator and handler that runs, or for each that there is. */
export async function ps({ context }: Call, { all }: Values<typeof PS_OPTIONS>): Promise<Response> {
  const rows = (await context.processors?.(all)) ?? [];
  const lines = rows.map((row) => JSON.stringify(row));
  return ndjsonResponse(lines, NO_STORE);
}
