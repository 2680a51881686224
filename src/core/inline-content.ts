import { textOf } from "../lib/text.ts";
import { type ErrorCode, XsError } from "./error.ts";
import { hashOf } from "./hash.ts";
import type { Json } from "./json.ts";
import { bytesOfText } from "./utf8.ts";

/** Content up to this size, in bytes, comes in the line of its frame where a read asks for it. */
export const MAX_INLINE_CONTENT = 256 * 1024;
/** The most bytes that such content takes in a line: a control character takes six. */
export const MAX_INLINE_JSON = 6 * MAX_INLINE_CONTENT;

/** The keys of a line that tell the content of its frame: see `Content.inline`. */
export const INLINE_KEYS: ReadonlySet<string> = new Set([
  "content",
  "content_base64",
  "content_size",
  "content_error",
]);

/** Encodes content as a member of a JSON object. */
export function encodeInline(bytes: Uint8Array): string {
  const text = textOf(bytes);
  if (text !== undefined) return `"content":${JSON.stringify(text)}`;
  return `"content_base64":"${Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString("base64")}"`;
}

/** Adds such a member to the line of a frame, as its last one. */
export function withInline(line: string, member: string): string {
  return `${line.slice(0, -1)},${member}}`;
}

/**
 * The bytes of the content in a line; undefined if it has none. Null counts as absent.
 *
 * @param code of the error
 * @throws XsError if the keys are malformed
 */
export function decodeInline(
  line: { readonly [key: string]: Json },
  code: ErrorCode,
): Buffer<ArrayBuffer> | undefined {
  const { content = null, content_base64: base64 = null } = line;
  if (content !== null && base64 !== null) {
    throw new XsError(code, "give content or content_base64, not both");
  }
  const given = content ?? base64;
  if (given === null) return undefined;
  if (typeof given !== "string") {
    throw new XsError(code, '"content" and "content_base64" are texts');
  }
  if (content !== null) return bytesOfText(given, '"content"');
  const bytes = Buffer.from(given, "base64");
  if (bytes.toString("base64") === given) return bytes;
  throw new XsError(code, '"content_base64" is not base64');
}

/** Checks that content in a line has the hash in the line. @throws XsError */
export function checkInline(bytes: Uint8Array, hash: string | null, code: ErrorCode): void {
  if (hash === null) {
    throw new XsError(code, "the line has content, and its hash is null: leave one of them out");
  }
  const found = hashOf(bytes);
  if (found === hash) return;
  throw new XsError(
    code,
    `the content in the line does not have the hash ${hash}, but ${found}: one of them was changed`,
  );
}
