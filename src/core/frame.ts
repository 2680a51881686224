import { checkContext, hashOfCrossStream, ttlOfCrossStream } from "./cross-stream.ts";
import { quoted, XsError } from "./error.ts";
import { parseId, timestampOf } from "./id.ts";
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

/** One event. As JSON its keys are always present and always in this order. */
export interface Frame {
  topic: string;
  id: string;
  /** The content's hash, or null where there is none. */
  hash: string | null;
  meta: Json;
  ttl: string;
}

/** A frame without the id that the store gives it. */
export type FrameFields = Omit<Frame, "id" | "meta"> & {
  /** The meta as JSON text. */
  meta: string;
};

const LF = 10;

/** Largest meta, in bytes of JSON. */
export const MAX_META = 64 * 1024;

/** A frame as the line of JSON that is stored and served. */
export function encodeFrame(id: string, { topic, hash, meta, ttl }: FrameFields): string {
  // Topic, id, hash and ttl hold nothing that JSON escapes.
  const quoted = hash === null ? "null" : `"${hash}"`;
  return `{"topic":"${topic}","id":"${id}","hash":${quoted},"meta":${meta},"ttl":"${ttl}"}`;
}

/** The lines of NDJSON that is whole, as a read gives it. */
export function linesIn(ndjson: Uint8Array): string[] {
  return new TextDecoder().decode(ndjson).trimEnd().split("\n");
}

/** The frames of such a page. */
export function framesIn(ndjson: Uint8Array): Frame[] {
  return linesIn(ndjson).map((line) => JSON.parse(line) as Frame);
}

/** The id of its last frame; only that line is decoded. */
export function lastIdIn(ndjson: Uint8Array): string {
  const start = ndjson.lastIndexOf(LF, ndjson.length - 2) + 1;
  return idInLine(new TextDecoder().decode(ndjson.subarray(start)));
}

/** The id in an encoded frame, found without parsing it: a topic holds nothing that JSON escapes. */
export function idInLine(line: string): string {
  const at = line.indexOf('","id":"') + 8;
  return line.slice(at, at + 25);
}

/** An encoded frame with the key `timestamp` added: RFC 3339, UTC, milliseconds, from its id. */
export function withTimestamp(line: string): string {
  const time = new Date(timestampOf(idInLine(line))).toISOString();
  return `${line.slice(0, -1)},"timestamp":"${time}"}`;
}

/**
 * Parses meta given as JSON and returns it in compact form, its numbers as they were sent. Text that is
 * not JSON is taken as base64 of JSON, the way to carry it in a header.
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

/** Writes meta as compact JSON. @throws XsError `meta_too_large`, `too_deep` */
export function encodeMeta(value: Json): string {
  const meta = checkMetaSize(JSON.stringify(value));
  if (isDeeperThan(MAX_DEPTH, meta)) throw tooDeep(MAX_DEPTH);
  return meta;
}

function checkMetaSize(meta: string): string {
  // A character is three bytes at most.
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
 * Parses and checks a whole frame, as for an import. Missing `hash`, `meta` and `ttl` get their
 * defaults, as a `ttl` of null does; another key than `timestamp` and that of a context is an error.
 * Meta may be nested as deep as its size allows, as older versions wrote it.
 *
 * @throws XsError `bad_frame`, `too_deep`, `meta_too_large`, or what is wrong with one of its fields
 */
export function parseFrame(line: string): FrameFields & { readonly id: string } {
  const deep = isDeeperThan(MAX_DEPTH + 1, line);
  const value = deep ? parseDeep(line) : parseObject(line, 1);
  if (!value) {
    throw new XsError("bad_frame", `${quoted(line)} is not a frame: a frame is a JSON object`);
  }
  const { topic, id, hash = null, meta = null, ttl = null, ...more } = value;
  const { timestamp: _, context_id: context = null, ...rest } = more;
  const [unknown] = Object.keys(rest);
  if (unknown !== undefined) {
    throw new XsError("bad_frame", `a frame has no key ${quoted(unknown)}`);
  }
  if (typeof topic !== "string" || typeof id !== "string") {
    throw new XsError("bad_frame", 'a frame needs "topic" and "id", both of them texts');
  }
  if (hash !== null && typeof hash !== "string") {
    throw new XsError("bad_frame", 'the "hash" of a frame is a text or null');
  }
  checkContext(context);
  return {
    topic: parseTopic(topic),
    id: parseId(id),
    hash: hash === null ? null : hashOfCrossStream(hash),
    meta: deep ? checkMetaSize(compactJson(memberText(line, "meta") ?? "null")) : encodeMeta(meta),
    ttl: parseTtl(ttlOfCrossStream(ttl)).text,
  };
}

/** A frame with deep meta. What a meta of the largest size cannot hold is not even parsed. */
function parseDeep(line: string): JsonObject | undefined {
  // The frame is a level as well, and each level takes two characters.
  const most = MAX_META / 2 + 1;
  if (isDeeperThan(most, line)) throw tooDeep(most);
  return asObject(attempt(() => JSON.parse(line)));
}

/**
 * The JSON object that a text is; undefined if it is none. Its numbers are as {@link parseJson} keeps
 * them.
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

function attempt(parse: () => unknown): unknown {
  try {
    return parse();
  } catch {
    return undefined;
  }
}
