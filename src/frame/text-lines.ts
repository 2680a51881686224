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
