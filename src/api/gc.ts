import type { Call } from "./call.ts";
import { jsonResponse } from "./json-response.ts";

/** Frees content that nothing names; with `dry-run`, only reports what it would free. */
export async function gc(
  { store }: Call,
  { "dry-run": dryRun }: { "dry-run": boolean },
): Promise<Response> {
  return jsonResponse(await store.collect(dryRun));
}
