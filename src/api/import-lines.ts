import { quoted, XsError } from "../core/error.ts";
import { parseFrame, parseObject } from "../core/frame.ts";
import { parseId } from "../core/id.ts";
import { MAX_INLINE_JSON } from "../core/inline-content.ts";
import { MAX_VALUE, parseKey } from "../core/key.ts";
import { parseTopic } from "../core/topic.ts";
import { parseTtl } from "../core/ttl.ts";
import type { Position, Tombstone } from "../store/import.ts";
import type { EntryData } from "../store/kv.ts";
import type { ImportFrame } from "../store/types.ts";
import { checkLength } from "./body-lines.ts";

/** The longest line of a frame, in bytes: the largest frame with room for escapes. */
export const MAX_FRAME_LINE = 1024 * 1024;
/** The longest line of a key/value entry, in bytes: the largest value in base64, with room for the rest. */
export const MAX_ENTRY_LINE = 2 * MAX_VALUE;
/** The longest line of a position or a tombstone, in bytes. */
export const MAX_PAIR_LINE = 1024;
const MAX_TYPE = 255;

/** The longest line of a frame with its content, in bytes. */
export const MAX_CONTENT_LINE = MAX_FRAME_LINE + MAX_INLINE_JSON;

/** Parses a line of the frames of an export. @throws XsError as `parseFrame` */
export function parseFrameLine(line: string): ImportFrame {
  const fields = parseFrame(line);
  return { ...fields, ttl: parseTtl(fields.ttl) };
}

/**
 * Parses a line of frames that may have content.
 *
 * @throws XsError as `parseFrame`
 * @throws LineTooLong
 */
export function parseContentLine(line: string): {
  readonly frame: ImportFrame;
  readonly content: Buffer<ArrayBuffer> | undefined;
} {
  const checkContent = checkLength(line, MAX_FRAME_LINE);
  const { content, ...fields } = parseFrame(line, { withContent: true });
  checkContent(content);
  return { frame: { ...fields, ttl: parseTtl(fields.ttl) }, content };
}

/**
 * Parses a line of key/value entries, or of their deletions.
 *
 * @throws XsError `bad_key`, `bad_id`, `bad_topic`, `body_too_large`
 */
export function parseEntryLine(line: string): EntryData {
  const entry = parseObject(line);
  if (!entry) throw new XsError("bad_key", `${quoted(line)} is not a JSON object`);
  const { key, rev, type = "", value: base64 = "", deleted, by, ...rest } = entry;
  const isDeleted = deleted === true && !("type" in entry) && !("value" in entry);
  const isWhole = deleted === undefined && "type" in entry && "value" in entry;
  const texts = [key, rev, type, base64, by ?? ""].every((text) => typeof text === "string");
  if (!texts || !(isDeleted || isWhole) || by === null || Object.keys(rest).length > 0) {
    throw new XsError(
      "bad_key",
      'an entry has "key", "rev", "type" and "value", and that of a handler "by", all of them texts; a deleted one has "key", "rev" and "deleted": true',
    );
  }
  const id = {
    key: parseKey(key as string),
    rev: parseId(rev as string),
    writer: by === undefined ? null : parseTopic(by as string),
  };
  if (isDeleted) return { ...id, type: "", value: null };
  const value = Buffer.from(base64 as string, "base64");
  if (value.toString("base64") !== base64) {
    throw new XsError("bad_key", `the value of ${quoted(key as string)} is not base64`);
  }
  if (value.length > MAX_VALUE) {
    throw new XsError("body_too_large", `the value of an entry is at most ${MAX_VALUE} bytes`);
  }
  // The server sends the type as a header.
  if (!/^[\t\x20-\x7e\x80-\xff]*$/.test(type as string) || (type as string).length > MAX_TYPE) {
    throw new XsError("bad_key", `${quoted(type as string)} is not a media type`);
  }
  return { ...id, type: type as string, value };
}

/** Parses a line of the positions of late frames. @throws XsError `bad_frame`, `bad_id` */
export function parsePositionLine(line: string): Position {
  const { id, position, ...rest } = parseObject(line) ?? {};
  if (typeof id !== "string" || typeof position !== "string" || Object.keys(rest).length > 0) {
    throw new XsError("bad_frame", 'a late frame has "id" and "position", and both are ids');
  }
  const found = { id: parseId(id), position: parseId(position) };
  if (found.position > found.id) return found;
  throw new XsError(
    "bad_frame",
    `the position ${quoted(position)} of a late frame is above its id: it is that of the frame that reported it`,
  );
}

/** Parses a line of tombstones. @throws XsError `bad_frame`, `bad_id` */
export function parseTombstoneLine(line: string): Tombstone {
  const { id, removed, ...rest } = parseObject(line) ?? {};
  const isTime = Number.isSafeInteger(removed) && (removed as number) >= 0;
  if (typeof id !== "string" || !isTime || Object.keys(rest).length > 0) {
    throw new XsError(
      "bad_frame",
      'a removed frame has "id" and "removed", the time of its removal in ms',
    );
  }
  return { id: parseId(id), ms: removed as number };
}
