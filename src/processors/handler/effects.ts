import { checkAt, parseAt } from "../../core/at.ts";
import { XsError } from "../../core/error.ts";
import { encodeMeta } from "../../core/frame.ts";
import { parseMediaType } from "../../core/header.ts";
import { HTTP_RESPONSE } from "../../core/http.ts";
import { parseId } from "../../core/id.ts";
import { isRawNumber, type Json } from "../../core/json.ts";
import { MAX_VALUE, parseClientKey } from "../../core/key.ts";
import { unknownKeys } from "../../core/known-keys.ts";
import { parseClientTopic } from "../../core/topic.ts";
import { FOREVER, parseAskedTtl, type Ttl } from "../../core/ttl.ts";
import { bytesOfText } from "../../core/utf8.ts";
import type { Effect } from "../../sdk/protocol.ts";
import { encodeResponse } from "../../sdk/ts/content.ts";
import { fromBase64, outputOf } from "../child/output.ts";
import type { Subject } from "../lifecycle/answers.ts";

/** What an effect changes in the store, with content that the store has not taken yet. */
export type PlannedChange =
  /** The meta is compact JSON. */
  | {
      append: {
        topic: string;
        ttl: Ttl;
        meta: string;
        content?: Uint8Array | Blob | undefined;
        /** In ms since 1970. Nobody can ask a handler for another time, so it need not fit. */
        at?: number;
        mayBeOver?: true;
      };
    }
  | { put: { key: string; type: string; value: Uint8Array } }
  | { delete: string }
  | { remove: string };

type Meta = { [key: string]: Json };

const RESPONSE_KEYS = ["status", "headers", "body", "more", "body_base64"];

/**
 * Checks an effect of a handler and returns what it changes. The meta of a frame names the handler that made it, and
 * the frame from which the handler made it.
 *
 * @param ttl of the frames NAME.out
 * @param ttlOf returns the ttl of a request: its answer gets the same
 * @throws XsError where the store cannot do what the handler asks for
 */
export function plannedChange(
  { kind, value, frameId = "" }: Effect,
  { name, spawnId }: Subject,
  ttl: Ttl,
  ttlOf: (id: string) => Ttl,
): PlannedChange {
  const origin = { handler_id: spawnId, frame_id: frameId };
  const append = (topic: string, how: Ttl, meta: Meta = {}, content?: Uint8Array | Blob) => ({
    append: { topic, ttl: how, meta: encodeMeta({ ...meta, ...origin }), content },
  });
  switch (kind) {
    case "out":
      return { append: { topic: `${name}.out`, ttl, ...outputOf(value, origin) } };
    case "out_base64":
      return append(`${name}.out`, ttl, {}, fromBase64(value));
    case "out_file":
      return append(`${name}.out`, ttl, {}, Bun.file(textOf(value, "out_file")));
    case "append": {
      const given = objectOf(value, kind, ["topic", "ttl", "meta", "content", "base64", "at"]);
      const topic = parseClientTopic(textOf(given.topic, "the topic of an append"));
      const meta = objectOf(given.meta ?? {}, "meta");
      const usual = () =>
        topic === HTTP_RESPONSE && typeof meta.request_id === "string"
          ? ttlOf(meta.request_id)
          : FOREVER;
      const how = given.ttl === undefined ? usual() : parseAskedTtl(textOf(given.ttl, "ttl"));
      const made = append(topic, how, meta, contentOf(given.content, given.base64));
      if (given.at === undefined) return made;
      const at = parseAt(textOf(given.at, "at"));
      checkAt(topic, how, at);
      return { append: { ...made.append, at, mayBeOver: true } };
    }
    case "response": {
      const { body_base64: base64, ...given } = objectOf(value, kind, RESPONSE_KEYS);
      const how = ttlOf(frameId);
      const response = encodeResponse({ id: frameId, ttl: how.text }, given as XsResponse);
      const content = contentOf(response.content, base64 ?? response.base64);
      return append(response.topic, how, response.meta as Meta, content);
    }
    case "put": {
      const given = objectOf(value, kind, ["key", "value", "base64", "type"]);
      const bytes = contentOf(given.value ?? null, given.base64) ?? Buffer.from("null");
      if (bytes.length > MAX_VALUE) {
        throw new XsError("body_too_large", `a value is at most ${MAX_VALUE} bytes`);
      }
      const isText = typeof given.value === "string";
      const usual = isText ? "text/plain; charset=utf-8" : "application/json";
      const named = given.type === undefined ? usual : given.type;
      const type = parseMediaType(textOf(named, "the type of a put"), "the type of a put");
      const key = parseClientKey(textOf(given.key, "the key of a put"));
      return { put: { key, type, value: bytes } };
    }
    case "delete":
      return { delete: parseClientKey(textOf(value, "delete")) };
    case "remove":
      return { remove: parseId(textOf(value, "remove")) };
  }
}

function objectOf(value: Json, what: string, keys?: readonly string[]): Meta {
  if (typeof value !== "object" || value === null || Array.isArray(value) || isRawNumber(value)) {
    throw new XsError("bad_frame", `${what} is an object`);
  }
  const unknown = keys && unknownKeys(value, keys, what);
  if (unknown === undefined) return value;
  throw new XsError("bad_frame", unknown);
}

function textOf(value: Json | undefined, what: string): string {
  if (typeof value === "string") return value;
  throw new XsError("bad_frame", `${what} is a text`);
}

function contentOf(content: Json | undefined, base64: Json | undefined): Uint8Array | undefined {
  if (base64 !== undefined) return fromBase64(base64);
  if (content === undefined || content === null) return undefined;
  return bytesOfText(typeof content === "string" ? content : JSON.stringify(content), "the text");
}
