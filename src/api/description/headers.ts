import type { Schema, ValueType } from "./values.ts";

/** A header of a request, as its description has it. */
interface RequestHeader {
  readonly about: string;
  /** The type of its text; `json` for JSON, or base64 of JSON. */
  readonly type: ValueType | "json";
}

/** The headers of requests that the API reads, beside `Host`, `Authorization`, `Accept` and `Content-Type`. */
export const REQUEST_HEADERS = {
  "xs-meta": { about: "the meta of the frame: JSON, or base64 of JSON", type: "json" },
  "xs-expect-last": {
    about: "append only while this frame is the newest of the topic, or while it has none",
    type: "id or none",
  },
  "idempotency-key": {
    about: "a retry with this key within 24 hours gets the first response again",
    type: "idempotency key",
  },
  "xs-retry-key": {
    about:
      "as idempotency-key, on a store on several machines alone: elsewhere it is ignored, and costs nothing",
    type: "idempotency key",
  },
  "xs-reached": {
    about:
      "on a store on several machines: wait until this node has this record, which the header xs-record of a response named",
    type: "record",
  },
  "if-match": { about: "only while the ETag is one of these, or while there is one", type: "text" },
  "if-none-match": { about: "only while the ETag is none of these", type: "text" },
  range: { about: "a range of bytes, as in bytes=0-99", type: "text" },
  "if-range": { about: "the range only while this is the ETag", type: "text" },
  "last-event-id": {
    about: "means last-id, where the client takes server-sent events",
    type: "text",
  },
} as const satisfies Record<string, RequestHeader>;

/** The name of a header of requests. */
export type RequestHeaderName = keyof typeof REQUEST_HEADERS;

const TEXT: Schema = { type: "string" };
const NUMBER: Schema = { type: "string", pattern: "^[0-9]+$" };

/** The headers of responses that mean something to a client. */
export const RESPONSE_HEADERS = {
  "xs-version": { about: "the version of the server", schema: TEXT },
  "xs-record": {
    about:
      "on a store on several machines: a record of its journal that this response includes; the one to a write includes that write",
    schema: NUMBER,
  },
  "xs-by": { about: "the handler that wrote the entry", schema: TEXT },
  "xs-scheduled": { about: "the number of appends that were scheduled", schema: NUMBER },
  "xs-due": {
    about: "next-start: what is scheduled waits for the next start of a server",
    schema: { type: "string", const: "next-start" },
  },
  "xs-import": {
    about: "the counts of the import, as JSON in ASCII",
    schema: { type: "string", contentMediaType: "application/json" },
  },
  "xs-frames": { about: "the number of frames in the export", schema: NUMBER },
  "xs-pairs": { about: "the number of entries in the export", schema: NUMBER },
  etag: {
    about: "the hash of the content, or the revision of the entry, in quotes",
    schema: { type: "string", pattern: '^".+"$' },
  },
  "accept-ranges": {
    about: "the content may be read in ranges",
    schema: { type: "string", const: "bytes" },
  },
  "content-range": { about: "the range, and the size of the whole", schema: TEXT },
  allow: { about: "the methods that can succeed there", schema: TEXT },
  "retry-after": { about: "when to try again, in seconds", schema: NUMBER },
  "www-authenticate": { about: "how to send the token", schema: TEXT },
  "cache-control": { about: "whether caches may keep the response", schema: TEXT },
  "x-accel-buffering": {
    about: "no: proxies pass a stream as it comes",
    schema: { type: "string", const: "no" },
  },
  "x-content-type-options": {
    about: "browsers do not guess the type",
    schema: { type: "string", const: "nosniff" },
  },
  "content-security-policy": {
    about: "browsers run no script in it",
    schema: { type: "string", const: "sandbox" },
  },
} as const satisfies Record<string, { readonly about: string; readonly schema: Schema }>;

/** The name of a header of responses. */
export type ResponseHeaderName = keyof typeof RESPONSE_HEADERS;
