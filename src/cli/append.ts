import { parseMeta } from "../frame/frame.ts";
import { parseClientTopic } from "../frame/topic.ts";
import { parseTtl } from "../frame/ttl.ts";
import { readInput } from "./input.ts";
import { pipeOut } from "./output.ts";
import { splitTarget, withClient } from "./target.ts";
import { parsed, type Verb } from "./verb.ts";

export const append: Verb = {
  name: "append",
  summary: "Append an event; its content is read from stdin",
  positionals: "[ADDR] TOPIC",
  options: {
    meta: { type: "string", valueHint: "JSON", description: "metadata of the event" },
    ttl: {
      type: "string",
      valueHint: "TTL",
      description: "forever (default), ephemeral, time:<ms> or last:<n>",
    },
    "with-timestamp": { type: "boolean", description: "add the time to the frame printed" },
  },
  examples: [
    ["echo hi | xs append note", "an event with content"],
    [`xs append ./store door --meta '{"open":true}' </dev/null`, "one with metadata alone"],
    ["date | xs append tick --ttl last:10", "keep only the ten newest of the topic"],
  ],
  async run({ positionals, options }) {
    const target = splitTarget(positionals, 1, "TOPIC");
    const topic = parsed(() => parseClientTopic(target.rest[0] ?? ""));
    const query = new URLSearchParams();
    const ttl = options.get("ttl");
    if (ttl !== undefined) query.set("ttl", parsed(() => parseTtl(ttl)).text);
    if (options.has("with-timestamp")) query.set("with-timestamp", "true");
    const headers = new Headers();
    const meta = options.get("meta");
    if (meta !== undefined) {
      // A header cannot carry every character, base64 can.
      headers.set("xs-meta", Buffer.from(parsed(() => parseMeta(meta))).toString("base64"));
    }
    // Read before the store is opened: with no server it is locked for as long as it is open.
    const body = await readInput();
    await withClient(target, { create: true }, async (client) => {
      const path = `/stream/${topic}?${query}`;
      await pipeOut(await client.request(path, { method: "POST", headers, body }));
    });
  },
};
