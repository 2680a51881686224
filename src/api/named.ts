import { API_HEADER } from "../core/http.ts";
import { version } from "../version.ts";

/** An answer with the header that tells a client that the API gave it, and no stranger. */
export function named(response: Response): Response {
  response.headers.set(API_HEADER, version);
  return response;
}
