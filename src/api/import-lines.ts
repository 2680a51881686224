import { quoted, XsError } from "../core/error.ts";
import { parseFrame, parseObject } from "../core/frame.ts";
import { checkAhead, parseId } from "../core/id.ts";
import { MAX_VALUE, parseKey } from "../core/key.ts";
import { parseTtl } from "../core/ttl.ts";
import type { KvEntry } from "../store/sqlite/kv/kv.ts";
import type { ImportFrame } from "../store/types.ts";

/** The longest line of a frame, in bytes: the largest frame with room for escapes. */
export const MAX_FRAME_LINE = 1024 * 1024;
/** The longest line of a key/value entry, in bytes: the largest value in base64, with room for the rest. */
export const MAX_ENTRY_LINE = 2 * MAX_VALUE;
const MAX_TYPE = 255;

/** Parses a line of frames. @param ahead as in {@link checkAhead} @throws XsError as `parseFrame`, or `id_ahead` */
export function parseFrameLine(line: string, ahead = false): ImportFrame {
  const fields = parseFrame(line);
  const frame = { ...fields, ttl: parseTtl(fields.ttl) };
  checkAhead(frame.id, Date.now(), ahead);
  return frame;
}

/**
 * Parses a line of key/value entries.
 *
 * @param ahead as in {@link checkAhead}
 * @throws XsError `bad_key`, `bad_id`, `id_ahead`, `body_too_large`
 */
export function parseEntryLine(line: string, ahead = false): KvEntry {
  const entry = parseObject(line);
  if (!entry) throw new XsError("bad_key", `${quoted(line)} is not a JSON object`);
  const { key, rev, type, value: base64, ...rest } = entry;
  const texts = [key, rev, type, base64].every((text) => typeof text === "string");
  if (!texts || Object.keys(rest).length > 0) {
    throw new XsError(
      "bad_key",
      'an entry has "key", "rev", "type" and "value", all of them texts',
    );
  }
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
  checkAhead(parseId(rev as string), Date.now(), ahead);
  return {
    key: parseKey(key as string),
    rev: parseId(rev as string),
    type: type as string,
    writer: null,
    value,
    size: value.length,
  };
}
