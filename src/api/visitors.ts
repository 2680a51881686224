import type { Access } from "../core/access.ts";
import { isPreflight, letOriginRead, preflightResponse } from "../net/cors.ts";
import { checkVisitor } from "../net/visitor.ts";
import type { Tokens } from "../store/tokens.ts";
import { named } from "./answer-headers.ts";
import type { Api } from "./call.ts";
import { untilEnded } from "./ended-response.ts";
import { problemResponse } from "./errors.ts";

/** Who may come in over TCP. */
export interface Visitors {
  /** The token of the owner. */
  readonly owner: string;
  readonly tokens: Tokens;
  /** From `hostsOf`. */
  readonly hosts: ReadonlySet<string>;
}

/**
 * Answers a request over TCP by the token that it brings.
 *
 * @param admitted called before a request is answered that may come in
 */
export async function answerVisitor(
  { owner, tokens, hosts }: Visitors,
  request: Request,
  answer: Api,
  admitted: () => void,
): Promise<Response> {
  const given = request.headers.get("origin");
  const origin = given !== null && tokens.hasOrigin(given) ? given : undefined;
  // A preflight never brings a token.
  if (origin !== undefined && isPreflight(request)) {
    return named(preflightResponse(request, origin));
  }
  let access: Access | undefined;
  let response: Response;
  try {
    access = checkVisitor(request, { owner, hosts, find: (token) => tokens.find(token) });
    admitted();
    response = await answer(request, access);
    if (access) response = untilEnded(response, access.ended, request);
  } catch (error) {
    response = problemResponse(error);
  }
  if (origin !== undefined) letOriginRead(response, origin);
  return response;
}
