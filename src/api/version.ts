import { version } from "../version.ts";
import { jsonResponse } from "./json-response.ts";

export function versionResponse(): Response {
  return jsonResponse({ version });
}
