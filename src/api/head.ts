import type { Api } from "./call.ts";

/**
 * The API for a server that is Bun's: of an answer to HEAD that does not tell its length, Bun tells that it
 * is 0, which is not that of GET. One that is sent in chunks has none.
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
