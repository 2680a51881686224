import { parseHash } from "../core/hash.ts";
import { parseId } from "../core/id.ts";
import { parseClientKey, parseKey } from "../core/key.ts";
import { parseTopicFilter } from "../core/pattern.ts";
import { parseTakenTopics } from "../core/taken-topics.ts";
import { parseClientTopic } from "../core/topic.ts";
import { version } from "../version.ts";
import { APPEND_OPTIONS, append } from "./append.ts";
import { appendBatch } from "./batch.ts";
import { cas, casPost } from "./cas.ts";
import { cat, catTopic, READ_OPTIONS, TOPIC_READ_OPTIONS } from "./cat.ts";
import { content } from "./content.ts";
import { exportStore } from "./export.ts";
import { FIRST_OPTIONS, LAST_OPTIONS, readEnd } from "./first-last.ts";
import { FORGET_OPTIONS, forget } from "./forget.ts";
import { FRAME_OPTIONS, get, remove, TIMESTAMP } from "./frame.ts";
import { GC_OPTIONS, gc } from "./gc.ts";
import { HISTOGRAM_OPTIONS, histogram } from "./histogram.ts";
import { IMPORT_OPTIONS, importAll } from "./import.ts";
import { info } from "./info.ts";
import { jsonResponse } from "./json-response.ts";
import { KEEP_OPTIONS, keep } from "./keep.ts";
import { kv, LIST_OPTIONS, WATCH_OPTIONS } from "./kv.ts";
import { metrics } from "./metrics.ts";
import { NEIGHBOUR_OPTIONS, neighbour } from "./neighbours.ts";
import { checkNodes, forgetNode, listNodes } from "./nodes.ts";
import { openapi } from "./openapi.ts";
import { flag } from "./options.ts";
import { PS_OPTIONS, ps } from "./ps.ts";
import { type Route, route } from "./route.ts";
import { scheduled } from "./scheduled.ts";
import { SEARCH_OPTIONS, search } from "./search.ts";
import { addToken, listTokens, removeToken } from "./tokens.ts";
import { TOPICS_OPTIONS, topics } from "./topics.ts";
import { TRACE_OPTIONS, trace } from "./trace.ts";
import { verify } from "./verify.ts";

/** The errors of an append. */
const APPEND_ERRORS = [
  "bad_topic",
  "bad_id",
  "reserved_topic",
  "bad_ttl",
  "bad_option",
  "too_many_scheduled",
  "bad_meta",
  "too_deep",
  "meta_too_large",
  "bad_header",
  "expect_last_failed",
  "idempotency_key_reused",
  "body_cut_off",
] as const;
/** What the routes that append one frame share. */
const APPEND = {
  options: APPEND_OPTIONS,
  headers: ["xs-meta", "xs-expect-last", "idempotency-key", "xs-retry-key"],
  body: "content",
  responses: { 200: "appended", 202: "to append" },
  errors: APPEND_ERRORS,
} as const;
const READ_ERRORS = ["bad_id", "bad_topic", "frame_damaged", "too_many_files"] as const;
const KEY_ERRORS = [
  "bad_key",
  "reserved_key",
  "precondition_failed",
  "idempotency_key_reused",
] as const;
const WRITE_KEY_HEADERS = ["if-match", "if-none-match", "idempotency-key", "xs-retry-key"] as const;
/** The errors of what only a store on several machines has. */
const NODES_ERRORS = [
  "not_replicated",
  "no_server",
  "journal_unreachable",
  "journal_unsafe",
  "not_leader",
] as const;
/** What the routes that return content share. */
const CONTENT = {
  headers: ["if-match", "if-none-match", "range", "if-range"],
  responses: { 200: "content", 206: "part of content", 304: "known" },
} as const;
const CONTENT_ERRORS = [
  "content_not_found",
  "content_damaged",
  "range_not_satisfiable",
  "precondition_failed",
] as const;

const TRACES = {
  causes: "the frames that a frame came of, nearest first",
  effects: "the frames that came of a frame, nearest first",
};

// A topic never begins with a digit; ids begin with one for a long time to come.
const isTopic = (name: string) => !/^[0-9][0-9a-z]{24}$/i.test(name);
const isClientKey = (name: string) => parseClientKey(parseKey(name));
const isFilter = (name: string) => name !== "" && parseTopicFilter(name);

/**
 * All routes of the API. The first segments of these paths are frozen, because every other first segment is a
 * topic. New routes go below `/-/`, which cannot be a topic.
 */
export const ROUTES: readonly Route[] = [
  route("GET", "/", "reads the stream", cat, {
    need: "read",
    options: READ_OPTIONS,
    headers: ["last-event-id"],
    responses: { 200: "frames" },
    errors: READ_ERRORS,
  }),
  route("POST", "/stream", "appends a batch of frames in one step", appendBatch, {
    need: "append some",
    options: { "with-timestamp": TIMESTAMP },
    headers: ["idempotency-key", "xs-retry-key"],
    body: "batch",
    responses: { 200: "appended batch", 202: "batch to append" },
    errors: [
      ...APPEND_ERRORS,
      "bad_batch",
      "bad_frame",
      "bad_hash",
      "body_too_large",
      "content_not_found",
      "too_many_requests",
    ],
  }),
  route("GET", "/stream/:topic", "reads the frames of a topic", catTopic, {
    need: "read",
    name: "topics",
    options: TOPIC_READ_OPTIONS,
    headers: ["last-event-id"],
    responses: { 200: "frames" },
    errors: READ_ERRORS,
    check: parseTopicFilter,
  }),
  route("DELETE", "/stream/:topic", "removes the frames of topics for good, in steps", forget, {
    need: "owner",
    name: "topics",
    options: FORGET_OPTIONS,
    responses: { 200: "forgotten" },
    errors: ["bad_topic"],
    check: parseTakenTopics,
  }),
  ...(["/stream/:topic", "/append/:topic"] as const).map((path) =>
    route("POST", path, "appends a frame; the body is its content", append, {
      need: "append",
      name: "topic",
      ...APPEND,
      check: parseClientTopic,
    }),
  ),
  ...(["/first", "/first/:topic"] as const).map((path) =>
    route("GET", path, "the oldest frame or frames, of all or of topics", readEnd("first"), {
      need: "read",
      name: "topics",
      options: FIRST_OPTIONS,
      responses: { 200: "frame or frames" },
      errors: [...READ_ERRORS, "not_found"],
      check: isFilter,
    }),
  ),
  ...(["/last", "/last/:topic"] as const).map((path) =>
    route("GET", path, "the newest frame or frames, of all or of topics", readEnd("last"), {
      need: "read",
      name: "topics",
      options: LAST_OPTIONS,
      responses: { 200: "frame or frames" },
      errors: [...READ_ERRORS, "not_found"],
      check: isFilter,
    }),
  ),
  route("GET", "/:id", "one frame", get, {
    need: "read",
    name: "id",
    options: FRAME_OPTIONS,
    responses: { 200: "frame" },
    errors: ["bad_id", "not_found", "frame_damaged"],
    check: parseId,
  }),
  route("DELETE", "/:id", "removes a frame", remove, {
    need: "owner",
    name: "id",
    responses: { 204: "removed" },
    errors: ["bad_id"],
    check: parseId,
  }),
  route("POST", "/:topic", "appends a frame; the body is its content", append, {
    need: "append",
    name: "topic",
    ...APPEND,
    applies: isTopic,
    check: parseClientTopic,
  }),
  ...(["next", "previous"] as const).map((direction) =>
    route(
      "GET",
      `/:id/${direction}`,
      `the ${direction} frame, in the stream or of topics`,
      neighbour(direction),
      {
        need: "read",
        name: "id",
        options: NEIGHBOUR_OPTIONS,
        responses: { 200: "frame" },
        errors: ["bad_id", "bad_topic", "not_found", "frame_damaged"],
        check: parseId,
      },
    ),
  ),
  route("GET", "/:id/content", "the content of a frame; follows a chunked one", content, {
    need: "read",
    name: "id",
    ...CONTENT,
    errors: ["bad_id", "not_found", "frame_damaged", "too_many_files", ...CONTENT_ERRORS],
    check: parseId,
  }),
  ...(["causes", "effects"] as const).map((direction) =>
    route("GET", `/:id/${direction}`, TRACES[direction], trace(direction), {
      need: "read",
      name: "id",
      options: TRACE_OPTIONS,
      responses: { 200: "trace" },
      errors: ["bad_id", "not_found", "frame_damaged"],
      check: parseId,
    }),
  ),
  route("POST", "/cas", "stores content and returns its hash", casPost, {
    need: "store",
    body: "content to keep",
    responses: { 200: "hash" },
    errors: ["body_cut_off"],
  }),
  route("GET", "/cas/:hash+", "the content of a hash", cas, {
    need: "read all",
    name: "hash",
    ...CONTENT,
    errors: ["bad_hash", ...CONTENT_ERRORS],
    check: parseHash,
  }),
  route("GET", "/kv", "the entries of the k/v store, or a watch of them", kv.list, {
    need: "keys",
    options: LIST_OPTIONS,
    responses: { 200: "entries" },
    errors: ["bad_key", "value_damaged", "too_many_files"],
  }),
  route("GET", "/kv/:key+", "a value, or a watch of its key", kv.get, {
    need: "key",
    name: "key",
    options: WATCH_OPTIONS,
    headers: ["if-match", "if-none-match"],
    responses: { 200: "value", 304: "known" },
    errors: ["bad_key", "not_found", "value_damaged", "precondition_failed", "too_many_files"],
    check: parseKey,
  }),
  ...(["PUT", "POST"] as const).map((method) =>
    route(method, "/kv/:key+", "stores the body as the value of a key", kv.put, {
      need: "key",
      name: "key",
      headers: WRITE_KEY_HEADERS,
      body: "value",
      responses: { 200: "entry" },
      errors: [...KEY_ERRORS, "body_too_large", "body_cut_off", "bad_header", "too_many_requests"],
      check: isClientKey,
    }),
  ),
  route("DELETE", "/kv/:key+", "removes an entry", kv.delete, {
    need: "key",
    name: "key",
    headers: WRITE_KEY_HEADERS,
    responses: { 204: "removed entry" },
    errors: KEY_ERRORS,
    check: isClientKey,
  }),
  route("POST", "/import", "imports the tar of an export, or frames as NDJSON", importAll, {
    need: "owner",
    options: IMPORT_OPTIONS,
    body: "import",
    responses: { 200: "imported" },
    errors: [
      "bad_frame",
      "bad_topic",
      "bad_id",
      "bad_hash",
      "bad_meta",
      "bad_ttl",
      "bad_key",
      "bad_tar",
      "id_ahead",
      "meta_too_large",
      "too_deep",
      "body_too_large",
      "body_cut_off",
      "too_many_requests",
    ],
  }),
  route("GET", "/export", "everything as one tar", exportStore, {
    need: "owner",
    responses: { 200: "export" },
    errors: ["frame_damaged", "value_damaged", "too_many_requests"],
  }),
  route("GET", "/verify", "checks the whole store", verify, {
    need: "owner",
    options: {
      progress: flag("reports progress"),
      nodes: flag("compares the nodes of a store on several machines instead"),
    },
    responses: { 200: "checked" },
    errors: ["too_many_requests", ...NODES_ERRORS],
  }),
  route("POST", "/gc", "frees content that nothing names", gc, {
    need: "owner",
    options: GC_OPTIONS,
    body: "none",
    responses: { 200: "freed" },
    errors: ["busy"],
  }),
  route("GET", "/-/scheduled", "the appends that are scheduled, first due first", scheduled.list, {
    need: "owner",
    responses: { 200: "schedules" },
  }),
  route("DELETE", "/-/scheduled/:id", "removes an append that is scheduled", scheduled.remove, {
    need: "owner",
    name: "id",
    responses: { 204: "removed" },
    errors: ["bad_id", "not_found"],
    check: parseId,
  }),
  route("GET", "/ps", "the processors that run", ps, {
    need: "processors",
    options: PS_OPTIONS,
    responses: { 200: "processors" },
  }),
  route("GET", "/metrics", "numbers about the server, for Prometheus", metrics, {
    need: "owner",
    responses: { 200: "metrics" },
  }),
  route("GET", "/version", "the version of the server", () => jsonResponse({ version }), {
    need: "any token",
    responses: { 200: "version" },
  }),
  route(
    "GET",
    "/health",
    "ok, as long as the server takes requests",
    () => jsonResponse({ status: "ok" }),
    { need: "any token", responses: { 200: "health" } },
  ),
  route("GET", "/-/topics", "the topics that have frames, by name, with counts", topics, {
    need: "read",
    options: TOPICS_OPTIONS,
    responses: { 200: "topics" },
    errors: ["bad_topic", "frame_damaged"],
  }),
  route("GET", "/-/search", "the frames with some words, the newest first", search, {
    need: "read",
    options: SEARCH_OPTIONS,
    responses: { 200: "found" },
    errors: [
      "bad_query",
      "bad_topic",
      "index_building",
      "busy",
      "too_many_requests",
      "search_too_slow",
    ],
  }),
  route("GET", "/-/histogram", "how many frames there are over time", histogram, {
    need: "read",
    options: HISTOGRAM_OPTIONS,
    responses: { 200: "histogram" },
    errors: ["bad_topic", "frame_damaged"],
  }),
  route("GET", "/-/info", "facts about the store, once all before is durable", info, {
    need: "any token",
    errors: ["frame_damaged"],
    responses: { 200: "info" },
  }),
  route("GET", "/-/nodes", "the nodes of a store on several machines, and its journal", listNodes, {
    need: "owner",
    responses: { 200: "nodes" },
    errors: NODES_ERRORS,
  }),
  route(
    "DELETE",
    "/-/nodes/:name",
    "takes a node that will not come back from the list",
    forgetNode,
    {
      need: "owner",
      name: "node name",
      responses: { 204: "removed" },
      errors: [...NODES_ERRORS, "not_found", "node_present"],
    },
  ),
  route("GET", "/-/check", "whether what a store on several machines stands on is so", checkNodes, {
    need: "owner",
    responses: { 200: "findings" },
    errors: NODES_ERRORS,
  }),
  route("GET", "/-/openapi.json", "this description of the API", () => openapi(ROUTES), {
    need: "any token",
    responses: { 200: "description" },
  }),
  route("GET", "/-/tokens", "the tokens, without what they are", listTokens, {
    need: "owner",
    responses: { 200: "tokens" },
    errors: ["store_damaged"],
  }),
  route("POST", "/-/tokens", "makes a token, and returns it this once", addToken, {
    need: "owner",
    body: "token",
    responses: { 200: "token" },
    errors: [
      "bad_token",
      "token_exists",
      "too_many_tokens",
      "body_too_large",
      "body_cut_off",
      "too_many_requests",
      "store_damaged",
    ],
  }),
  route(
    "DELETE",
    "/-/tokens/:name",
    "removes a token, and ends what goes on with it",
    removeToken,
    {
      need: "owner",
      name: "token name",
      responses: { 204: "removed" },
      errors: ["not_found", "store_damaged"],
    },
  ),
  route("GET", "/-/keep", "the rules of retention", keep.list, {
    need: "owner",
    responses: { 200: "rules" },
    errors: ["value_damaged"],
  }),
  ...(["PUT", "POST"] as const).map((method) =>
    route(method, "/-/keep/:pattern", "sets the rule of retention of a pattern", keep.set, {
      need: "owner",
      name: "topics",
      options: KEEP_OPTIONS,
      body: "none",
      responses: { 200: "rule" },
      errors: ["bad_topic"],
      check: parseTakenTopics,
    }),
  ),
  route("DELETE", "/-/keep/:pattern", "ends the rule of retention of a pattern", keep.end, {
    need: "owner",
    name: "topics",
    responses: { 204: "removed" },
    errors: ["bad_topic", "not_found"],
    check: parseTakenTopics,
  }),
];

/** Paths of cross.stream that xs does not have, each with a replacement. */
export const GONE: Readonly<Record<string, string>> = {
  // Without this, a script posted to /eval would be appended to a topic `eval`.
  "/eval":
    "scripts run where the command is: use  xs eval; the topic eval is written and read at /stream/eval",
};
