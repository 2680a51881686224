import { parseChunkMode } from "../../core/chunk.ts";
import { parseMeta } from "../../core/frame.ts";
import { parseIdempotencyKey } from "../../core/header.ts";
import { HTTP_RESPONSE } from "../../core/http.ts";
import { parseId } from "../../core/id.ts";
import { parseClientTopic } from "../../core/topic.ts";
import { parseAskedTtl, parseNewTtl, TTL_FORMS } from "../../core/ttl.ts";
import { readInput } from "../kit/input.ts";
import { pipeOut } from "../kit/output.ts";
import { splitTarget, withClient } from "../kit/target.ts";
import { parsed, UsageError, type Verb } from "../kit/verb.ts";

export const append: Verb = {
  name: "append",
  summary: "Append an event; its content is read from stdin",
  positionals: "[ADDR] TOPIC",
  options: {
    meta: { type: "string", valueHint: "JSON", description: "metadata of the event" },
    ttl: {
      type: "string",
      valueHint: "TTL",
      description: `${TTL_FORMS}; forever is the default`,
    },
    chunked: {
      type: "string",
      valueHint: "MODE",
      description: "a frame for each piece as it comes: bytes, lines or sse (server-sent events)",
    },
    batch: {
      type: "boolean",
      description:
        "no TOPIC; stdin is JSON lines {topic, meta?, ttl?, content?, hash?}, all or none",
    },
    "expect-last": {
      type: "string",
      valueHint: "ID|none",
      description: "only if this is the newest frame of the topic",
    },
    "idempotency-key": {
      type: "string",
      valueHint: "KEY",
      description: "the same key again, within 24 hours, gives the first answer again",
    },
    "with-timestamp": { type: "boolean", description: "add the time to the frame printed" },
  },
  examples: [
    ["echo hi | xs append note", "an event with content"],
    [`xs append ./store door --meta '{"open":true}' </dev/null`, "one with metadata alone"],
    ["date | xs append tick --ttl last:10", "keep only the ten newest of the topic"],
    ["tail -f app.log | xs append log --chunked lines", "a frame for every line as it comes"],
    ["xs append --batch < frames.jsonl", "many in one step"],
  ],
  async run({ positionals, options }) {
    const batch = options.has("batch");
    const target = splitTarget(positionals, batch ? 0 : 1, "TOPIC");
    const query = new URLSearchParams();
    const headers = new Headers();
    if (batch) {
      for (const name of ["meta", "ttl", "chunked", "expect-last"]) {
        if (options.has(name)) throw new UsageError(`--${name} does not go with --batch`);
      }
    } else {
      const ttl = options.get("ttl");
      // The answer to a retry may be known, and one to a request is kept as long as that.
      const mayBeOver = options.has("idempotency-key") || target.rest[0] === HTTP_RESPONSE;
      const parse = mayBeOver ? parseAskedTtl : parseNewTtl;
      if (ttl !== undefined) query.set("ttl", parsed(() => parse(ttl, "local")).text);
      const meta = options.get("meta");
      if (meta !== undefined) {
        // A header cannot carry every character, base64 can.
        headers.set("xs-meta", Buffer.from(parsed(() => parseMeta(meta))).toString("base64"));
      }
    }
    if (options.has("with-timestamp")) query.set("with-timestamp", "true");
    const expected = options.get("expect-last");
    if (expected !== undefined) {
      headers.set(
        "xs-expect-last",
        expected === "none" ? expected : parsed(() => parseId(expected)),
      );
    }
    const key = options.get("idempotency-key");
    if (key !== undefined) {
      headers.set(
        "idempotency-key",
        parsed(() => parseIdempotencyKey(key, "--idempotency-key")),
      );
    }
    const mode = options.get("chunked");
    if (mode !== undefined) {
      query.set(
        "chunked",
        parsed(() => parseChunkMode(mode, "--chunked ")),
      );
      for (const name of ["expect-last", "idempotency-key"]) {
        if (options.has(name)) throw new UsageError(`--${name} does not go with --chunked`);
      }
    }
    const topic = batch ? undefined : parsed(() => parseClientTopic(target.rest[0] ?? ""));
    const path = topic === undefined ? "/stream" : `/stream/${topic}`;
    // Read before the store is opened: with no server it is locked for as long as it is open.
    const body = mode === undefined ? await readInput() : Bun.stdin.stream();
    await withClient(target, { create: true }, async (client) => {
      await pipeOut(await client.request(`${path}?${query}`, { method: "POST", headers, body }));
    });
  },
};
