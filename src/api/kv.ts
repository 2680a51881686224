import { quoted, XsError } from "../core/error.ts";
import { MAX_VALUE, parseClientKey, parseKey, parseKeyPrefix } from "../core/key.ts";
import { parseFollow } from "../core/read-options.ts";
import type { KvCondition, KvScope } from "../store/kv.ts";
import { STORED_BYTES } from "./answer-headers.ts";
import { readBody } from "./body.ts";
import type { Call } from "./call.ts";
import { isKnown, revisionsIn } from "./conditions.ts";
import { jsonResponse } from "./json-response.ts";
import { checkCrowd } from "./lasting-answer.ts";
import { linesResponse } from "./line-response.ts";
import { flag, text, type Values, value } from "./options.ts";
import { retryKeyOf } from "./retry-key.ts";

/** The longest media type of a value, in bytes. */
const MAX_TYPE = 255;
/** The media type of a value that came without one. */
const UNNAMED = "application/octet-stream";

export const WATCH_OPTIONS = {
  follow: text(
    "present entries, then each change; a number is the interval of a heartbeat in ms",
    "follow",
  ),
};
export const LIST_OPTIONS = {
  prefix: value("only keys that begin with this", "prefix", parseKeyPrefix),
  ...WATCH_OPTIONS,
  "without-values": flag("with follow: the entries and changes without their values"),
};

export const kv = {
  /** Responds with the entries whose keys begin with a prefix, or with a watch of them. */
  list(call: Call, options: Values<typeof LIST_OPTIONS>): Response {
    const { prefix = "", follow, "without-values": withoutValues } = options;
    return read(call, { prefix }, follow, withoutValues);
  },

  /** Responds with a value as it was put, or with a watch of its key. */
  async get(call: Call, { follow }: Values<typeof WATCH_OPTIONS>, name: string): Promise<Response> {
    const { store, request } = call;
    const key = parseKey(name);
    if (follow !== undefined) return read(call, { key }, follow);
    const entry = await store.kv.get(key);
    if (!entry) throw new XsError("not_found", `there is no key ${quoted(key)}`);
    const validators = { ...STORED_BYTES, etag: `"${entry.rev}"` };
    if (isKnown(request, entry.rev))
      return new Response(null, { status: 304, headers: validators });
    const headers = {
      ...validators,
      // An imported entry may have an empty type.
      "content-type": entry.type || UNNAMED,
      "content-length": String(entry.value.length),
      ...(entry.writer !== null && { "xs-by": entry.writer }),
    };
    return new Response(entry.value as Uint8Array<ArrayBuffer>, { headers });
  },

  /** Stores the body as a value; the ETag of the response is its revision. */
  async put(call: Call, _: object, name: string): Promise<Response> {
    const { store, request, access, rooms } = call;
    const key = parseClientKey(parseKey(name));
    const type = request.headers.get("content-type") || UNNAMED;
    if (type.length > MAX_TYPE) {
      throw new XsError("bad_header", `the Content-Type is longer than ${MAX_TYPE} bytes`);
    }
    const condition = conditionOf(call);
    const value = await readBody(request, MAX_VALUE, "a value", rooms.bytesOf(access));
    const rev = await store.kv.put(key, type, value, condition);
    const response = jsonResponse({ key, rev, size: value.length, type });
    response.headers.set("etag", `"${rev}"`);
    return response;
  },

  /** Removes an entry, if it exists. */
  async delete(call: Call, _: object, name: string): Promise<Response> {
    const key = parseClientKey(parseKey(name));
    const rev = await call.store.kv.delete(key, conditionOf(call));
    return new Response(null, { status: 204, ...(rev && { headers: { etag: `"${rev}"` } }) });
  },
};

function read(
  call: Call,
  scope: KvScope,
  follow: string | undefined,
  withoutValues = false,
): Response {
  const { store } = call;
  const options = { ...parseFollow(follow ?? null), withoutValues };
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

function conditionOf(call: Call): KvCondition {
  const ifMatch = revisionsIn(call.request, "if-match");
  const ifNoneMatch = revisionsIn(call.request, "if-none-match");
  const idempotencyKey = retryKeyOf(call);
  return {
    ...(ifMatch && { ifMatch }),
    ...(ifNoneMatch && { ifNoneMatch }),
    ...(idempotencyKey !== undefined && { idempotencyKey }),
  };
}
