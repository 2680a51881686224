import { XsError } from "../../../core/error.ts";
import { parseKey } from "../../../core/key.ts";
import { bytesIn } from "../../../net/text-body.ts";
import { ONE_CONTENT, partView } from "../frame-view.ts";
import { READS, type Tool, UNTRUSTED } from "../tool.ts";

/** The argument that names a key. */
export const KEY_ARGUMENT = {
  type: "string",
  description: "the key, as kv_list has it: views/count",
} as const;

export const kvGetTool: Tool = {
  name: "kv_get",
  title: "Get a value",
  description: `Returns the value of a key of the key/value store, with its media type and revision. A long value is cut: call again with offset set to value_next. ${UNTRUSTED}
Example: {"key":"views/count"}`,
  inputSchema: {
    type: "object",
    properties: {
      key: KEY_ARGUMENT,
      offset: {
        type: "integer",
        minimum: 0,
        default: 0,
        description: "the byte of the value at which to begin",
      },
    },
    required: ["key"],
    additionalProperties: false,
  },
  outputSchema: {
    type: "object",
    properties: {
      key: { type: "string" },
      rev: { type: "string", description: "the revision: expect of kv_put takes it" },
      type: { type: "string", description: "the media type" },
      size: { type: "integer", description: "bytes of the whole value" },
      value: { type: "string", description: "the value, or as much of it as fits" },
      value_next: { type: "integer", description: "there is more: the offset of the next part" },
      binary: { type: "boolean", description: "the value is no text, so it is not here" },
    },
    required: ["key", "rev", "type", "size"],
  },
  annotations: READS,
  async run({ key: given, offset: from }, { store, bounds, signal }) {
    const key = parseKey(String(given));
    bounds.sees.checkKey(key);
    const offset = Number(from);
    return store.use(async (client) => {
      const response = await client.request(`/kv/${encodeURIComponent(key)}`, { signal });
      const value = await bytesIn(response);
      const size = value.length;
      if (offset > size) {
        throw new XsError(
          "range_not_satisfiable",
          `the value has ${size} bytes, and no byte ${offset}`,
        );
      }
      const part = partView(value.subarray(offset), offset, size, ONE_CONTENT);
      return {
        key,
        rev: (response.headers.get("etag") ?? "").replaceAll('"', ""),
        type: response.headers.get("content-type") ?? "",
        size,
        ...("content" in part && { value: part.content }),
        ...(part.content_next !== undefined && { value_next: part.content_next }),
        ...(part.binary && { binary: true }),
      };
    });
  },
};
