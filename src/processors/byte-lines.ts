const LF = 10;

/** Lines that have come, each without its newline. */
export type Lines = Uint8Array[];

/**
 * The lines of a stream, those that came together in one list. A last line needs no newline.
 *
 * @param most bytes of a line; a longer one is an error
 */
export async function* linesOf(
  stream: AsyncIterable<Uint8Array>,
  most: number,
): AsyncGenerator<Lines> {
  let rest: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of stream) {
    const lines: Lines = [];
    let start = 0;
    for (let end = chunk.indexOf(LF); end >= 0; end = chunk.indexOf(LF, start)) {
      const piece = chunk.subarray(start, end);
      lines.push(size > 0 ? Buffer.concat([...rest, piece]) : piece);
      rest = [];
      size = 0;
      start = end + 1;
    }
    if (start < chunk.length) {
      rest.push(chunk.subarray(start));
      size += chunk.length - start;
      if (size > most) throw new Error(`a line is longer than ${most} bytes`);
    }
    if (lines.length > 0) yield lines;
  }
  if (size > 0) yield [Buffer.concat(rest)];
}

/**
 * The lines of a stream of UTF-8 as texts, those that came together in one list.
 *
 * @param most characters of a line; a longer one is an error, so that it does not fill the memory
 */
export async function* textLinesOf(
  stream: AsyncIterable<Uint8Array>,
  most = Infinity,
): AsyncGenerator<string[]> {
  const decoder = new TextDecoder();
  let rest: string[] = [];
  let size = 0;
  for await (const chunk of stream) {
    const text = decoder.decode(chunk, { stream: true });
    size += text.length;
    rest.push(text);
    // Only what is whole is put together: a long line comes in many pieces.
    if (text.includes("\n")) {
      const lines = rest.join("").split("\n");
      const last = lines.pop() ?? "";
      rest = last === "" ? [] : [last];
      size = last.length;
      yield lines;
    }
    if (size > most) throw new Error(`a line is longer than ${most} characters`);
  }
  rest.push(decoder.decode());
  const last = rest.join("");
  if (last !== "") yield [last];
}
