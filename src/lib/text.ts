/** The media types of bytes that came without one. */
const TEXT = "text/plain; charset=utf-8";
const BYTES = "application/octet-stream";

/**
 * Decodes UTF-8; undefined if the bytes are not UTF-8. The text encodes to exactly these bytes: it keeps
 * a byte order mark and NUL as characters.
 */
export function textOf(bytes: Uint8Array): string | undefined {
  return decoded(bytes, false);
}

/**
 * Guesses the media type of bytes: text if they are UTF-8 without NUL, as no text for people holds a NUL.
 *
 * @param more further bytes follow, so the last character may be incomplete
 */
export function sniffedType(bytes: Uint8Array, more = false): string {
  return !bytes.includes(0) && decoded(bytes, more) !== undefined ? TEXT : BYTES;
}

const UTF8 = { fatal: true, ignoreBOM: true };
/** It keeps nothing from one text to the next, as a decoder does whose text goes on. */
const decoder = new TextDecoder("utf-8", UTF8);

function decoded(bytes: Uint8Array, more: boolean): string | undefined {
  try {
    if (!more) return decoder.decode(bytes);
    return new TextDecoder("utf-8", UTF8).decode(bytes, { stream: true });
  } catch {
    return undefined;
  }
}
