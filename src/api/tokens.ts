import { quoted, XsError } from "../core/error.ts";
import { parseTokenRequest } from "../core/token.ts";
import { Tokens } from "../store/tokens.ts";
import { readBody } from "./body.ts";
import type { Call } from "./call.ts";
import { jsonResponse, ndjsonResponse } from "./json-response.ts";

/** The largest request for a token, in bytes. */
const MAX_REQUEST = 64 * 1024;

/** Responds with one line for each token, by name. */
export function listTokens(call: Call): Response {
  const lines = tokensOf(call)
    .list()
    .map((info) => JSON.stringify(info));
  return ndjsonResponse(lines, { "cache-control": "no-store" });
}

/** Makes the token that the body asks for, and responds with it. */
export async function addToken(call: Call): Promise<Response> {
  const { request, rooms } = call;
  const body = await readBody(request, MAX_REQUEST, "a request for a token", rooms.bytes);
  const response = jsonResponse(await tokensOf(call).add(parseTokenRequest(jsonIn(body))));
  response.headers.set("cache-control", "no-store");
  return response;
}

/** Removes a token. */
export async function removeToken(call: Call, _: object, name: string): Promise<Response> {
  if (await tokensOf(call).remove(name)) return new Response(null, { status: 204 });
  throw new XsError("not_found", `there is no token ${quoted(name)}:  xs token list  lists them`);
}

function tokensOf({ store, context }: Call): Tokens {
  return context.tokens ?? new Tokens(store.path);
}

function jsonIn(body: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(body));
  } catch {
    return undefined;
  }
}
