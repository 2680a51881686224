/** Responds with a value as one line of JSON. */
export function jsonResponse(value: unknown): Response {
  return lineResponse(JSON.stringify(value));
}

/** The header of a response that no cache may keep. */
export const NO_STORE = { "cache-control": "no-store" } as const;

/** The same as {@link jsonResponse}, of a value that no cache may keep. */
export function uncachedJson(value: unknown): Response {
  const response = jsonResponse(value);
  response.headers.set("cache-control", NO_STORE["cache-control"]);
  return response;
}

/** Responds with JSON text and a newline. */
export function lineResponse(line: string): Response {
  return new Response(`${line}\n`, JSON_HEADERS);
}

/** The same, of a line in bytes that has its newline. */
export function lineBytesResponse(line: Uint8Array): Response {
  return new Response(line as Uint8Array<ArrayBuffer>, JSON_HEADERS);
}

const JSON_HEADERS = { headers: { "content-type": "application/json" } };

/** Responds with lines of JSON. */
export function ndjsonResponse(
  lines: readonly string[],
  headers: object = {},
  status = 200,
): Response {
  return new Response(lines.map((line) => `${line}\n`).join(""), {
    status,
    headers: { "content-type": "application/x-ndjson", ...headers },
  });
}
