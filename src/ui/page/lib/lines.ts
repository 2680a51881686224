/**
 * Reads the lines of a response, as many at a time as arrived. It reads on only when the lines are taken, so a page that
 * is busy slows the server down, and nothing piles up.
 *
 * @throws what the body rejects with
 */
export async function* linesOf(response: Response): AsyncGenerator<string[]> {
  if (!response.body) return;
  let rest = "";
  for await (const text of response.body.pipeThrough(new TextDecoderStream())) {
    const lines = (rest + text).split("\n");
    rest = lines.pop() ?? "";
    if (lines.length > 0) yield lines;
  }
  if (rest !== "") yield [rest];
}

/** Reads all lines of a response, as JSON unless they are parsed otherwise. */
export async function jsonLines<T>(
  response: Response,
  parse: (line: string) => T = JSON.parse,
): Promise<T[]> {
  return (await response.text())
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => parse(line));
}
