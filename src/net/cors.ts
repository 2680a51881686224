/** The headers of a request that a page may send: those that the API reads. */
const ALLOWED = [
  "accept",
  "authorization",
  "content-type",
  "idempotency-key",
  "if-match",
  "if-none-match",
  "if-range",
  "last-event-id",
  "range",
  "xs-expect-last",
  "xs-meta",
  "xs-reached",
  "xs-retry-key",
];
/** The headers of a response that a page may read: those that the API sends. */
const EXPOSED = [
  "accept-ranges",
  "allow",
  "content-length",
  "content-range",
  "etag",
  "retry-after",
  "www-authenticate",
  "xs-by",
  "xs-version",
  "xs-due",
  "xs-record",
  "xs-scheduled",
];
/** How long a browser may keep the answer to a preflight, in seconds. */
const KEPT_S = 600;

/** Whether a browser asks what a page of another origin may send (https://fetch.spec.whatwg.org/#http-cors-protocol). */
export function isPreflight({ method, headers }: Request): boolean {
  return (
    method === "OPTIONS" && headers.has("origin") && headers.has("access-control-request-method")
  );
}

/** The answer to a preflight: pages of the origin may send what the API takes, and a token with it. */
export function preflightResponse({ headers }: Request, origin: string): Response {
  const isPrivate = headers.get("access-control-request-private-network") === "true";
  return new Response(null, {
    status: 204,
    headers: {
      "access-control-allow-origin": origin,
      "access-control-allow-methods": "GET, HEAD, POST, PUT, DELETE",
      "access-control-allow-headers": ALLOWED.join(", "),
      "access-control-max-age": String(KEPT_S),
      ...(isPrivate && { "access-control-allow-private-network": "true" }),
      vary: "origin, access-control-request-method, access-control-request-headers",
    },
  });
}

/** Lets pages of an origin read a response. */
export function letOriginRead({ headers }: Response, origin: string): void {
  headers.set("access-control-allow-origin", origin);
  headers.set("access-control-expose-headers", EXPOSED.join(", "));
  headers.set("vary", "origin");
}
