import { version } from "../version.ts";
import type { Call } from "./api.ts";
import { jsonResponse } from "./json.ts";
import { onlyOptions } from "./query.ts";

export function versionResponse({ url }: Call): Response {
  onlyOptions(url, []);
  return jsonResponse({ version });
}

/** Answers as long as the server takes requests. */
export function healthResponse({ url }: Call): Response {
  onlyOptions(url, []);
  return jsonResponse({ status: "ok" });
}
