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

/** The lines of a stream of UTF-8 as texts, those that came together in one list. */
export async function* textLinesOf(stream: AsyncIterable<Uint8Array>): AsyncGenerator<string[]> {
  const decoder = new TextDecoder();
  let rest = "";
  for await (const chunk of stream) {
    const lines = (rest + decoder.decode(chunk, { stream: true })).split("\n");
    rest = lines.pop() ?? "";
    if (lines.length > 0) yield lines;
  }
  rest += decoder.decode();
  if (rest !== "") yield [rest];
}
