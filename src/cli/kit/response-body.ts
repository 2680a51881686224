import { textLines } from "../../lib/lines.ts";
import { chunksIn } from "../../net/text-body.ts";
import { writeOut } from "./output.ts";

/**
 * Copies the body of a response to stdout.
 *
 * @throws XsError `no_server` where the body breaks off
 */
export async function pipeOut(response: Response): Promise<void> {
  for await (const chunk of chunksIn(response)) await writeOut(chunk);
}

/**
 * Yields the lines of the body of a response.
 *
 * @throws XsError `no_server` where the body breaks off
 */
export async function* linesOf(response: Response): AsyncGenerator<string> {
  for await (const lines of textLines(chunksIn(response))) yield* lines;
}
