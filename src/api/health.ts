import { jsonResponse } from "./json-response.ts";

/** Answers as long as the server takes requests. */
export function health(): Response {
  return jsonResponse({ status: "ok" });
}
