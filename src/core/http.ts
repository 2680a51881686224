import type { Json } from "./json.ts";

/** Every answer of the API has this header, with its version. The gateway lets none pass: its answers are a visitor's. */
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

/** How long requests are kept where nobody says otherwise: a day. */
export const HTTP_TTL = "time:86400000";

/** What an answer says beside its content; all of it but `more` counts in the first frame only. */
export interface HttpAnswer {
  readonly status?: number;
  /** A text, or a list of texts for a header that comes more than once, as `set-cookie` may. */
  readonly headers?: Readonly<Record<string, string | readonly string[]>>;
  /** Another frame of the same answer follows. */
  readonly more?: boolean;
}

/**
 * The frame, less its content, that answers a request: whoever answers for somebody else makes it
 * with this. It is kept as long as the request is, so `--http-ttl` holds for both.
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
