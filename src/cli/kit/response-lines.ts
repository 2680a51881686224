import { textLines } from "../../lib/lines.ts";
import { chunksIn } from "../../net/text-body.ts";

/** Yields the lines of the body of a response. @throws XsError `no_server` where the body breaks off */
export async function* linesOf(response: Response): AsyncGenerator<string> {
  for await (const lines of textLines(chunksIn(response))) yield* lines;
}
