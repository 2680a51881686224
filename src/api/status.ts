import { version } from "../version.ts";
import type { Call } from "./api.ts";
import { onlyOptions } from "./query.ts";

export function versionResponse({ url }: Call): Response {
  onlyOptions(url, []);
  return Response.json({ version });
}

/** Answers as long as the server takes requests. */
export function healthResponse({ url }: Call): Response {
  onlyOptions(url, []);
  return Response.json({ status: "ok" });
}
