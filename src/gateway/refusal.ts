import type { IncomingMessage, ServerResponse } from "node:http";
import { preferred } from "../api/accept.ts";
import { type Problem, problemOf, retryAfter } from "../api/errors.ts";
import { type ErrorCode, XsError } from "../core/error.ts";
import { LogThrottle, oneLine } from "../core/one-line.ts";
import type { Handlers } from "./handlers.ts";

/** Shown to a visitor if nobody answers requests yet: the visitor is then probably the owner. */
const HOW_TO = `Answer requests with a handler. It stays when you leave, and over restarts:

xs handler add web - <<'END'
export default {
  topics: ["http.request"],
  run: () => ({ response: { body: "hello\\n" } }),
}
END

Or with a loop in a shell, for as long as it runs:

xs cat --follow --tail --topic http.request |
  jq --unbuffered -c 'select(.topic == "http.request") | {request_id: .id}' |
  while read -r meta; do echo hello | xs append http.response --meta "$meta"; done
`;

/** The error for a request that nobody would see. Its page explains how to answer requests. */
export function noHandler({
  isPaused,
  someFailed,
}: Pick<Handlers, "isPaused" | "someFailed">): XsError {
  if (isPaused) return new NoHandlerNow("no_handler", "this site is paused: try again later");
  if (someFailed) return new NoHandlerNow("no_handler", HANDLER_FAILED);
  return new XsError(
    "no_handler",
    "nobody answers here yet: no handler takes http.request and no reader follows it",
  );
}

const HANDLER_FAILED =
  "the handler of this site has failed: whoever runs it finds which and why with  xs last stream.cross.handler.failed,  and what still runs with  xs ps";

/** A handler exists or existed, so the page must not explain the setup to visitors. */
class NoHandlerNow extends XsError {}

/** The most characters of all reasons for one request. */
const MAX_REASONS_LENGTH = 10_000;

/** Every handler that took a request failed on it. */
export class HandlersFailed extends XsError {
  /** The handlers' errors, for `http.error` on the stream: visitors must not see them. */
  readonly reasons: string;

  constructor(reasons: readonly string[]) {
    super(
      "handler_failed",
      "this site has failed on the request: whoever runs it finds why with  xs last http.error",
    );
    this.reasons = reasons.join("; ").slice(0, MAX_REASONS_LENGTH);
  }
}

/** A client that prefers HTML, or nothing, gets the page; one that prefers JSON gets a problem document. */
const OFFERS = ["application/problem+json", "application/json", "text/html", "text/plain"] as const;

/** Errors that a visitor caused, or may see: the page shows their message. */
const OF_THE_REQUEST: ReadonlySet<ErrorCode> = new Set([
  "bad_request",
  "bad_host",
  "headers_too_large",
  "body_too_large",
  "body_cut_off",
  "body_too_slow",
  "no_handler",
  "handler_failed",
]);
/** Errors of the site and its load, with a message for visitors. The server does not log them: they need no repair. */
const OF_THE_SITE: { readonly [code in ErrorCode]?: string } = {
  no_answer: "this site did not answer in time: try again later",
  store_closed: "this site is stopping: try again later",
  too_many_requests: "too many requests are under way: try again later",
};
const NOT_SENT =
  "the answer of this site could not be sent: whoever runs it finds why with  xs last http.error";

/** A problem for visitors: it reveals nothing about the store, its path, the program or a handler's output. */
function forVisitors(problem: Problem): Problem {
  const { title, status, code } = problem;
  if (OF_THE_REQUEST.has(code)) return problem;
  const known = code === "bad_response" ? NOT_SENT : OF_THE_SITE[code];
  const detail = known ?? "this site cannot answer now: try again later";
  return { title, status, detail, code };
}

const throttle = new LogThrottle();

/** Logs an error that visitors cannot see, as one line on stderr. */
export function logForOwner(error: unknown): void {
  const { code, detail } = problemOf(error);
  if (OF_THE_REQUEST.has(code) || OF_THE_SITE[code] !== undefined) return;
  const suppressed = throttle.admit();
  if (suppressed === undefined) return;
  const more = suppressed > 0 ? ` (and ${suppressed} more, see http.error)` : "";
  process.stderr.write(`xs: ${oneLine(`the gateway could not answer${more}: ${detail}`)}\n`);
}

/** Answers a request with an error: a problem document if the client asks for JSON, else a page of plain text. */
export function refuse(request: IncomingMessage, response: ServerResponse, error: unknown): void {
  logForOwner(error);
  const problem = forVisitors(problemOf(error));
  const { status, title, detail, code } = problem;
  const json = preferred(request.headers.accept, OFFERS)?.startsWith("application/") ?? false;
  const howTo = code === "no_handler" && !(error instanceof NoHandlerNow);
  const page = `${status} ${title}\n\n${detail}\n${howTo ? `\n${HOW_TO}` : ""}`;
  const body = Buffer.from(json ? `${JSON.stringify({ ...problem, detail })}\n` : page);
  response.writeHead(status, {
    "content-type": json ? "application/problem+json" : "text/plain; charset=utf-8",
    "content-length": body.length,
    "cache-control": "no-store",
    ...retryAfter(problem),
    "x-content-type-options": "nosniff",
    // On a kept connection, the rest of the body would be read as the next request, or waited for.
    ...(!request.complete && { connection: "close" }),
  });
  response.end(body);
}
