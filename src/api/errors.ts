import { ERRORS, type ErrorCode, XsError } from "../core/error.ts";
import { diskFull, isNoSpace, isOutOfFiles, outOfFiles } from "../store/failures.ts";
import { named } from "./answer-headers.ts";

/**
 * Turns an error into a response: a problem document (RFC 9457) with our stable `code`.
 *
 * @param count is called with the code
 */
export function problemResponse(error: unknown, count?: (code: ErrorCode) => void): Response {
  const failure = asXsError(error);
  const problem = problemOf(failure);
  count?.(problem.code);
  const type = { "content-type": "application/problem+json" };
  const response = new Response(`${JSON.stringify(problem)}\n`, {
    status: problem.status,
    headers: { ...type, ...retryAfter(problem), ...failure.headers },
  });
  return named(response);
}

const SOON_PAST = new Set<ErrorCode>([
  "too_many_requests",
  "too_many_files",
  "index_building",
  "node_unreachable",
  "not_reached",
]);

/** The header `Retry-After`, in seconds, for errors that soon pass. */
export function retryAfter({ code }: Problem): Record<string, string> {
  return SOON_PAST.has(code) ? { "retry-after": "1" } : {};
}

/** A problem document (RFC 9457), with its members in this order. */
export interface Problem {
  readonly title: string;
  readonly status: number;
  readonly detail: string;
  readonly code: ErrorCode;
}

/** The problem document of any error. */
export function problemOf(error: unknown): Problem {
  const { code, message, members } = asXsError(error);
  const [status, title] = ERRORS[code];
  return { title, status, detail: message, code, ...members };
}

function asXsError(error: unknown): XsError {
  if (error instanceof XsError) return error;
  if (error instanceof SuppressedError) return asXsError(error.suppressed);
  if (isNoSpace(error)) return diskFull(error);
  if (isOutOfFiles(error)) return outOfFiles(error);
  const { message } = error as { message?: string };
  return new XsError("internal", `this should not have happened: ${message ?? String(error)}`);
}
