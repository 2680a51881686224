/** A JSON document, as a line. */
export function jsonResponse(value: unknown): Response {
  return lineResponse(JSON.stringify(value));
}

/** JSON text as the answer, with a newline after it. */
export function lineResponse(line: string): Response {
  return new Response(`${line}\n`, { headers: { "content-type": "application/json" } });
}
