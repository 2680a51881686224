/**
 * What the browser lets the page do: its own scripts and styles, requests to its own server, and pictures and sound
 * from the bytes that it read. No script in the page's text runs, whatever the store holds.
 */
const POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "connect-src 'self'",
  "img-src 'self' blob:",
  "media-src blob:",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
  "require-trusted-types-for 'script'",
  "trusted-types 'none'",
].join("; ");

/** The headers of each file of the page. */
export const PAGE_HEADERS = {
  "content-security-policy": POLICY,
  "permissions-policy": "camera=(), microphone=(), geolocation=()",
} as const;

/** What no answer goes without. */
const CLOSED: Readonly<Record<string, string>> = {
  "x-content-type-options": "nosniff",
  "x-frame-options": "DENY",
  "referrer-policy": "no-referrer",
  "cross-origin-opener-policy": "same-origin",
  "cross-origin-resource-policy": "same-origin",
  "cache-control": "no-store",
};

/** Closes an answer to all but the page: what is no file of it is no document, has no script, and no cache keeps it. */
export function closedHeaders(response: Response): Response {
  const { headers } = response;
  for (const name of Object.keys(CLOSED)) headers.set(name, CLOSED[name] ?? "");
  if (!headers.has("content-security-policy")) {
    headers.set("content-security-policy", "default-src 'none'; frame-ancestors 'none'; sandbox");
  }
  return response;
}
