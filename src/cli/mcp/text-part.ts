/** A part of a text, as far as it fits. */
export interface TextPart {
  readonly text: string;
  /** Where the next part begins, in bytes; undefined at the end. */
  readonly next: number | undefined;
}

/**
 * The text in bytes, from an offset on; undefined where they are not UTF-8. A part begins and ends between characters.
 *
 * @param offset in bytes, of `bytes` in the whole content
 * @param size bytes of the whole content
 * @param most bytes of the part
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
  const part = bytes.subarray(start, start + most);
  const isLast = offset + start + part.length >= size;
  try {
    const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
    const text = decoder.decode(part, { stream: !isLast });
    const next = offset + start + Buffer.byteLength(text);
    return { text, next: next < size ? next : undefined };
  } catch {
    return undefined;
  }
}
