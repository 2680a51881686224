/** A part of a text, as far as it fits. */
export interface TextPart {
  readonly text: string;
  /** Where the next part begins, in bytes; undefined at the end. */
  readonly next: number | undefined;
}

/** The most characters of JSON for a byte of text: control characters take six. */
const MAX_JSON_PER_BYTE = 2;

/**
 * The text in bytes, from an offset on; undefined where they are not UTF-8. A part begins and ends between characters.
 *
 * @param offset in bytes, of `bytes` in the whole content
 * @param size bytes of the whole content
 * @param most bytes of the part; fewer where JSON needs many characters for them
 */
export function textPart(
  bytes: Uint8Array,
  offset: number,
  size: number,
  most: number,
): TextPart | undefined {
  let start = 0;
  // An offset that nobody was given may lie inside a character, of at most four bytes.
  while (offset > 0 && start < 3 && ((bytes[start] ?? 0) & 0xc0) === 0x80) start++;
  for (let length = most; ; length >>= 1) {
    const part = bytes.subarray(start, start + length);
    const text = decoded(part, offset + start + part.length >= size);
    if (text === undefined) return undefined;
    if (JSON.stringify(text).length > most * MAX_JSON_PER_BYTE) continue;
    const next = offset + start + Buffer.byteLength(text);
    return { text, next: next < size ? next : undefined };
  }
}

/** Decodes a part; undefined where it is not UTF-8. @param isLast no bytes follow that could complete a character */
function decoded(part: Uint8Array, isLast: boolean): string | undefined {
  try {
    const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
    return decoder.decode(part, { stream: !isLast });
  } catch {
    return undefined;
  }
}
