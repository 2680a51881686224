import type { IncomingMessage, ServerResponse } from "node:http";
import { preferred } from "../api/accept.ts";
import { type Problem, problemOf, retryAfter } from "../api/errors.ts";
import { type ErrorCode, XsError } from "../frame/error.ts";
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
export function noHandler({ someFailed }: Pick<Handlers, "someFailed">): XsError {
  if (someFailed) return new NoHandlerLeft();
  return new XsError(
    "no_handler",
    "nobody answers here yet: no handler takes http.request and no reader follows it",
  );
}

/** There was a handler. Visitors learn no more than that. */
class NoHandlerLeft extends XsError {
  constructor() {
    super(
      "no_handler",
      "the handler of this site has failed: whoever runs it finds which and why with  xs last stream.cross.handler.failed,  and what still runs with  xs ps",
    );
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

/** What is wrong inside, which a visitor can do nothing about and does not need to know. */
const INSIDE: ReadonlySet<ErrorCode> = new Set([
  "internal",
  "store_failed",
  "store_damaged",
  "frame_damaged",
  "content_damaged",
  "value_damaged",
  "disk_full",
  "too_many_files",
  "busy",
]);

/** A problem as anybody may see it: nothing of the store, its place or the program. */
function forVisitors(problem: Problem): Problem {
  const { title, status, code } = problem;
  if (!INSIDE.has(code)) return problem;
  return { title, status, detail: "this site cannot answer now: try again later", code };
}

/**
 * Answers a request with an error: a problem document where the client asks for JSON, else a page of
 * plain text.
 */
export function refuse(request: IncomingMessage, response: ServerResponse, error: unknown): void {
  const problem = forVisitors(problemOf(error));
  const { status, title, detail, code } = problem;
  const json = preferred(request.headers.accept, OFFERS)?.startsWith("application/") ?? false;
  const howTo = code === "no_handler" && !(error instanceof NoHandlerLeft);
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
