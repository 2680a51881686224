import { XsError } from "../frame/error.ts";

/**
 * The lines of a text as it comes.
 *
 * @throws XsError `bad_frame` where it is not UTF-8, `body_too_large` for a line of more than `most`
 * characters
 */
export async function* linesOf(
  chunks: AsyncIterable<Uint8Array>,
  most: number,
): AsyncGenerator<string> {
  const decoder = new TextDecoder("utf-8", { fatal: true });
  const decode = (bytes?: Uint8Array) => {
    try {
      return decoder.decode(bytes, { stream: bytes !== undefined });
    } catch {
      throw new XsError("bad_frame", "the line is not UTF-8");
    }
  };
  const fits = (line: string) => {
    if (line.length <= most) return line;
    throw new XsError("body_too_large", `a line is longer than ${most} bytes`);
  };
  let rest = "";
  for await (const chunk of chunks) {
    const lines = (rest + decode(chunk)).split("\n");
    rest = lines.pop() ?? "";
    for (const line of lines) yield fits(line);
    fits(rest);
  }
  rest += decode();
  if (rest !== "") yield fits(rest);
}
