import { quoted, XsError } from "../core/error.ts";
import type { Tokens } from "../store/tokens.ts";
import { readBody } from "./body.ts";
import type { Call } from "./call.ts";
import { NO_STORE, ndjsonResponse, uncachedJson } from "./json-response.ts";

/** The largest request for a token, in bytes. */
const MAX_REQUEST = 64 * 1024;

/** Responds with one line for each token, by name. */
export async function listTokens(call: Call): Promise<Response> {
  const tokens = await tokensOf(call);
  const lines = tokens.list().map((info) => JSON.stringify(info));
  return ndjsonResponse(lines, NO_STORE);
}

/** Makes the token that the body asks for, and responds with it. */
export async function addToken(call: Call): Promise<Response> {
  const { request, rooms } = call;
  const body = await readBody(request, MAX_REQUEST, "a request for a token", rooms.bytes);
  const [tokens, { parseTokenRequest }] = await Promise.all([
    tokensOf(call),
    import("../core/token.ts"),
  ]);
  return uncachedJson(await tokens.add(parseTokenRequest(jsonIn(body))));
}

/** Removes a token. */
export async function removeToken(call: Call, _: object, name: string): Promise<Response> {
  const tokens = await tokensOf(call);
  if (await tokens.remove(name)) return new Response(null, { status: 204 });
  throw new XsError("not_found", `there is no token ${quoted(name)}:  xs token list  lists them`);
}

/** The tokens of the server or, without one, of the store that a command opened: then they are loaded here. */
async function tokensOf({ store, context }: Call): Promise<Tokens> {
  if (context.tokens) return context.tokens;
  const { Tokens } = await import("../store/tokens.ts");
  return new Tokens(store.path);
}

function jsonIn(body: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(body));
  } catch {
    return undefined;
  }
}
