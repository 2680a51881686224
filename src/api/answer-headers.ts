import { API_HEADER } from "../core/http.ts";
import { version } from "../version.ts";

/**
 * Headers of a response with stored bytes: a browser that opens them does not guess their type, and runs
 * no script in them.
 */
export const STORED_BYTES = {
  "x-content-type-options": "nosniff",
  "content-security-policy": "sandbox",
} as const;

/** Headers of a streamed response: nginx, with its defaults, and other proxies would buffer it until its end. */
export const STREAMED = { "cache-control": "no-cache", "x-accel-buffering": "no" } as const;

/** Adds the header that tells a client that the response comes from the API of xs. */
export function named(response: Response): Response {
  response.headers.set(API_HEADER, version);
  return response;
}
