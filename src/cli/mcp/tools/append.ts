import { XsError } from "../../../core/error.ts";
import { parseMeta } from "../../../core/frame.ts";
import { parseIdempotencyKey } from "../../../core/header.ts";
import { parseClientTopic } from "../../../core/topic.ts";
import { parseAppendTtl } from "../../../core/ttl.ts";
import { bytesOfText } from "../../../core/utf8.ts";
import { textIn } from "../../../net/text-body.ts";
import { FRAME_SCHEMA, frameView } from "../frame-view.ts";
import type { Tool } from "../tool.ts";

export const appendTool: Tool = {
  name: "append",
  title: "Append a frame",
  description: `Appends a frame (event) to the log, for good: nothing here removes it. Give a key, any text of your own, so that a retry of the same call makes no second frame.
Examples: {"topic":"note","content":"buy milk","key":"note-1"}; {"topic":"door","meta":{"open":true}}; kept for a week {"topic":"log","content":"x","ttl":"time:7d"}`,
  inputSchema: {
    type: "object",
    properties: {
      topic: { type: "string", description: "the topic, as in note or build.done" },
      content: { type: "string", description: "the content, a text. Default: none" },
      meta: { description: "metadata: any JSON, usually an object" },
      ttl: {
        type: "string",
        description: "forever (default), ephemeral, time:90s, time:12h, time:7d, until:2026-12-24",
      },
      key: {
        type: "string",
        description:
          "the same key again, within 24 hours, returns the first frame: 1 to 255 visible ASCII characters",
      },
    },
    required: ["topic"],
    additionalProperties: false,
  },
  outputSchema: { type: "object", properties: { frame: FRAME_SCHEMA }, required: ["frame"] },
  annotations: {
    readOnlyHint: false,
    destructiveHint: false,
    idempotentHint: false,
    openWorldHint: false,
  },
  async run({ topic: given, content = "", meta, ttl, key }, { store, bounds, signal }) {
    const topic = parseClientTopic(String(given));
    bounds.writes.checkAppend(topic);
    const headers = new Headers();
    // A header cannot carry every character, base64 can.
    if (meta !== undefined) {
      const json = parseMeta(JSON.stringify(meta));
      headers.set("xs-meta", Buffer.from(json).toString("base64"));
    }
    if (key !== undefined)
      headers.set("idempotency-key", parseIdempotencyKey(String(key), "the key"));
    const query = ttl === undefined ? "" : `?ttl=${ttlOf(topic, String(ttl), key !== undefined)}`;
    const body = bytesOfText(String(content), "content");
    const init = { method: "POST", headers, body, signal };
    return store.use(async (client) => {
      const response = await client.request(`/stream/${topic}${query}`, init);
      return { frame: frameView((await textIn(response)).trimEnd()) };
    }, true);
  },
};

/** @throws XsError `bad_ttl` */
function ttlOf(topic: string, text: string, isRetry: boolean): string {
  const ttl = parseAppendTtl(topic, text, isRetry);
  if (ttl.kind !== "last") return ttl.text;
  throw new XsError(
    "bad_ttl",
    "append removes nothing, and last:n removes earlier frames of the topic: give another ttl, or none",
  );
}
