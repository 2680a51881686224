import { type Body, BYTES, lines } from "./bodies.ts";
import type { ResponseHeaderName } from "./headers.ts";
import { ref } from "./schemas.ts";
import type { Schema } from "./values.ts";

/** A response, as its description has it. */
interface Response extends Pick<Body, "about"> {
  readonly media?: Body["media"];
  /** The headers that mean something to a client, beside `xs-version`. */
  readonly headers?: readonly ResponseHeaderName[];
}

const STREAMED = ["cache-control", "x-accel-buffering"] as const;
const STORED = ["x-content-type-options", "content-security-policy"] as const;
const json = (schema: Schema) => ({ "application/json": schema });
const ndjson = (schema: Schema) => ({ "application/x-ndjson": lines(schema) });
/** Lines, or server-sent events with a line each as their data. */
const events = (schema: Schema) => ({
  ...ndjson(schema),
  "text/event-stream": {
    type: "string",
    description: "events with id and data; the data of each is a line of JSON",
  },
});

/** What the response to a request that succeeds may be. */
export const RESPONSES = {
  frame: { about: "the frame", media: json(ref("Frame")) },
  frames: {
    about: "the frames",
    media: events(ref("Frame")),
    headers: [...STREAMED, "x-content-type-options"],
  },
  trace: {
    about: "the frames, nearest first",
    media: events(ref("TracedFrame")),
    headers: [...STREAMED, "x-content-type-options"],
  },
  "frame or frames": {
    about: "the frame; with a number, or followed, the frames",
    media: { ...json(ref("Frame")), ...events(ref("Frame")) },
  },
  appended: {
    about: "the frame; chunked, a line for each chunk as soon as it is durable",
    media: { ...json(ref("Frame")), ...ndjson(ref("Frame")) },
  },
  "to append": {
    about: "the append is kept until it is due",
    media: json(ref("Scheduled")),
    headers: ["xs-scheduled", "xs-due"],
  },
  "appended batch": {
    about: "a line for each of the batch: its frame, or the append that is kept until it is due",
    media: ndjson({ anyOf: [ref("Frame"), ref("Scheduled")] }),
    headers: ["xs-scheduled", "xs-due"],
  },
  "batch to append": {
    about: "all of the batch is kept until it is due",
    media: ndjson(ref("Scheduled")),
    headers: ["xs-scheduled", "xs-due"],
  },
  removed: { about: "it is not there any more" },
  "removed entry": {
    about: "the entry is not there any more; the ETag is the revision of its deletion",
    headers: ["etag"],
  },
  forgotten: {
    about: "how far it is, and the counts in the last line",
    media: ndjson(ref("Forgotten")),
    headers: STREAMED,
  },
  content: {
    about: "the content",
    media: { "application/octet-stream": BYTES },
    headers: [...STORED, "etag", "accept-ranges"],
  },
  "part of content": {
    about: "the range of the content",
    media: { "application/octet-stream": BYTES },
    headers: [...STORED, "etag", "accept-ranges", "content-range"],
  },
  known: { about: "the client has this version", headers: [...STORED, "etag"] },
  hash: {
    about: "the hash of the content",
    media: { "text/plain": { type: "string", pattern: "^sha256-[A-Za-z0-9+/]{43}=$" } },
  },
  entries: {
    about: "the entries in the order of their keys; followed, then each change",
    media: events({ anyOf: [ref("Entry"), ref("Change")] }),
    headers: [...STREAMED, "x-content-type-options"],
  },
  value: {
    about: "the value with its media type; followed, the entry and then each change",
    media: { "*/*": BYTES },
    headers: [...STORED, "etag", "xs-by"],
  },
  entry: { about: "the entry", media: json(ref("Entry")), headers: ["etag"] },
  imported: {
    about: "the counts; for one frame, that frame",
    media: json({ anyOf: [ref("Imported"), ref("Frame")] }),
    headers: ["xs-import"],
  },
  export: {
    about: "the store as a tar",
    media: { "application/x-tar": BYTES },
    headers: [...STORED, ...STREAMED, "xs-frames", "xs-pairs"],
  },
  checked: {
    about: "a line for each problem, and the counts in the last line",
    media: ndjson(ref("Checked")),
    headers: STREAMED,
  },
  freed: {
    about: "what was freed; with compact, a line before and one after",
    media: { ...json(ref("Freed")), ...ndjson(ref("Compacted")) },
  },
  schedules: {
    about: "the appends, in the order in which they are due",
    media: events(ref("Schedule")),
    headers: [...STREAMED, "x-content-type-options"],
  },
  processors: {
    about: "a line for each processor",
    media: ndjson(ref("RunningProcessor")),
    headers: ["cache-control"],
  },
  metrics: { about: "the text format of Prometheus", media: { "text/plain": { type: "string" } } },
  version: { about: "the version", media: json(ref("Version")) },
  health: { about: "the server takes requests", media: json(ref("Health")) },
  topics: {
    about: "a line for each topic, by name",
    media: events(ref("Topic")),
    headers: [...STREAMED, "x-content-type-options"],
  },
  found: {
    about: "the frames, each with a piece of the text in which the words are",
    media: ndjson(ref("FoundFrame")),
    headers: [...STREAMED, "x-content-type-options"],
  },
  histogram: { about: "the counts", media: json(ref("Histogram")), headers: ["cache-control"] },
  info: { about: "the facts", media: json(ref("Info")), headers: ["cache-control"] },
  tokens: {
    about: "a line for each token, by name",
    media: ndjson(ref("Token")),
    headers: ["cache-control"],
  },
  nodes: {
    about: "a line for each node, by name, then one for the journal",
    media: ndjson(ref("Node")),
    headers: ["cache-control"],
  },
  findings: {
    about: "a line for each thing that was looked at",
    media: ndjson(ref("Finding")),
    headers: ["cache-control"],
  },
  token: { about: "the token", media: json(ref("NewToken")), headers: ["cache-control"] },
  rules: { about: "a line for each rule, by pattern", media: ndjson(ref("Rule")) },
  rule: { about: "the rule", media: json(ref("AppliedRule")) },
  description: {
    about: "the description",
    media: json({ type: "object", required: ["openapi", "info", "paths"] }),
  },
} as const satisfies Record<string, Response>;

/** The name of such a response. */
export type ResponseName = keyof typeof RESPONSES;
