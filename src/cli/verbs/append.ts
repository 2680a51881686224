import { parseChunkMode } from "../../core/chunk.ts";
import { parseMeta } from "../../core/frame.ts";
import { parseIdempotencyKey } from "../../core/header.ts";
import { HTTP_RESPONSE } from "../../core/http.ts";
import { parseId } from "../../core/id.ts";
import { parseClientTopic } from "../../core/topic.ts";
import { parseAskedTtl, parseNewTtl, TTL_FORMS } from "../../core/ttl.ts";
import { readInput } from "../kit/input.ts";
import { pipeOut } from "../kit/response-body.ts";
import { splitTarget, withClient } from "../kit/target.ts";
import { parsed, UsageError, type Verb } from "../kit/verb.ts";

export const appendVerb: Verb = {
  name: "append",
  summary: "Append an event with the content of stdin",
  positionals: "[ADDR] TOPIC",
  options: {
    meta: { type: "string", valueHint: "JSON", description: "the metadata of the event" },
    ttl: {
      type: "string",
      valueHint: "TTL",
      description: `how long the store keeps it: ${TTL_FORMS}; default forever`,
    },
    chunked: {
      type: "string",
      valueHint: "MODE",
      description: "append each piece as it comes: bytes, lines or sse (server-sent events)",
    },
    batch: {
      type: "boolean",
      description:
        "append all or none of the JSON lines {topic, meta?, ttl?, content?, hash?}; without TOPIC",
    },
    "expect-last": {
      type: "string",
      valueHint: "ID|none",
      description: "append only if this is the newest frame of the topic (none: it has no frame)",
    },
    "idempotency-key": {
      type: "string",
      valueHint: "KEY",
      description: "append once: the same key, within 24 hours, returns the first answer again",
    },
    "with-timestamp": { type: "boolean", description: "add the time to the printed frame" },
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
    const target = splitTarget(positionals, batch ? 0 : 1, "TOPIC");
    const query = new URLSearchParams();
    const headers = new Headers();
    if (batch) {
      for (const name of ["meta", "ttl", "chunked", "expect-last"]) {
        if (options.has(name)) throw new UsageError(`--${name} does not go with --batch`);
      }
    } else {
      const ttl = options.get("ttl");
      // A time that is over is no error for a retry, whose answer may be known, nor for an answer to a
      // request, which has the ttl of the request.
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
    // Read first: with no server the client locks the store for as long as it is open.
    const body = mode === undefined ? await readInput() : Bun.stdin.stream();
    await withClient(target, { create: true }, async (client) => {
      await pipeOut(await client.request(`${path}?${query}`, { method: "POST", headers, body }));
    });
  },
};
