import type { InlinedFrame } from "../../core/frame.ts";
import { timestampOf } from "../../core/id.ts";
import { memberText, parseJson } from "../../core/json.ts";
import { visible } from "../../core/visible.ts";
import type { Style } from "../kit/colours.ts";
import { fullTime } from "./clock.ts";
import { isBinary, sizeOfBase64 } from "./preview.ts";
import { rule } from "./rule.ts";
import { isPulse, isThreshold, type ReadContent } from "./shown-frame.ts";
import { sizeText } from "./size.ts";
import { shownText, textBody } from "./text-body.ts";

/** Before each line of the content, so that no content looks like a field. */
const INDENT = "    ";

/** Shows frames whole: all fields, and the content where that is text. */
export class EventBlocks {
  readonly #style: Style;
  readonly #readContent: ReadContent;
  readonly #address: string;

  /** @param address of the store, as `addressWord` formats it */
  constructor(style: Style, readContent: ReadContent, address: string) {
    this.#style = style;
    this.#address = address;
    this.#readContent = readContent;
  }

  /** Yields the blocks of frames, and large content in parts. @param lines as a read returns them, with content */
  async *show(lines: readonly string[], columns: number): AsyncGenerator<string> {
    for (const line of lines) {
      const frame = JSON.parse(line) as InlinedFrame;
      if (isPulse(frame)) continue;
      if (isThreshold(frame)) yield `${rule("live", columns, this.#style)}\n\n`;
      else yield* this.#block(frame, line, columns);
    }
  }

  async *#block(frame: InlinedFrame, json: string, columns: number): AsyncGenerator<string> {
    const { bold, dim, name } = this.#style;
    const field = (of: string, value: string) => `${dim(of.padEnd(6))} ${visible(value)}\n`;
    yield `${bold(name(visible(frame.topic)))}\n`;
    yield field("time", fullTime(timestampOf(frame.id)));
    yield field("id", frame.id);
    yield field("ttl", frame.ttl);
    if (frame.hash !== null) yield field("hash", frame.hash);
    const meta = frame.meta === null ? undefined : memberText(json, "meta");
    if (meta !== undefined) yield `${dim("meta  ")} ${this.#meta(meta, columns)}\n`;
    yield* this.#content(frame);
    yield "\n";
  }

  /** Meta in one line where it fits, else in several. */
  #meta(text: string, columns: number): string {
    if (text.length <= columns - 7) return visible(text, "", this.#style.mark);
    let lines = text;
    try {
      lines = JSON.stringify(parseJson(text)?.json, null, 2) ?? text;
    } catch {
      // Too deep to be parsed: it stays in one line.
    }
    return visible(lines.replaceAll("\n", `\n${" ".repeat(7)}`), "\n", this.#style.mark);
  }

  async *#content(frame: InlinedFrame): AsyncGenerator<string> {
    const { hash, content, content_base64: base64, content_size: size, content_error } = frame;
    const note = (text: string) => `\n${INDENT}${text}\n`;
    if (content_error !== undefined) {
      const text = `the content cannot be read: ${visible(content_error).replaceAll("_", " ")}`;
      yield note(this.#style.wrong(text));
    } else if (base64 !== undefined || (content !== undefined && isBinary(content))) {
      const bytes = base64 === undefined ? Buffer.byteLength(content ?? "") : sizeOfBase64(base64);
      yield note(this.#binary(frame.id, bytes));
    } else if (content !== undefined) {
      if (content === "") yield note(this.#style.dim("(empty)"));
      else yield* this.#text([content]);
    } else if (size !== undefined && hash !== null) {
      try {
        const chunks = await textBody(await this.#readContent(frame));
        if (chunks) yield* this.#text(chunks);
        else yield note(this.#binary(frame.id, size));
      } catch (error) {
        const { message } = error as Error;
        yield note(this.#style.wrong(`the content cannot be read: ${visible(message)}`));
      }
    }
  }

  #binary(id: string, size: number): string {
    const command = visible(`xs content ${this.#address}${id}`);
    return this.#style.dim(`(binary, ${sizeText(size)}: ${command} > FILE)`);
  }

  /** Text as indented lines, after an empty one. */
  async *#text(chunks: Iterable<string> | AsyncIterable<string>): AsyncGenerator<string> {
    yield "\n";
    yield* shownText(chunks, this.#style.mark, INDENT);
  }
}
