import type { IncomingMessage, ServerResponse } from "node:http";
import { preferred } from "../api/accept.ts";
import { type Problem, problemOf, retryAfter } from "../api/errors.ts";
import { type ErrorCode, XsError } from "../core/error.ts";
import { LogThrottle, oneLine } from "../core/one-line.ts";
import type { Handlers } from "./handlers.ts";

/** How to answer requests, for whoever finds that nobody does. */
const HOW_TO = `Answer requests with a handler. It stays when you leave, and over restarts:

  xs append stream.cross.handler.spawn --meta '{"topic":"web"}' <<'END'
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

/** Nobody would see a request: an error whose page says how to change that. */
export function noHandler({
  isPaused,
  someFailed,
}: Pick<Handlers, "isPaused" | "someFailed">): XsError {
  if (isPaused) return new NoHandlerNow("this site is paused: try again later");
  if (someFailed) return new NoHandlerNow(HANDLER_FAILED);
  return new XsError(
    "no_handler",
    "nobody answers here yet: no handler takes http.request and no reader follows it",
  );
}

const HANDLER_FAILED =
  "the handler of this site has failed: whoever runs it finds which and why with  xs last stream.cross.handler.failed,  and what still runs with  xs ps";

/** There is, or was, a handler. Visitors learn no more than that. */
class NoHandlerNow extends XsError {
  constructor(message: string) {
    super("no_handler", message);
  }
}

/** Characters of the reasons of one request. */
const MOST = 10_000;

/** Every handler that took a request has failed on it. */
export class HandlersFailed extends XsError {
  /** What is on the stream, and not for visitors. */
  readonly reasons: string;

  constructor(reasons: readonly string[]) {
    super(
      "handler_failed",
      "this site has failed on the request: whoever runs it finds why with  xs last http.error",
    );
    this.reasons = reasons.join("; ").slice(0, MOST);
  }
}

/** The page is for whoever wants HTML, or does not say what. */
const OFFERS = ["application/problem+json", "application/json", "text/html", "text/plain"] as const;

/** What a visitor did, or needs to know: the page says all of it. */
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
/** What comes of the site and its load, and is nothing to mend by itself. */
const OF_THE_SITE: { readonly [code in ErrorCode]?: string } = {
  no_answer: "this site did not answer in time: try again later",
  store_closed: "this site is stopping: try again later",
  too_many_requests: "too many requests are under way: try again later",
};
const NOT_SENT =
  "the answer of this site could not be sent: whoever runs it finds why with  xs last http.error";

/** A problem as anybody may see it: nothing of the store, its place, the program or what a handler gave. */
function forVisitors(problem: Problem): Problem {
  const { title, status, code } = problem;
  if (OF_THE_REQUEST.has(code)) return problem;
  const known = code === "bad_response" ? NOT_SENT : OF_THE_SITE[code];
  const detail = known ?? "this site cannot answer now: try again later";
  return { title, status, detail, code };
}

const throttle = new LogThrottle();

/** Tells whoever started the server what a visitor is not told: a line on stderr. */
export function tellOwner(error: unknown): void {
  const { code, detail } = problemOf(error);
  if (OF_THE_REQUEST.has(code) || OF_THE_SITE[code] !== undefined) return;
  const untold = throttle.admit();
  if (untold === undefined) return;
  const more = untold > 0 ? ` (and ${untold} more, see http.error)` : "";
  process.stderr.write(`xs: ${oneLine(`the gateway could not answer${more}: ${detail}`)}\n`);
}

/**
 * Answers a request with an error: a problem document where the client asks for JSON, else a page of
 * plain text.
 */
export function refuse(request: IncomingMessage, response: ServerResponse, error: unknown): void {
  tellOwner(error);
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
    // What is left of the body would be taken for the next request, or waited for.
    ...(!request.complete && { connection: "close" }),
  });
  response.end(body);
}
