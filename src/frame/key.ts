import { shown, XsError } from "./error.ts";

/** Longest key of the k/v store, in bytes of UTF-8. */
export const MAX_KEY = 512;
/** Largest value of the k/v store, in bytes. */
export const MAX_VALUE = 1024 * 1024;

/** Checks a key of the k/v store and gives it back. @throws XsError `bad_key` */
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
  if (problem) throw new XsError("bad_key", `the key ${shown(text)} ${problem}`);
  return text;
}

/** Checks a prefix of keys, which may be empty. @throws XsError `bad_key` */
export function parseKeyPrefix(text: string): string {
  return text === "" ? text : parseKey(text);
}
