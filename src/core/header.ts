import { quoted, XsError } from "./error.ts";
import { isId } from "./id.ts";

/** Longest Idempotency-Key. */
const MAX_IDEMPOTENCY_KEY = 255;

/** Checks the key that makes a repeated append safe. @throws XsError `bad_header` */
export function parseIdempotencyKey(text: string, name = "the Idempotency-Key"): string {
  if (text.length <= MAX_IDEMPOTENCY_KEY && /^[!-~]+$/.test(text)) return text;
  throw new XsError(
    "bad_header",
    `${name} ${quoted(text)} is not 1 to ${MAX_IDEMPOTENCY_KEY} visible ASCII characters`,
  );
}

/** Checks the media type of an entry, which a response carries as a header. @throws XsError `bad_header` */
export function parseMediaType(text: string, name: string): string {
  if (/^[!-~]([ -~]{0,253}[!-~])?$/.test(text)) return text;
  throw new XsError(
    "bad_header",
    `${name} ${quoted(text)} is no media type, as text/plain is: 1 to 255 ASCII characters on one line`,
  );
}

/**
 * Checks the condition of a write to an entry: `*`, or a comma list of revisions, quoted or not. Any other
 * text would never match, so `If-Match` would always fail and `If-None-Match` never.
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
