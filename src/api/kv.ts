import { quoted, XsError } from "../core/error.ts";
import { MAX_VALUE, parseClientKey, parseKeyPrefix } from "../core/key.ts";
import { parseFollow } from "../core/read-options.ts";
import type { KvScope } from "../store/entry-reader.ts";
import type { KvCondition } from "../store/sqlite/kv/kv.ts";
import { STORED_BYTES } from "./answer-headers.ts";
import { readBody } from "./body.ts";
import type { Call } from "./call.ts";
import { isKnown, revisionsIn } from "./conditions.ts";
import { checkCrowd } from "./crowd.ts";
import { jsonResponse } from "./json-response.ts";
import { linesResponse } from "./line-response.ts";
import { onlyOptions } from "./query.ts";

/** Longest media type of a value. */
const MAX_TYPE = 255;
/** The media type of a value that came without one. */
const UNNAMED = "application/octet-stream";

export const kv = {
  /** The pairs whose keys begin with a prefix, or a watch of them. */
  list(call: Call): Response {
    const query = onlyOptions(call.url, ["prefix", "follow"]);
    return read(call, { prefix: parseKeyPrefix(query.get("prefix") ?? "") });
  },

  /** A value as it was put, or a watch of its key. */
  get(key: string) {
    return async (call: Call): Promise<Response> => {
      const { store, request, url } = call;
      if (onlyOptions(url, ["follow"]).has("follow")) return read(call, { key });
      const pair = await store.kv.get(key);
      if (!pair) throw new XsError("not_found", `there is no key ${quoted(key)}`);
      const validators = { ...STORED_BYTES, etag: `"${pair.rev}"` };
      if (isKnown(request, pair.rev))
        return new Response(null, { status: 304, headers: validators });
      const headers = {
        ...validators,
        // An import may have brought one that says nothing.
        "content-type": pair.type || UNNAMED,
        "content-length": String(pair.value.length),
      };
      return new Response(pair.value as Uint8Array<ArrayBuffer>, { headers });
    };
  },

  /** Stores the body; the revision is the answer's ETag. */
  put(key: string) {
    return async ({ store, request, url, rooms }: Call): Promise<Response> => {
      onlyOptions(url, []);
      parseClientKey(key);
      const type = request.headers.get("content-type") || UNNAMED;
      if (type.length > MAX_TYPE) {
        throw new XsError("bad_header", `the Content-Type is longer than ${MAX_TYPE} bytes`);
      }
      const condition = conditionOf(request);
      const value = await readBody(request, MAX_VALUE, "a value", rooms.bytes);
      const rev = await store.kv.put(key, type, value, condition);
      const response = jsonResponse({ key, rev, size: value.length, type });
      response.headers.set("etag", `"${rev}"`);
      return response;
    };
  },

  /** Removes a pair, if it is there. */
  delete(key: string) {
    return async ({ store, request, url }: Call): Promise<Response> => {
      onlyOptions(url, []);
      parseClientKey(key);
      const rev = await store.kv.delete(key, conditionOf(request));
      return new Response(null, { status: 204, ...(rev && { headers: { etag: `"${rev}"` } }) });
    };
  },
};

function read(call: Call, scope: KvScope): Response {
  const { store, url } = call;
  const options = parseFollow(url.searchParams.get("follow"));
  if (options.follow) checkCrowd(call);
  return linesResponse(
    call,
    () => store.kv.read(scope, options),
    (line) => {
      const { rev, id } = JSON.parse(line) as { rev?: string; id?: string };
      return rev ?? id ?? "";
    },
  );
}

function conditionOf(request: Request): KvCondition {
  const ifMatch = revisionsIn(request, "if-match");
  const ifNoneMatch = revisionsIn(request, "if-none-match");
  return { ...(ifMatch && { ifMatch }), ...(ifNoneMatch && { ifNoneMatch }) };
}
