import { API_HEADER } from "../core/http.ts";
import { version } from "../version.ts";

/** Adds the header that tells a client that the response comes from the API of xs. */
export function named(response: Response): Response {
  response.headers.set(API_HEADER, version);
  return response;
}
