import { type ErrorCode, XsError } from "../core/error.ts";
import { neverConnected } from "../net/connection-error.ts";

/** Codes of failures that another try may not meet. */
const PASSING: ReadonlySet<ErrorCode> = new Set<ErrorCode>([
  "store_in_use",
  "store_closed",
  "store_failed",
  "busy",
  "disk_full",
  "too_many_files",
  "too_many_requests",
  "journal_unreachable",
  "node_unreachable",
  "not_leader",
  "not_reached",
]);

/** Codes of writes that failed, on a store on several machines, which another try may not meet. */
const PASSING_WRITES: ReadonlySet<ErrorCode> = new Set<ErrorCode>([
  "not_leader",
  "node_unreachable",
  "journal_unreachable",
  "store_closed",
  "store_failed",
]);

/** Codes of connections that fail in the same way each time, until somebody changes something. */
const LASTING: ReadonlySet<string> = new Set([
  "EACCES",
  "EPERM",
  "EPROTO",
  "ERR_INVALID_URL",
  "ERR_PROXY_TUNNEL",
  "Malformed_HTTP_Response",
  "InvalidHTTPResponse",
  "ZlibError",
  "UnsupportedProxyProtocol",
]);

/** What a proxy answers while the server behind it is away. */
const PROXY_STATUS: ReadonlySet<number> = new Set([502, 503, 504]);

/** Tells whether a request that failed may succeed later without anybody's help, as when a server starts again. */
export function mayPass(error: unknown): boolean {
  if (!(error instanceof XsError)) return false;
  const { code, cause } = error;
  const { code: reason = "", status } = (cause ?? {}) as { code?: unknown; status?: number };
  if (LASTING.has(String(reason)) || /CERT|SIGNED|TLS|SSL/i.test(String(reason))) return false;
  if (code !== "no_server") return PASSING.has(code);
  if (cause instanceof Response) return PROXY_STATUS.has(status ?? 0);
  return cause !== undefined;
}

/**
 * Tells whether a write that failed may succeed on a store on several machines, sent again in the same way. Not where
 * nobody listens: then nothing was sent, and to find another way is up to the caller.
 */
export function writeMayPass(error: unknown): error is XsError {
  if (!(error instanceof XsError)) return false;
  if (error.code !== "no_server") return PASSING_WRITES.has(error.code);
  return mayPass(error) && !neverConnected(error);
}
