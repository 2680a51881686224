import { quoted, XsError } from "../core/error.ts";
import { parseFrame, parseObject } from "../core/frame.ts";
import { checkAhead, parseId } from "../core/id.ts";
import { MAX_VALUE, parseKey } from "../core/key.ts";
import { parseTtl } from "../core/ttl.ts";
import type { KvEntry } from "../store/sqlite/kv/kv.ts";
import type { ImportFrame } from "../store/types.ts";

/** Longest line of a frame: the largest frame with room for escapes. */
export const MAX_FRAME_LINE = 1024 * 1024;
/** Longest line of a k/v pair: the largest value in base64, with room for the rest. */
export const MAX_ENTRY_LINE = 2 * MAX_VALUE;
const MAX_TYPE = 255;

/** A line of an export's frames. @param ahead as in {@link checkAhead} @throws XsError what is wrong */
export function parseFrameLine(line: string, ahead = false): ImportFrame {
  const fields = parseFrame(line);
  const frame = { ...fields, ttl: parseTtl(fields.ttl) };
  checkAhead(frame.id, Date.now(), ahead);
  return frame;
}

/** A line of an export's k/v pairs. @param ahead as in {@link checkAhead} @throws XsError what is wrong */
export function parseEntryLine(line: string, ahead = false): KvEntry {
  const pair = parseObject(line);
  if (!pair) throw new XsError("bad_key", `${quoted(line)} is not a JSON object`);
  const { key, rev, type, value: base64, ...rest } = pair;
  const texts = [key, rev, type, base64].every((text) => typeof text === "string");
  if (!texts || Object.keys(rest).length > 0) {
    throw new XsError("bad_key", 'a pair has "key", "rev", "type" and "value", all of them texts');
  }
  const value = Buffer.from(base64 as string, "base64");
  if (value.toString("base64") !== base64) {
    throw new XsError("bad_key", `the value of ${quoted(key as string)} is not base64`);
  }
  if (value.length > MAX_VALUE) {
    throw new XsError("body_too_large", `the value of a pair is at most ${MAX_VALUE} bytes`);
  }
  // It will be served as a header.
  if (!/^[\t\x20-\x7e\x80-\xff]*$/.test(type as string) || (type as string).length > MAX_TYPE) {
    throw new XsError("bad_key", `${quoted(type as string)} is not a media type`);
  }
  checkAhead(parseId(rev as string), Date.now(), ahead);
  return {
    key: parseKey(key as string),
    rev: parseId(rev as string),
    type: type as string,
    value,
    size: value.length,
  };
}
