import { parseChunkMode } from "../../core/chunk.ts";
import { parseMeta } from "../../core/frame.ts";
import { parseIdempotencyKey } from "../../core/header.ts";
import { parseId } from "../../core/id.ts";
import { parseClientTopic } from "../../core/topic.ts";
import { parseAppendTtl, TTL_FORMS } from "../../core/ttl.ts";
import { readInput } from "../kit/input.ts";
import { printAnswer } from "../kit/response-body.ts";
import { splitTarget } from "../kit/target.ts";
import { flag, parsed, text, UsageError, type Verb } from "../kit/verb.ts";

export const appendVerb: Verb = {
  name: "append",
  summary: "Append an event with the content of stdin",
  positionals: "[ADDR] TOPIC",
  options: {
    meta: text("JSON", "the metadata of the event"),
    ttl: text("TTL", `how long the store keeps it: ${TTL_FORMS}; default forever`),
    chunked: text(
      "MODE",
      "append each piece as it comes: bytes, lines or sse (server-sent events)",
    ),
    batch: flag(
      "append all or none of the JSON lines {topic, meta?, ttl?, content?, hash?}; without TOPIC",
    ),
    "expect-last": text(
      "ID|none",
      "append only if this is the newest frame of the topic (none: it has no frame)",
    ),
    "idempotency-key": text(
      "KEY",
      "append once: the same key, within 24 hours, returns the first answer again",
    ),
    "with-timestamp": flag("add the time to the printed frame"),
  },
  examples: [
    ["echo hi | xs append note", "an event with content"],
    [`xs append ./store door --meta '{"open":true}' </dev/null`, "an event with metadata alone"],
    ["date | xs append tick --ttl last:10", "keep only the newest ten of the topic"],
    ["tail -f app.log | xs append log --chunked lines", "one frame for each line as it comes"],
    ["xs append --batch < frames.jsonl", "many events in one step"],
  ],
  async run({ positionals, options }) {
    const batch = options.has("batch");
    const chunked = options.has("chunked");
    const target = splitTarget(positionals, batch ? 0 : 1, "TOPIC");
    for (const name of batch ? ["meta", "ttl", "chunked", "expect-last"] : []) {
      if (options.has(name)) throw new UsageError(`--${name} does not go with --batch`);
    }
    for (const name of chunked ? ["expect-last", "idempotency-key"] : []) {
      if (options.has(name)) throw new UsageError(`--${name} does not go with --chunked`);
    }
    const query = new URLSearchParams();
    const headers = new Headers();
    const given = (name: string, use: (value: string) => void) => {
      const value = options.get(name);
      if (value !== undefined) use(value);
    };
    const [topic = ""] = target.rest;
    const isRetry = options.has("idempotency-key");
    given("ttl", (ttl) =>
      query.set("ttl", parsed(parseAppendTtl, topic, ttl, isRetry, "local").text),
    );
    given("chunked", (mode) => query.set("chunked", parsed(parseChunkMode, mode, "--chunked ")));
    given("with-timestamp", (on) => query.set("with-timestamp", on));
    // A header cannot carry every character, base64 can.
    const base64 = (text: string) => Buffer.from(text).toString("base64");
    given("meta", (meta) => headers.set("xs-meta", base64(parsed(parseMeta, meta))));
    given("expect-last", (id) =>
      headers.set("xs-expect-last", id === "none" ? id : parsed(parseId, id)),
    );
    given("idempotency-key", (key) =>
      headers.set("idempotency-key", parsed(parseIdempotencyKey, key, "--idempotency-key")),
    );
    const path = batch ? "/stream" : `/stream/${parsed(parseClientTopic, topic)}`;
    // Read first: with no server the client locks the store for as long as it is open.
    const body = chunked ? Bun.stdin.stream() : await readInput();
    const init = { method: "POST", headers, body };
    await printAnswer(target, `${path}?${query}`, init, { create: true });
  },
};
