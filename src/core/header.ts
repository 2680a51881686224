import { quoted, XsError } from "./error.ts";
import { isId } from "./id.ts";

/** Longest Idempotency-Key. */
const MAX_IDEMPOTENCY_KEY = 255;

/** Checks the key of an append that may come again. @throws XsError `bad_header` */
export function parseIdempotencyKey(text: string, name = "the Idempotency-Key"): string {
  if (text.length <= MAX_IDEMPOTENCY_KEY && /^[!-~]+$/.test(text)) return text;
  throw new XsError(
    "bad_header",
    `${name} ${quoted(text)} is not 1 to ${MAX_IDEMPOTENCY_KEY} visible ASCII characters`,
  );
}

/** Checks a media type that somebody writes down: it is served as a header. @throws XsError `bad_header` */
export function parseMediaType(text: string, name: string): string {
  if (/^[!-~]([ -~]{0,253}[!-~])?$/.test(text)) return text;
  throw new XsError(
    "bad_header",
    `${name} ${quoted(text)} is no media type, as text/plain is: 1 to 255 ASCII characters on one line`,
  );
}

/**
 * Checks what a write of a pair may depend on: `*`, or revisions with commas, in quotes or not. Anything else
 * would never fit, and with `If-None-Match` always.
 *
 * @throws XsError `bad_header`
 */
export function parseRevisions(text: string, name: string): string {
  const revisions = text.split(",").map((part) => part.trim().replace(/^(W\/)?"([^"]*)"$/, "$2"));
  if (text.trim() === "*" || revisions.every(isId)) return text.trim();
  throw new XsError(
    "bad_header",
    `${name} ${quoted(text)} is no revision: it is *, or a rev that  xs kv put  or  xs kv list  printed`,
  );
}
