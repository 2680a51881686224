import { version } from "../version.ts";
import type { Call } from "./call.ts";
import { jsonResponse } from "./json-response.ts";
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
