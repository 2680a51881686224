import { checkContext, hashOfCrossStream, ttlOfCrossStream } from "./cross-stream.ts";
import { quoted, XsError } from "./error.ts";
import { hashOf } from "./hash.ts";
import { parseId, timestampOf } from "./id.ts";
import { checkInline, decodeInline, INLINE_KEYS } from "./inline-content.ts";
import {
  compactJson,
  isDeeperThan,
  isRawNumber,
  type Json,
  MAX_DEPTH,
  memberText,
  parseJson,
  tooDeep,
} from "./json.ts";
import { parseTopic } from "./topic.ts";
import { parseTtl } from "./ttl.ts";

/** One event. Its JSON always has all these keys, in this order. */
export interface Frame {
  topic: string;
  id: string;
  /** The content's hash; null for a frame without content. */
  hash: string | null;
  meta: Json;
  ttl: string;
}

/** A frame as a read with `content=inline` returns it. */
export interface InlinedFrame extends Frame {
  /** The content, where it is UTF-8. */
  readonly content?: string;
  readonly content_base64?: string;
  /** The size of content that is too large to come with its frame. */
  readonly content_size?: number;
  /** The code of the error where the content cannot be read. */
  readonly content_error?: string;
}

/** A frame before the store assigns its id. */
export type FrameFields = Omit<Frame, "id" | "meta"> & {
  /** The meta as JSON text. */
  meta: string;
};

const LF = 10;

/** The largest meta, in bytes of JSON. */
export const MAX_META = 64 * 1024;

/** Encodes a frame as the line of JSON that the store keeps and the API serves. */
export function encodeFrame(id: string, { topic, hash, meta, ttl }: FrameFields): string {
  // Topic, id, hash and ttl hold no character that JSON escapes.
  const quoted = hash === null ? "null" : `"${hash}"`;
  return `{"topic":"${topic}","id":"${id}","hash":${quoted},"meta":${meta},"ttl":"${ttl}"}`;
}

/** Encodes a frame that a reader makes for its client alone, such as the threshold. */
export function encodeSynthetic(id: string, topic: string): string {
  return encodeFrame(id, { topic, hash: null, meta: "null", ttl: "ephemeral" });
}

/** Joins lines to a page of NDJSON, which {@link linesIn} splits again. */
export function pageOf(lines: readonly string[]): Uint8Array<ArrayBuffer> {
  return Buffer.from(`${lines.join("\n")}\n`);
}

/** Splits a page of NDJSON, as a read returns it, into lines. */
export function linesIn(ndjson: Uint8Array): string[] {
  return new TextDecoder().decode(ndjson).trimEnd().split("\n");
}

/** Parses the frames of such a page. */
export function framesIn(ndjson: Uint8Array): Frame[] {
  return linesIn(ndjson).map((line) => JSON.parse(line) as Frame);
}

/** The id of the last frame in such a page; only that line is decoded. */
export function lastIdIn(ndjson: Uint8Array): string {
  const start = ndjson.lastIndexOf(LF, ndjson.length - 2) + 1;
  return idInLine(new TextDecoder().decode(ndjson.subarray(start)));
}

/** The id in an encoded frame, found without parsing: a topic holds no character that JSON escapes. */
export function idInLine(line: string): string {
  const at = line.indexOf('","id":"') + 8;
  return line.slice(at, at + 25);
}

/** The hash in an encoded frame, found without parsing; null for a frame without content. */
export function hashInLine(line: string): string | null {
  const at = line.indexOf('","id":"') + 42;
  return line[at] === '"' ? line.slice(at + 1, at + 52) : null;
}

/** Adds the key `timestamp` to an encoded frame: the time in its id, in RFC 3339, UTC, with milliseconds. */
export function withTimestamp(line: string): string {
  const time = new Date(timestampOf(idInLine(line))).toISOString();
  return `${line.slice(0, -1)},"timestamp":"${time}"}`;
}

/**
 * Parses meta and returns it as compact JSON, with each number as it was sent. Text that is not JSON is
 * read as base64 of JSON, so that a header can carry it.
 *
 * @throws XsError `bad_meta`, `meta_too_large`, `too_deep`
 */
export function parseMeta(text: string): string {
  const value = parseJson(text) ?? parseJson(fromBase64(text));
  if (value === undefined) {
    throw new XsError("bad_meta", `meta ${quoted(text)} is not JSON, nor base64 of JSON`);
  }
  return encodeMeta(value.json as Json);
}

/** Encodes meta as compact JSON. @throws XsError `meta_too_large`, `too_deep` */
export function encodeMeta(value: Json): string {
  const meta = checkMetaSize(JSON.stringify(value));
  if (isDeeperThan(MAX_DEPTH, meta)) throw tooDeep(MAX_DEPTH);
  return meta;
}

function checkMetaSize(meta: string): string {
  // A UTF-16 unit takes at most three bytes.
  if (meta.length * 3 <= MAX_META) return meta;
  const size = Buffer.byteLength(meta);
  if (size > MAX_META) {
    throw new XsError(
      "meta_too_large",
      `meta is ${size} bytes of JSON, more than ${MAX_META}; put large data into the content`,
    );
  }
  return meta;
}

/**
 * Parses and checks a whole frame, for an import. A missing `hash`, `meta` or `ttl` gets its default, and
 * so does a `ttl` of null. `timestamp` and `context_id` are accepted; any other key is an error. Meta may
 * be nested as deep as its size allows, because older versions wrote such frames.
 *
 * @param withContent accepts the keys of `content=inline`. Content of a line without `hash` sets the hash; other
 *   content must have the hash
 * @throws XsError `bad_frame`, `too_deep`, `meta_too_large`, or the error of a field: `bad_topic`, `bad_id`, …
 */
export function parseFrame(
  line: string,
  { withContent = false } = {},
): FrameFields & { readonly id: string; readonly content?: Buffer<ArrayBuffer> } {
  const deep = isDeeperThan(MAX_DEPTH + 1, line);
  const value = deep ? parseDeep(line) : parseObject(line, 1);
  if (!value) {
    throw new XsError("bad_frame", `${quoted(line)} is not a frame: a frame is a JSON object`);
  }
  const { topic, id, hash = null, meta = null, ttl = null, ...more } = value;
  const { timestamp: _, context_id: context = null, ...rest } = more;
  const unknown = Object.keys(rest).find((key) => !withContent || !INLINE_KEYS.has(key));
  if (unknown !== undefined) {
    throw new XsError(
      "bad_frame",
      `a frame has no key ${quoted(unknown)}: its keys are topic, id, hash, meta and ttl`,
    );
  }
  if (typeof topic !== "string" || typeof id !== "string") {
    throw new XsError("bad_frame", 'a frame needs "topic" and "id", and both are texts');
  }
  if (hash !== null && typeof hash !== "string") {
    throw new XsError("bad_frame", 'the "hash" of a frame is a text or null');
  }
  checkContext(context);
  const content = withContent ? decodeInline(rest, "bad_frame") : undefined;
  const known = hash === null ? null : hashOfCrossStream(hash);
  if (content && "hash" in value) checkInline(content, known, "bad_frame");
  return {
    topic: parseTopic(topic),
    id: parseId(id),
    hash: content ? (known ?? hashOf(content)) : known,
    meta: deep ? checkMetaSize(compactJson(memberText(line, "meta") ?? "null")) : encodeMeta(meta),
    ttl: parseTtl(ttlOfCrossStream(ttl)).text,
    ...(content && { content }),
  };
}

/** Parses a frame with deep meta. A line nested deeper than the largest meta can be is refused unparsed. */
function parseDeep(line: string): JsonObject | undefined {
  // Each level takes two characters, and the frame itself is one more level.
  const most = MAX_META / 2 + 1;
  if (isDeeperThan(most, line)) throw tooDeep(most);
  try {
    return asObject(JSON.parse(line));
  } catch {
    return undefined;
  }
}

/**
 * Parses a JSON object; undefined if the text is no JSON object. It keeps numbers as {@link parseJson} does.
 *
 * @param around as in {@link parseJson}
 * @throws XsError `too_deep`
 */
export function parseObject(text: string, around = 0): JsonObject | undefined {
  return asObject(parseJson(text, around)?.json);
}

type JsonObject = { [key: string]: Json };

function asObject(value: unknown): JsonObject | undefined {
  const isObject = typeof value === "object" && value !== null && !Array.isArray(value);
  return isObject && !isRawNumber(value) ? (value as JsonObject) : undefined;
}

function fromBase64(text: string): string {
  if (!/^[A-Za-z0-9+/_-]+={0,2}$/.test(text)) return "";
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(Buffer.from(text, "base64"));
  } catch {
    return "";
  }
}
