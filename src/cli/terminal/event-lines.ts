import { memberText } from "../../core/json.ts";
import { sniffedType } from "../../lib/text.ts";
import { bytesIn } from "../../net/text-body.ts";
import type { Style } from "../kit/colours.ts";
import { NamedLines } from "./named-lines.ts";
import { Preview, sizeOfBase64 } from "./preview.ts";
import { rule } from "./rule.ts";
import {
  isOfRuntime,
  isPulse,
  isThreshold,
  type ReadContent,
  type ShownFrame,
} from "./shown-frame.ts";
import { sizeText } from "./size.ts";

/** As much of large content as may hold its first line, in bytes. */
const PEEK = 4096;

/** Shows frames in one line each: time, topic, and the first line of the content or else the meta. */
export class EventLines {
  readonly #style: Style;
  readonly #readContent: ReadContent;
  readonly #lines: NamedLines;
  readonly #preview: Preview;

  constructor(style: Style, readContent: ReadContent) {
    this.#style = style;
    this.#readContent = readContent;
    this.#lines = new NamedLines(style);
    this.#preview = new Preview(style);
  }

  /** Yields the lines of frames. @param lines as a read returns them, with content */
  async *show(lines: readonly string[], columns: number): AsyncGenerator<string> {
    const frames = lines.map((line) => JSON.parse(line) as ShownFrame);
    for (const frame of frames) {
      if (!isPulse(frame) && !isThreshold(frame)) this.#lines.widen(frame.topic);
    }
    let text = "";
    for (const [at, frame] of frames.entries()) {
      if (isPulse(frame)) continue;
      if (isThreshold(frame)) text += `${rule("live", columns, this.#style)}\n`;
      else text += `${await this.#line(frame, lines[at] ?? "", columns)}\n`;
    }
    yield text;
  }

  #line(frame: ShownFrame, json: string, columns: number): Promise<string> {
    const line = { id: frame.id, name: frame.topic, isDim: isOfRuntime(frame) };
    return this.#lines.line(line, columns, (left) => this.#text(frame, json, left));
  }

  #text(frame: ShownFrame, json: string, columns: number): string | Promise<string> {
    const { content, content_base64: base64, content_size: size, content_error } = frame;
    const preview = this.#preview;
    // The script of a spawn says less than its meta.
    const isMetaFirst = isOfRuntime(frame) && frame.meta !== null;
    if (!isMetaFirst) {
      if (content !== undefined) return preview.text(content, columns);
      if (base64 !== undefined) return preview.binary(sizeOfBase64(base64), columns);
      if (size !== undefined) return this.#large(frame, size, columns);
      if (content_error !== undefined) {
        return preview.problem(content_error.replaceAll("_", " "), columns);
      }
    }
    return frame.meta === null ? "" : preview.line(memberText(json, "meta") ?? "", columns);
  }

  async #large(frame: ShownFrame, size: number, columns: number): Promise<string> {
    let bytes: Uint8Array;
    try {
      bytes = await bytesIn(await this.#readContent(frame, PEEK));
    } catch {
      return this.#preview.note(`(${sizeText(size)})`, columns);
    }
    if (!sniffedType(bytes, true).startsWith("text/")) return this.#preview.binary(size, columns);
    const text = new TextDecoder().decode(bytes, { stream: true });
    return this.#preview.text(text, columns, true);
  }
}
