import { REQUEST_HEADERS, RESPONSE_HEADERS } from "../api/description/headers.ts";

/** The headers that a request to the API may have. */
const OF_REQUESTS = ["accept", "content-type", ...Object.keys(REQUEST_HEADERS)];

/** The headers of the API's answers that the page may see. The policy is that of the inspector. */
const OF_ANSWERS: ReadonlySet<string> = new Set([
  ...["content-type", "content-length"],
  ...Object.keys(RESPONSE_HEADERS).filter((name) => name !== "content-security-policy"),
]);

/** The headers that go on to the API: none that browsers and proxies add, and none that says who asks. */
export function passedHeaders(given: Headers): Headers {
  const headers = new Headers();
  for (const name of OF_REQUESTS) {
    const value = given.get(name);
    if (value !== null) headers.set(name, value);
  }
  return headers;
}

/** Takes the other headers out of an answer: a server elsewhere must set no cookie here, and let no other site in. */
export function dropHeaders({ headers }: Response): void {
  // The body was unpacked on its way.
  const isPacked = headers.has("content-encoding");
  for (const name of [...headers.keys()]) if (!OF_ANSWERS.has(name)) headers.delete(name);
  if (isPacked) headers.delete("content-length");
}
