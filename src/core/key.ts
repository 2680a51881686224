import { quoted, XsError } from "./error.ts";
import { RUNTIME_PREFIX } from "./topic.ts";

/** Longest key of the k/v store, in bytes of UTF-8. */
const MAX_KEY = 512;
/** Largest value of the k/v store, in bytes. */
export const MAX_VALUE = 1024 * 1024;

/** Checks a key of the k/v store and returns it. @throws XsError `bad_key` */
export function parseKey(text: string): string {
  const problem =
    text === ""
      ? "is empty"
      : Buffer.byteLength(text) > MAX_KEY
        ? `is longer than ${MAX_KEY} bytes`
        : text.includes("\0")
          ? "holds a NUL"
          : text === "." || text === ".."
            ? "means a folder in a URL, so no request can name it"
            : !text.isWellFormed()
              ? "is not Unicode"
              : undefined;
  if (problem) throw new XsError("bad_key", `the key ${quoted(text)} ${problem}`);
  return text;
}

/** Checks a key that a client may write. @throws XsError `bad_key`, `reserved_key` */
export function parseClientKey(text: string): string {
  const key = parseKey(text);
  if (!key.startsWith(RUNTIME_PREFIX)) return key;
  throw new XsError(
    "reserved_key",
    `the key ${quoted(key)} belongs to the runtime, as do all keys below ${RUNTIME_PREFIX}: use another`,
  );
}

/** Checks a prefix of keys, which may be empty. @throws XsError `bad_key` */
export function parseKeyPrefix(text: string): string {
  return text === "" ? text : parseKey(text);
}

/** Compares keys in the order in which a list has them: that of their bytes. */
export function compareKeys(a: string, b: string): number {
  return Buffer.compare(Buffer.from(a), Buffer.from(b));
}
