import { parseHash } from "../core/hash.ts";
import { parseId } from "../core/id.ts";
import { parseClientKey, parseKey } from "../core/key.ts";
import { parseTopicFilter } from "../core/pattern.ts";
import { parseClientTopic } from "../core/topic.ts";
import { APPEND_OPTIONS, append } from "./append.ts";
import { appendBatch } from "./batch.ts";
import { cas } from "./cas.ts";
import { casPost } from "./cas-post.ts";
import { cat, catTopic, READ_OPTIONS } from "./cat.ts";
import { content } from "./content.ts";
import { exportStore } from "./export.ts";
import { FIRST_OPTIONS, LAST_OPTIONS, readEnd } from "./first-last.ts";
import { TIMESTAMP } from "./frame-response.ts";
import { gc } from "./gc.ts";
import { get } from "./get.ts";
import { health } from "./health.ts";
import { importAll } from "./import.ts";
import { kv, LIST_OPTIONS, WATCH_OPTIONS } from "./kv.ts";
import { metrics } from "./metrics.ts";
import { NEIGHBOUR_OPTIONS, neighbour } from "./neighbours.ts";
import { flag } from "./options.ts";
import { ps } from "./ps.ts";
import { remove } from "./remove.ts";
import { type Route, route } from "./route.ts";
import { verify } from "./verify.ts";
import { versionResponse } from "./version.ts";

const NONE = {};
/** The errors of an append. */
const APPEND_ERRORS = [
  "bad_topic",
  "reserved_topic",
  "bad_ttl",
  "bad_meta",
  "too_deep",
  "meta_too_large",
  "bad_header",
  "expect_last_failed",
  "idempotency_key_reused",
  "body_cut_off",
] as const;
const READ_ERRORS = ["bad_id", "bad_topic", "frame_damaged", "too_many_files"] as const;
const KEY_ERRORS = ["bad_key", "reserved_key", "precondition_failed"] as const;
const CONTENT_ERRORS = [
  "content_not_found",
  "content_damaged",
  "range_not_satisfiable",
  "precondition_failed",
] as const;

// A topic never begins with a digit; ids begin with one for a long time to come.
const isTopic = (name: string) => !/^[0-9][0-9a-z]{24}$/i.test(name);
const isClientKey = (name: string) => parseClientKey(parseKey(name));
const isFilter = (name: string) => name !== "" && parseTopicFilter(name);

/**
 * All routes of the API. The first segments of these paths are frozen, because every other first segment is a
 * topic. New routes go below `/-/`, which cannot be a topic.
 */
export const ROUTES: readonly Route[] = [
  route({
    method: "GET",
    path: "/",
    options: READ_OPTIONS,
    errors: READ_ERRORS,
    about: "reads the stream",
    answer: cat,
  }),
  route({
    method: "POST",
    path: "/stream",
    options: { "with-timestamp": TIMESTAMP },
    errors: [...APPEND_ERRORS, "bad_batch", "body_too_large", "content_not_found"],
    about: "appends a batch of frames in one step",
    answer: appendBatch,
  }),
  route({
    method: "GET",
    path: "/stream/:topic",
    options: READ_OPTIONS,
    errors: READ_ERRORS,
    about: "reads the frames of a topic",
    check: parseTopicFilter,
    answer: catTopic,
  }),
  ...["/stream/:topic", "/append/:topic"].map((path) =>
    route({
      method: "POST",
      path,
      options: APPEND_OPTIONS,
      errors: APPEND_ERRORS,
      about: "appends a frame; the body is its content",
      check: parseClientTopic,
      answer: append,
    }),
  ),
  ...["/first", "/first/:topic"].map((path) =>
    route({
      method: "GET",
      path,
      options: FIRST_OPTIONS,
      errors: [...READ_ERRORS, "not_found"],
      about: "the oldest frame, or several, of the stream or of topics",
      check: isFilter,
      answer: readEnd("first"),
    }),
  ),
  ...["/last", "/last/:topic"].map((path) =>
    route({
      method: "GET",
      path,
      options: LAST_OPTIONS,
      errors: [...READ_ERRORS, "not_found"],
      about: "the newest frame, or several, of the stream or of topics",
      check: isFilter,
      answer: readEnd("last"),
    }),
  ),
  route({
    method: "GET",
    path: "/:id",
    options: { "with-timestamp": TIMESTAMP },
    errors: ["bad_id", "not_found", "frame_damaged"],
    about: "one frame",
    check: parseId,
    answer: get,
  }),
  route({
    method: "DELETE",
    path: "/:id",
    options: NONE,
    errors: ["bad_id"],
    about: "removes a frame",
    check: parseId,
    answer: remove,
  }),
  route({
    method: "POST",
    path: "/:topic",
    options: APPEND_OPTIONS,
    errors: APPEND_ERRORS,
    about: "appends a frame; the body is its content",
    applies: isTopic,
    check: parseClientTopic,
    answer: append,
  }),
  ...(["next", "previous"] as const).map((direction) =>
    route({
      method: "GET",
      path: `/:id/${direction}`,
      options: NEIGHBOUR_OPTIONS,
      errors: ["bad_id", "bad_topic", "not_found", "frame_damaged"],
      about: `the ${direction} frame, in the stream or of topics`,
      check: parseId,
      answer: neighbour(direction),
    }),
  ),
  route({
    method: "GET",
    path: "/:id/content",
    options: NONE,
    errors: ["bad_id", "not_found", ...CONTENT_ERRORS],
    about: "the content of a frame; a chunked one is followed to its end",
    check: parseId,
    answer: content,
  }),
  route({
    method: "POST",
    path: "/cas",
    options: NONE,
    errors: ["body_cut_off"],
    about: "stores content and returns its hash",
    answer: casPost,
  }),
  route({
    method: "GET",
    path: "/cas/:hash+",
    options: NONE,
    errors: ["bad_hash", ...CONTENT_ERRORS],
    about: "the content of a hash",
    check: parseHash,
    answer: cas,
  }),
  route({
    method: "GET",
    path: "/kv",
    options: LIST_OPTIONS,
    errors: ["bad_key", "value_damaged", "too_many_files"],
    about: "the entries of the k/v store, or a watch of them",
    answer: kv.list,
  }),
  route({
    method: "GET",
    path: "/kv/:key+",
    options: WATCH_OPTIONS,
    errors: ["bad_key", "not_found", "value_damaged", "precondition_failed", "too_many_files"],
    about: "a value, or a watch of its key",
    check: parseKey,
    answer: kv.get,
  }),
  ...(["PUT", "POST"] as const).map((method) =>
    route({
      method,
      path: "/kv/:key+",
      options: NONE,
      errors: [...KEY_ERRORS, "body_too_large", "body_cut_off", "bad_header"],
      about: "stores the body as the value of a key",
      check: isClientKey,
      answer: kv.put,
    }),
  ),
  route({
    method: "DELETE",
    path: "/kv/:key+",
    options: NONE,
    errors: KEY_ERRORS,
    about: "removes an entry",
    check: isClientKey,
    answer: kv.delete,
  }),
  route({
    method: "POST",
    path: "/import",
    options: {
      ahead: flag("accepts ids that are far ahead of the clock"),
      "no-processors": flag("omits spawns"),
    },
    errors: ["bad_frame", "bad_tar", "id_ahead", "meta_too_large", "too_deep", "body_cut_off"],
    about: "imports the tar of an export, or frames as NDJSON",
    answer: importAll,
  }),
  route({
    method: "GET",
    path: "/export",
    options: NONE,
    errors: ["frame_damaged", "value_damaged", "too_many_requests"],
    about: "everything as one tar",
    answer: exportStore,
  }),
  route({
    method: "GET",
    path: "/verify",
    options: { progress: flag("reports progress") },
    errors: ["too_many_requests"],
    about: "checks the whole store",
    answer: verify,
  }),
  route({
    method: "POST",
    path: "/gc",
    options: { "dry-run": flag("only reports what it would free") },
    errors: ["busy"],
    about: "frees content that nothing names",
    answer: gc,
  }),
  route({
    method: "GET",
    path: "/ps",
    options: NONE,
    errors: [],
    about: "the processors that run",
    answer: ps,
  }),
  route({
    method: "GET",
    path: "/metrics",
    options: NONE,
    errors: [],
    about: "numbers about the server, for Prometheus",
    answer: metrics,
  }),
  route({
    method: "GET",
    path: "/version",
    options: NONE,
    errors: [],
    about: "the version of the server",
    answer: versionResponse,
  }),
  route({
    method: "GET",
    path: "/health",
    options: NONE,
    errors: [],
    about: "ok, as long as the server takes requests",
    answer: health,
  }),
];

/** Paths of cross.stream that xs does not have, each with a replacement. */
export const GONE: Readonly<Record<string, string>> = {
  // Without this, a script posted to /eval would be appended to a topic `eval`.
  "/eval":
    "scripts run where the command is: use  xs eval; the topic eval is written and read at /stream/eval",
};
