import { type ErrorCode, XsError } from "../core/error.ts";

/** Codes of failures that another try may not meet. */
const PASSING: ReadonlySet<ErrorCode> = new Set<ErrorCode>([
  "store_in_use",
  "store_closed",
  "store_failed",
  "busy",
  "disk_full",
  "too_many_files",
  "too_many_requests",
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
