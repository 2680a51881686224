/** The media types of bytes that nobody has named. */
const TEXT = "text/plain; charset=utf-8";
const BYTES = "application/octet-stream";

/**
 * The text that bytes are in UTF-8; undefined where they are none. It stands for exactly these bytes: a
 * byte order mark is a character of it, and NUL is as well.
 */
export function textOf(bytes: Uint8Array): string | undefined {
  return decoded(bytes, false);
}

/**
 * The media type of bytes: text where they are UTF-8 without NUL, which no text that is meant for people
 * has.
 *
 * @param more others follow these, so a character may be cut at the end
 */
export function sniffedType(bytes: Uint8Array, more = false): string {
  return !bytes.includes(0) && decoded(bytes, more) !== undefined ? TEXT : BYTES;
}

function decoded(bytes: Uint8Array, stream: boolean): string | undefined {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes, { stream });
  } catch {
    return undefined;
  }
}
