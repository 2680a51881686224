import type { Call } from "./api.ts";
import { jsonResponse } from "./json.ts";
import { isOn, onlyOptions } from "./query.ts";

/** Frees content that nothing names, or with `dry-run` tells what it would free. */
export async function gc({ store, url }: Call): Promise<Response> {
  const dryRun = isOn(onlyOptions(url, ["dry-run"]), "dry-run");
  return jsonResponse(await store.collect(dryRun));
}
