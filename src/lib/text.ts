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

function decoded(bytes: Uint8Array, stream: boolean): string | undefined {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes, { stream });
  } catch {
    return undefined;
  }
}
