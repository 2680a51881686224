import { textOf } from "../lib/text.ts";
import { type Json, parseJson } from "./json.ts";

/** The line of JSON that a watcher gets for an entry that was written, or deleted (`value` is null). */
export function changeLine({
  key,
  rev,
  type,
  writer,
  value,
}: {
  readonly key: string;
  readonly rev: string;
  readonly type: string;
  /** The handler that wrote it; null for a client. */
  readonly writer: string | null;
  readonly value: Uint8Array | null;
}): string {
  const by = writer !== null && { by: writer };
  if (!value) return JSON.stringify({ key, rev, deleted: true, ...by });
  return JSON.stringify({ key, rev, size: value.length, type, ...by, ...shownValue(type, value) });
}

/** Tells whether values of a media type are JSON. */
export function isJsonType(type: string): boolean {
  return /^application\/(.*\+)?json\b/i.test(type);
}

/** Encodes a value: JSON as JSON, other UTF-8 as a string, anything else in base64. */
function shownValue(type: string, value: Uint8Array): { value: Json } | { base64: string } {
  const text = textOf(value);
  if (text === undefined) return { base64: Buffer.from(value).toString("base64") };
  if (!isJsonType(type)) return { value: text };
  try {
    const parsed = parseJson(text);
    return { value: parsed ? (parsed.json as Json) : text };
  } catch {
    // Nested too deep to parse: the watcher gets the same JSON as a string.
    return { value: text };
  }
}
