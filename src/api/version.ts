import { version } from "../version.ts";
import { jsonResponse } from "./json-response.ts";

/** Responds with the version of xs. */
export function versionResponse(): Response {
  return jsonResponse({ version });
}
