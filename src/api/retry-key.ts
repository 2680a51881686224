import { parseIdempotencyKey } from "../core/header.ts";
import type { Call } from "./call.ts";

/**
 * The key with which a write may be sent again; undefined where it has none. A client that does not know what it writes
 * to sends it as `xs-retry-key`: a store on one machine, whose answer gets lost only with the connection, does not pay
 * for it.
 *
 * @throws XsError `bad_header`
 */
export function retryKeyOf({ request, context }: Call): string | undefined {
  const key = request.headers.get("idempotency-key");
  if (key !== null) return parseIdempotencyKey(key);
  const retry = context.records ? request.headers.get("xs-retry-key") : null;
  return retry === null ? undefined : parseIdempotencyKey(retry, "xs-retry-key");
}
