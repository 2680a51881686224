import { quoted } from "../../core/error.ts";
import { parseMeta } from "../../core/frame.ts";
import { parsed, UsageError } from "./verb.ts";

const NUMBER = /^-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?$/;

/**
 * Makes metadata of fields, as JSON. A number keeps its text, as in `1.0`.
 *
 * @param fields each `KEY=VALUE`
 * @param meta the value of --meta, an object that the fields extend
 * @throws UsageError
 */
export function metaOfFields(fields: readonly string[], meta = "{}"): string {
  const base = parsed(parseMeta, meta);
  if (!base.startsWith("{")) {
    throw new UsageError(
      `-F adds to an object, and --meta ${quoted(meta)} is none: use one of them`,
    );
  }
  const keys = new Set(Object.keys(JSON.parse(base) as object));
  const members = fields.map((field) => {
    const end = field.indexOf("=");
    if (end < 1) throw new UsageError(`-F ${quoted(field)} is no KEY=VALUE`);
    const key = field.slice(0, end);
    if (keys.has(key)) throw new UsageError(`the metadata has ${quoted(key)} twice: give it once`);
    keys.add(key);
    return `${JSON.stringify(key)}:${jsonOf(field.slice(end + 1))}`;
  });
  const before = base === "{}" ? "" : `${base.slice(1, -1)},`;
  return `{${before}${members.join(",")}}`;
}

/** The JSON of a value: true, false, null and numbers as they are, anything else as text. */
function jsonOf(text: string): string {
  const isTyped = text === "true" || text === "false" || text === "null" || NUMBER.test(text);
  return isTyped ? text : JSON.stringify(text);
}
