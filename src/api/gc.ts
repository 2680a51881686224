import type { Call } from "./call.ts";
import { jsonResponse } from "./json-response.ts";
import { isOn, onlyOptions } from "./query.ts";

/** Frees content that nothing names, or with `dry-run` tells what it would free. */
export async function gc({ store, url }: Call): Promise<Response> {
  const dryRun = isOn(onlyOptions(url, ["dry-run"]), "dry-run");
  return jsonResponse(await store.collect(dryRun));
}
