import { XsError } from "../frame/error.ts";
import { parseMeta } from "../frame/frame.ts";
import { parseClientTopic } from "../frame/topic.ts";
import { FOREVER, parseTtl } from "../frame/ttl.ts";
import type { Call } from "./api.ts";
import { takeBody } from "./body.ts";
import { frameResponse } from "./frame.ts";
import { isOn, onlyOptions } from "./query.ts";

/** Appends one frame; the body is its content. */
export function append(name: string) {
  return async ({ store, request, url }: Call): Promise<Response> => {
    const topic = parseClientTopic(name);
    const query = onlyOptions(url, ["ttl", "with-timestamp"]);
    const ttl = query.get("ttl");
    const header = request.headers.get("xs-meta");
    const write = {
      topic,
      ttl: ttl === null ? FOREVER : parseTtl(ttl),
      meta: header === null ? "null" : parseMeta(utf8(header)),
    };
    const timestamp = isOn(query, "with-timestamp");
    const content = await takeBody(store, request, write.ttl.kind === "ephemeral");
    return frameResponse(await store.append({ ...write, content }), timestamp);
  };
}

/** A header's bytes arrive as Latin-1; ours are UTF-8. */
function utf8(header: string): string {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(Buffer.from(header, "latin1"));
  } catch {
    throw new XsError("bad_meta", "the xs-meta header is not UTF-8; send it as base64 of JSON");
  }
}
