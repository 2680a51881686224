import { compareKeys, parseKey, parseKeyPrefix } from "../../../core/key.ts";
import { linesOf } from "../../kit/response-lines.ts";
import { READS, type Tool } from "../tool.ts";

/** The most keys of one answer, and those of one that does not say. */
const MAX_KEYS = 500;
const KEYS = 100;

export const kvListTool: Tool = {
  name: "kv_list",
  title: "List keys",
  description: `Lists keys of the key/value store by name, each with revision, size in bytes and media type. If truncated is true there are more: repeat the call with after set to next.
Examples: {}; {"prefix":"views/"}`,
  inputSchema: {
    type: "object",
    properties: {
      prefix: { type: "string", description: "only keys that begin with this" },
      after: { type: "string", description: "a key: only those behind it" },
      limit: {
        type: "integer",
        minimum: 1,
        most: MAX_KEYS,
        default: KEYS,
        description: `at most so many keys; an answer has ${MAX_KEYS} at most`,
      },
    },
    additionalProperties: false,
  },
  outputSchema: {
    type: "object",
    properties: {
      entries: {
        type: "array",
        items: {
          type: "object",
          properties: {
            key: { type: "string" },
            rev: { type: "string", description: "the revision" },
            size: { type: "integer", description: "bytes of the value" },
            type: { type: "string", description: "the media type" },
          },
          required: ["key", "rev", "size", "type"],
        },
      },
      truncated: { type: "boolean", description: "there are more keys" },
      next: { type: "string", description: "if there are more: the key to pass as after" },
    },
    required: ["entries", "truncated"],
  },
  annotations: READS,
  async run({ prefix: given = "", after: from, limit }, { store, bounds, signal }) {
    const prefix = bounds.sees.narrowedPrefix(parseKeyPrefix(String(given)));
    const after = from === undefined ? undefined : parseKey(String(from));
    return store.use(async (client) => {
      const response = await client.request(`/kv?${new URLSearchParams({ prefix })}`, { signal });
      const entries: { key: string }[] = [];
      for await (const line of linesOf(response)) {
        const { key, rev, size, type } = JSON.parse(line) as Record<string, string>;
        if (key === undefined || (after !== undefined && compareKeys(key, after) <= 0)) continue;
        if (entries.length >= Number(limit)) {
          return { entries, truncated: true, next: entries.at(-1)?.key };
        }
        entries.push({ key, rev, size, type } as { key: string });
      }
      return { entries, truncated: false };
    });
  },
};
