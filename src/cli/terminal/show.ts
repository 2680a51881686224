import type { Address } from "../../client/address.ts";
import type { Client } from "../../client/client.ts";
import { chunkIn } from "../../core/chunk.ts";
import { XsError } from "../../core/error.ts";
import { visibleJson } from "../../core/visible.ts";
import { textLines } from "../../lib/lines.ts";
import { chunksIn } from "../../net/text-body.ts";
import { addressWord } from "../kit/address-word.ts";
import type { Style } from "../kit/colours.ts";
import { writeOut } from "../kit/output.ts";
import { EventBlocks } from "./event-blocks.ts";
import { EventLines } from "./event-lines.ts";
import { outputColumns, outputStyle } from "./screen.ts";
import type { ReadContent } from "./shown-frame.ts";
import { sizeText } from "./size.ts";
import { shownText, textBody } from "./text-body.ts";

/** Formats lines of JSON for people. Each call brings what came since the last one. */
export interface Shown {
  show(lines: readonly string[], columns: number): AsyncIterable<string> | Iterable<string>;
  /** Formats what needed all lines, at the end. */
  end?(columns: number): Iterable<string>;
}

/** So much text is written at once, in UTF-16 units. */
const WRITE_UNITS = 64 * 1024;

/** Prints the lines of a response as {@link show} formats them. @throws as `chunksIn` and `writeOut` do */
async function showLines(response: Response, show: Shown["show"]): Promise<void> {
  for await (const lines of textLines(chunksIn(response))) {
    let waiting = "";
    for await (const text of show(lines, outputColumns())) {
      waiting += text;
      if (waiting.length < WRITE_UNITS) continue;
      await writeOut(waiting);
      waiting = "";
    }
    if (waiting !== "") await writeOut(waiting);
  }
}

/** Prints a list for people. */
export async function showList(response: Response, List: new (style: Style) => Shown) {
  const list = new List(outputStyle());
  let isEmpty = true;
  await showLines(response, (lines, columns) => {
    isEmpty = false;
    return list.show(lines, columns);
  });
  // An empty table has its heads.
  if (isEmpty) for await (const text of list.show([], outputColumns())) await writeOut(text);
  for (const text of list.end?.(outputColumns()) ?? []) await writeOut(text);
}

/** Prints content for people. @throws XsError `bad_request` if it is binary */
export async function showContent(response: Response, command: string): Promise<void> {
  const size = Number(response.headers.get("content-length") ?? Number.NaN);
  const body = await textBody(response);
  if (!body) {
    throw new XsError(
      "bad_request",
      `this is binary${size > 0 ? ` (${sizeText(size)})` : ""}, and a terminal cannot show it: write it to a file, as in  ${command} > FILE`,
    );
  }
  const { mark } = outputStyle();
  for await (const text of shownText(body, mark)) await writeOut(text);
}

/** Reads the content of frames for {@link showFrames}. */
export function readerOf(client: Client): ReadContent {
  return async ({ id, hash, meta }, most) => {
    const init = most === undefined ? undefined : { headers: { range: `bytes=0-${most - 1}` } };
    try {
      return await client.request(`/cas/${hash}`, init);
    } catch (error) {
      const isForbidden = error instanceof XsError && error.code === "forbidden";
      // That of a first chunk would be the whole, which may still grow.
      if (!isForbidden || chunkIn(meta)) throw error;
      // A token may read the content of the frame, where it may not name any other.
      return await client.request(`/${id}/content`, init);
    }
  };
}

/** Prints frames for people: each in one line, or whole. */
export async function showFrames(
  format: "lines" | "long",
  client: Client,
  response: Response,
  address: Address,
): Promise<void> {
  const readContent = readerOf(client);
  const style = outputStyle();
  const shown =
    format === "long"
      ? new EventBlocks(style, readContent, addressWord(address))
      : new EventLines(style, readContent);
  await showLines(response, (lines, columns) => shown.show(lines, columns));
}

/** Prints JSON lines, or events, as they are, but for characters that a terminal would obey: JSON escapes them. */
export async function showJson(response: Response): Promise<void> {
  await showLines(response, (lines) => [`${lines.map(visibleJson).join("\n")}\n`]);
}
