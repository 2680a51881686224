import type { InlinedFrame } from "../../core/frame.ts";
import { memberText } from "../../core/json.ts";
import { sniffedType } from "../../lib/text.ts";
import { bytesIn } from "../../net/text-body.ts";
import type { Style } from "../kit/colours.ts";
import { Preview, sizeOfBase64 } from "./preview.ts";
import { isOfRuntime, type ReadContent } from "./shown-frame.ts";
import { sizeText } from "./size.ts";

/** As much of large content as may hold its first line, in bytes. */
const PEEK = 4096;

/** The first line of an event's content or else its meta, or what stands for it. */
export class EventText {
  readonly #readContent: ReadContent;
  readonly #preview: Preview;

  constructor(style: Style, readContent: ReadContent) {
    this.#readContent = readContent;
    this.#preview = new Preview(style);
  }

  /** Formats it for some columns. @param json the frame as a read returns it, with content */
  of(frame: InlinedFrame, json: string, columns: number): string | Promise<string> {
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

  async #large(frame: InlinedFrame, size: number, columns: number): Promise<string> {
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
