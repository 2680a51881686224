import { parseMediaType, parseRevisions } from "../../../core/header.ts";
import { parseClientKey, parseKey } from "../../../core/key.ts";
import { bytesOfText } from "../../../core/utf8.ts";
import { textIn } from "../../../net/text-body.ts";
import type { Tool } from "../tool.ts";
import { KEY_ARGUMENT } from "./kv-get.ts";

export const kvPutTool: Tool = {
  name: "kv_put",
  title: "Put a value",
  description: `Stores a text as the value of a key, in place of the one before. With expect it does so only if nobody else wrote meanwhile: the revision that kv_get returned, or none if the key must be new. Returns the new revision.
Examples: {"key":"views/count","value":"3"}; {"key":"views/count","value":"4","expect":"03hadtdyn9s2dxl5soli9q9dz"}`,
  inputSchema: {
    type: "object",
    properties: {
      key: KEY_ARGUMENT,
      value: { type: "string", description: "the value, a text of up to 1 MiB" },
      type: { type: "string", description: "the media type. Default: text/plain" },
      expect: { type: "string", description: "a revision, or none: put only if this is so" },
    },
    required: ["key", "value"],
    additionalProperties: false,
  },
  outputSchema: {
    type: "object",
    properties: {
      key: { type: "string" },
      rev: { type: "string", description: "the new revision" },
      size: { type: "integer" },
      type: { type: "string" },
    },
    required: ["key", "rev", "size", "type"],
  },
  annotations: {
    readOnlyHint: false,
    destructiveHint: true,
    idempotentHint: true,
    openWorldHint: false,
  },
  async run({ key: given, value, type = "text/plain", expect }, { store, bounds, signal }) {
    const key = parseClientKey(parseKey(String(given)));
    bounds.writes.checkKey(key);
    const headers = new Headers({ "content-type": parseMediaType(String(type), "type") });
    if (expect !== undefined) {
      // The refusal of a wrong guess tells the present revision.
      bounds.sees.checkKey(key);
      if (expect === "none") headers.set("if-none-match", "*");
      else headers.set("if-match", parseRevisions(String(expect), "expect"));
    }
    const body = bytesOfText(String(value), "value");
    const path = `/kv/${encodeURIComponent(key)}`;
    return store.use(async (client) => {
      const response = await client.request(path, { method: "PUT", headers, body, signal });
      return JSON.parse(await textIn(response)) as object;
    }, true);
  },
};
