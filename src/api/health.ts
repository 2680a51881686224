import { jsonResponse } from "./json-response.ts";

/** Responds with ok, for as long as the server accepts requests. */
export function health(): Response {
  return jsonResponse({ status: "ok" });
}
