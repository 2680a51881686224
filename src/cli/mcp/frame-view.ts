import { type InlinedFrame, parseObject } from "../../core/frame.ts";
import { timestampOf } from "../../core/id.ts";
import { isDeeperThan, MAX_DEPTH, memberText } from "../../core/json.ts";
import { formatTime } from "../../core/time.ts";
import type { Schema } from "./schema.ts";
import { textPart } from "./text-part.ts";

/** Bytes of content that a frame in a list has. */
const LIST_CONTENT = 2_000;
/** Bytes of content in the answer for one frame or one key. */
export const ONE_CONTENT = 16_000;
/** Characters of JSON of the meta that a frame in a list has. */
const LIST_META = 4_000;

/** How an agent gets a frame: with its time, and its content as far as that is a text and short. */
export const FRAME_SCHEMA: Schema = {
  type: "object",
  properties: {
    id: { type: "string", description: "names the frame; also a place to go on after" },
    topic: { type: "string" },
    time: { type: "string", description: "when it was appended, UTC" },
    meta: { description: "any JSON" },
    meta_text: {
      type: "string",
      description:
        "in place of a long or deep meta, its JSON, or the begin of it: read with the id has all of it",
    },
    ttl: { type: "string" },
    hash: { type: "string", description: "sha256 of the content" },
    content: { type: "string", description: "the content, or as much of it as fits" },
    content_size: { type: "integer", description: "bytes of the whole content" },
    content_next: {
      type: "integer",
      description: "there is more: read with this id, and offset set to this number",
    },
    binary: { type: "boolean", description: "the content is no text, so it is not here" },
    content_error: { type: "string", description: "why the content cannot be read" },
  },
  required: ["id", "topic", "time", "ttl"],
};

/** A frame as {@link FRAME_SCHEMA} says. */
export type FrameView = Record<string, unknown>;

/**
 * The view of a frame.
 *
 * @param line the frame as the API returns it with `content=inline`
 * @param one it is the only one in the answer, so it has its whole meta, and more of its content
 * @param offset of the content, in bytes
 */
export function frameView(line: string, one = false, offset = 0): FrameView {
  const isDeep = isDeeperThan(MAX_DEPTH + 1, line);
  const { topic, id, hash, meta, ttl, ...content } = (
    isDeep ? JSON.parse(line) : parseObject(line, 1)
  ) as InlinedFrame;
  // An imported meta may be deeper than readers of JSON take: it stays text.
  const text = isDeep ? (memberText(line, "meta") ?? "") : JSON.stringify(meta);
  const most = one ? Infinity : LIST_META;
  return {
    id,
    topic,
    time: formatTime(timestampOf(id)),
    ...(isDeep || text.length > most
      ? { meta_text: text.slice(0, most).toWellFormed() }
      : meta !== null && { meta }),
    ttl,
    ...(hash !== null && {
      hash,
      ...contentView(content, one ? ONE_CONTENT : LIST_CONTENT, offset),
    }),
  };
}

/** The members of a view that tell a content, or a part of it. @param bytes from the offset on, at least `most` of them or all */
export function partView(
  bytes: Uint8Array,
  offset: number,
  size: number,
  most: number,
): { content?: string; content_size: number; content_next?: number; binary?: true } {
  const part = textPart(bytes, offset, size, most);
  if (part === undefined) return { binary: true, content_size: size };
  const { text, next } = part;
  return { content: text, content_size: size, ...(next !== undefined && { content_next: next }) };
}

function contentView(
  { content, content_base64, content_size, content_error }: Partial<InlinedFrame>,
  most: number,
  offset: number,
): object {
  if (content_error !== undefined) return { content_error };
  if (content_base64 !== undefined) {
    return { binary: true, content_size: Buffer.byteLength(content_base64, "base64") };
  }
  if (content !== undefined) {
    const bytes = Buffer.from(content);
    return partView(bytes.subarray(offset), offset, bytes.length, most);
  }
  return content_size === undefined ? {} : { content_size, content_next: 0 };
}

/** Whether such a line leaves out the content, which is too large for it. */
export function isLarge(line: string): boolean {
  return (JSON.parse(line) as InlinedFrame).content_size !== undefined;
}
