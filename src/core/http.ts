import type { Json } from "./json.ts";

/** Every response of the API has this header, with the version of xs. The gateway drops it from a handler's response. */
export const API_HEADER = "xs-version";

/** The topics of the HTTP gateway. */
export const HTTP_REQUEST = "http.request";
export const HTTP_RESPONSE = "http.response";
export const HTTP_DISCONNECT = "http.disconnect";
export const HTTP_ERROR = "http.error";
export const HTTP_TOPICS: ReadonlySet<string> = new Set([
  HTTP_REQUEST,
  HTTP_RESPONSE,
  HTTP_DISCONNECT,
  HTTP_ERROR,
]);

/** The default ttl of requests: a day. */
export const HTTP_TTL = "time:86400000";

/** The head of an HTTP response. Only the first frame of a response sets `status` and `headers`. */
export interface HttpAnswer {
  readonly status?: number;
  /** A list stands for a header that is sent several times, such as `set-cookie`. */
  readonly headers?: Readonly<Record<string, string | readonly string[]>>;
  /** Another frame of the same response follows. */
  readonly more?: boolean;
}

/**
 * Makes the `http.response` frame for a request, without its content. The response has the ttl of its
 * request, so `--http-ttl` applies to both.
 */
export function answerTo<Known extends string | undefined>(
  request: { readonly id: string; readonly ttl: Known },
  { status, headers, more }: HttpAnswer,
): { topic: string; meta: Json; ttl: Known } {
  const given = Object.entries({ status, headers, more }).filter(
    ([, value]) => value !== undefined,
  );
  const meta = { request_id: request.id, ...Object.fromEntries(given) } as Json;
  return { topic: HTTP_RESPONSE, meta, ttl: request.ttl };
}
