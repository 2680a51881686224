/** A request and its response, as they were run against a server. */
export interface Example {
  /** The name in the path. */
  readonly name?: string;
  readonly query?: Readonly<Record<string, string>>;
  readonly headers?: Readonly<Record<string, string>>;
  /** JSON, or text. */
  readonly body?: unknown;
  /** The media type of the body; needed where its route takes several. */
  readonly type?: string;
  /** 200 by default. */
  readonly status?: number;
  /** JSON, or text. */
  readonly response?: unknown;
  /** The media type of the response; JSON by default. */
  readonly responseType?: string;
}

const NDJSON = "application/x-ndjson";
const ID = "03hadtdyn9s2dxl5soli9q9dz";
const NEXT = "03hadtdyn9s2dxl5soli9q9e0";
const HASH = "sha256-Di5nug57XYFNZRHLhcPBnqTRYQnZgwEJ8bjwiP+gSk0=";
const FRAME = { topic: "note", id: ID, hash: HASH, meta: { n: 1 }, ttl: "forever" };
const SECOND = {
  topic: "note",
  id: NEXT,
  hash: null,
  meta: { n: 2, frame_id: ID },
  ttl: "forever",
};
const ENTRY = { key: "app/theme", rev: NEXT, size: 4, type: "text/plain" };
const RULE = { pattern: "sensor.*", age_ms: 2_592_000_000, count: null };
const TOKEN = {
  name: "phone",
  read: ["note"],
  append: ["inbox.*"],
  keys: null,
  cors: null,
  all: false,
  created: "2026-11-26T18:00:00.000Z",
  expires: null,
  last_use: null,
  days_left: null,
};

const lines = (...values: object[]) => values.map((value) => `${JSON.stringify(value)}\n`).join("");

/** What a store on one machine answers where it is asked for its nodes. */
const ONE_MACHINE: Example = { status: 404, responseType: "application/problem+json" };

const APPEND: Example = {
  name: "note",
  query: { ttl: "time:7d" },
  headers: { "xs-meta": '{"n":1}', "xs-expect-last": NEXT, "idempotency-key": "note-1" },
  body: "call Anna",
  response: { ...FRAME, ttl: "time:604800000" },
};
const PUT: Example = {
  name: "app/theme",
  headers: { "if-match": "*" },
  type: "text/plain",
  body: "dark",
  response: ENTRY,
};
const KEEP: Example = {
  name: "sensor.*",
  query: { age: "30d" },
  response: { ...RULE, applied: true },
};

/**
 * An example for each route, by its method and path. A test runs each against a server whose store has the frames and the
 * entry that are named here.
 */
export const EXAMPLES: Readonly<Record<string, Example>> = {
  "GET /": {
    query: { topic: "note", "last-id": ID, limit: "10", "with-timestamp": "true" },
    responseType: NDJSON,
    response: lines({ ...SECOND, timestamp: "2026-11-23T08:07:27.369Z" }),
  },
  "POST /stream": {
    type: NDJSON,
    body: lines({ topic: "note", meta: { n: 1 }, content: "call Anna" }, { topic: "alarm" }),
    responseType: NDJSON,
    response: lines(FRAME, { topic: "alarm", id: NEXT, hash: null, meta: null, ttl: "forever" }),
  },
  "GET /stream/:topic": {
    name: "note",
    query: { limit: "1", content: "inline" },
    responseType: NDJSON,
    response: lines({ ...FRAME, content: "call Anna" }),
  },
  "DELETE /stream/:topic": {
    name: "note",
    query: { until: "2026-11-01", "dry-run": "true" },
    responseType: NDJSON,
    response: lines({ frames: 0, kept: 0, damaged: 0, contents: 0, bytes: 0 }),
  },
  "POST /stream/:topic": APPEND,
  "POST /append/:topic": APPEND,
  "POST /:topic": APPEND,
  "GET /first": { query: { until: "2026-11-25T18:00Z" }, response: FRAME },
  "GET /first/:topic": {
    name: "note",
    query: { last: "2" },
    responseType: NDJSON,
    response: lines(FRAME, SECOND),
  },
  "GET /last": { query: { until: "2026-11-25T18:00Z" }, response: SECOND },
  "GET /last/:topic": {
    name: "note,alarm.*",
    query: { last: "1" },
    responseType: NDJSON,
    response: lines(SECOND),
  },
  "GET /:id": {
    name: ID,
    query: { content: "inline" },
    response: { ...FRAME, content: "call Anna" },
  },
  "DELETE /:id": { name: ID, status: 204 },
  "GET /:id/next": { name: ID, query: { topic: "note" }, response: SECOND },
  "GET /:id/previous": { name: NEXT, query: { topic: "note" }, response: FRAME },
  "GET /:id/content": {
    name: ID,
    headers: { range: "bytes=5-" },
    status: 206,
    responseType: "application/octet-stream",
    response: "Anna",
  },
  "GET /:id/causes": {
    name: NEXT,
    query: { limit: "10" },
    responseType: NDJSON,
    response: lines(FRAME),
  },
  "GET /:id/effects": {
    name: ID,
    query: { "with-depth": "true" },
    responseType: NDJSON,
    response: lines({ ...SECOND, depth: 1 }),
  },
  "POST /cas": { body: "call Anna", responseType: "text/plain", response: HASH },
  "GET /cas/:hash+": { name: HASH, headers: { "if-none-match": `"${HASH}"` }, status: 304 },
  "GET /kv": { query: { prefix: "app/" }, responseType: NDJSON, response: lines(ENTRY) },
  "GET /kv/:key+": { name: "app/theme", responseType: "text/plain", response: "dark" },
  "PUT /kv/:key+": PUT,
  "POST /kv/:key+": PUT,
  "DELETE /kv/:key+": { name: "app/theme", headers: { "if-match": "*" }, status: 204 },
  "POST /import": {
    query: { "no-processors": "true" },
    type: NDJSON,
    body: lines({ ...FRAME, content: "call Anna" }, SECOND),
    response: { frames: 2, added: 0 },
  },
  "GET /export": { responseType: "application/x-tar" },
  "GET /verify": { query: { progress: "false" }, responseType: NDJSON },
  "POST /gc": { query: { "dry-run": "true" }, response: { contents: 0, bytes: 0 } },
  "GET /-/scheduled": {
    responseType: NDJSON,
    response: lines({
      scheduled: NEXT,
      at: "2099-12-24T18:00:00.000Z",
      topic: "remind",
      hash: HASH,
      meta: null,
      ttl: "forever",
    }),
  },
  "DELETE /-/scheduled/:id": { name: NEXT, status: 204 },
  "GET /ps": { query: { all: "true" }, responseType: NDJSON, response: "" },
  "GET /metrics": { responseType: "text/plain" },
  "GET /version": { response: { version: "0.1.0" } },
  "GET /health": { response: { status: "ok" } },
  "GET /-/topics": {
    query: { topic: "note" },
    responseType: NDJSON,
    response: lines({ topic: "note", frames: 2, first: ID, last: NEXT }),
  },
  "GET /-/search": {
    query: { q: "ann*", topic: "note", limit: "1" },
    responseType: NDJSON,
    response: lines({
      ...FRAME,
      snippet: { in: "content", text: "call Anna", matches: [[5, 9]] },
    }),
  },
  "GET /-/histogram": { query: { topic: "note", steps: "3" } },
  "GET /-/nodes": ONE_MACHINE,
  "DELETE /-/nodes/:name": { name: "b", ...ONE_MACHINE },
  "GET /-/check": ONE_MACHINE,
  "GET /-/info": {},
  "GET /-/openapi.json": {},
  "GET /-/tokens": { responseType: NDJSON, response: lines(TOKEN) },
  "POST /-/tokens": {
    body: { name: "phone", read: ["note"], append: ["inbox.*"] },
    response: { token: "xs_nO3zAZ80IPgapGpbcNEjfEtyHbNiWDZTAZEcJZOqL38", ...TOKEN },
  },
  "DELETE /-/tokens/:name": { name: "phone", status: 204 },
  "GET /-/keep": { responseType: NDJSON, response: lines(RULE) },
  "PUT /-/keep/:pattern": KEEP,
  "POST /-/keep/:pattern": KEEP,
  "DELETE /-/keep/:pattern": { name: "sensor.*", status: 204 },
};
