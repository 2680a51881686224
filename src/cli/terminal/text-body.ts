import { XsError } from "../../core/error.ts";
import { visible } from "../../core/visible.ts";
import { sniffedType } from "../../lib/text.ts";
import { chunksIn } from "../../net/text-body.ts";

/**
 * Reads the text of a response as it comes.
 *
 * @returns undefined if the body is binary, as far as its first chunk tells
 * @throws XsError `no_server` where the body breaks off; in the text: `bad_request` where it goes on with binary data
 */
export async function textBody(response: Response): Promise<AsyncIterable<string> | undefined> {
  const chunks = chunksIn(response);
  const { value, done } = await chunks.next();
  if (done) return decoded(new Uint8Array(), chunks);
  if (sniffedType(value, true).startsWith("text/")) return decoded(value, chunks);
  await chunks.return(undefined);
  return undefined;
}

async function* decoded(
  first: Uint8Array,
  others: AsyncGenerator<Uint8Array>,
): AsyncGenerator<string> {
  const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
  const text = (bytes?: Uint8Array) => {
    if (!bytes?.includes(0)) {
      try {
        return decoder.decode(bytes, { stream: bytes !== undefined });
      } catch {
        // Not UTF-8.
      }
    }
    throw new XsError("bad_request", "the rest is binary: write the content to a file to see it");
  };
  try {
    yield text(first);
    for await (const chunk of others) yield text(chunk);
    yield text();
  } finally {
    await others.return(undefined);
  }
}

/**
 * Makes text safe for a terminal, which then obeys nothing but line ends and tabs. The result ends with a line end.
 *
 * @param mark formats what stands for a character
 * @param indent begins each line
 */
export async function* shownText(
  chunks: Iterable<string> | AsyncIterable<string>,
  mark: (shown: string) => string,
  indent = "",
): AsyncGenerator<string> {
  // A CR is part of a line end or not: the next chunk tells.
  let held = "";
  let isLineStart = true;
  const shown = (text: string) => {
    const lines = visible(text.replaceAll("\r\n", "\n"), "\n\t", mark);
    const start = isLineStart ? indent : "";
    isLineStart = lines.endsWith("\n");
    const body = isLineStart ? lines.slice(0, -1) : lines;
    return `${start}${body.replaceAll("\n", `\n${indent}`)}${isLineStart ? "\n" : ""}`;
  };
  for await (const chunk of chunks) {
    const text = held + chunk;
    held = text.endsWith("\r") ? "\r" : "";
    const now = held === "" ? text : text.slice(0, -1);
    if (now !== "") yield shown(now);
  }
  if (held !== "") yield shown(held);
  if (!isLineStart) yield "\n";
}
