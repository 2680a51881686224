import type { Api } from "./call.ts";

/**
 * Wraps the API for Bun's server. Bun adds `content-length: 0` to a response to HEAD without a length, which
 * is wrong for the GET. The header `transfer-encoding: chunked` prevents that.
 */
export function withTrueHeads(answer: Api): Api {
  return (request) => (request.method === "HEAD" ? head(answer, request) : answer(request));
}

async function head(answer: Api, request: Request): Promise<Response> {
  const response = await answer(request);
  const { body, headers, status } = response;
  const isUnknown = body === null && status === 200 && !headers.has("content-length");
  if (isUnknown) headers.set("transfer-encoding", "chunked");
  return response;
}
