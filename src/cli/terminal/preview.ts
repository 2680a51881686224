import type { Style } from "../kit/colours.ts";
import { fit } from "./fit.ts";
import { sizeText } from "./size.ts";

/** Shows the beginning of content, or of a value, in one line. */
export class Preview {
  readonly #style: Style;

  constructor(style: Style) {
    this.#style = style;
  }

  /** The first line of a text that is not blank. @param more the text goes on behind its end */
  text(text: string, columns: number, more = false): string {
    if (isBinary(text)) return this.binary(Buffer.byteLength(text), columns);
    const start = text.search(/\S/);
    if (start < 0) return this.note(text === "" ? "(empty)" : "(blank)", columns);
    const end = text.indexOf("\n", start);
    const line = text.slice(start, end < 0 ? undefined : end).trimEnd();
    const goesOn = more || (end >= 0 && /\S/.test(text.slice(end)));
    const shown = line.replaceAll("\t", "  ");
    return fit(goesOn ? `${shown} ` : shown, columns, this.#style, goesOn).text;
  }

  /** JSON, or any other text that is one line. */
  line(text: string, columns: number): string {
    return fit(text, columns, this.#style).text;
  }

  /** The size of what is no text. @param size in bytes */
  binary(size: number, columns: number): string {
    return this.note(`(binary, ${sizeText(size)})`, columns);
  }

  /** A remark in the place of a text. */
  note(text: string, columns: number): string {
    return this.#style.dim(this.line(text, columns));
  }

  /** A problem in the place of a text. */
  problem(text: string, columns: number): string {
    return this.#style.wrong(this.line(text, columns));
  }
}

/** Tells whether UTF-8 is no text for people: as for the types of content, a NUL is the sign. */
export function isBinary(text: string): boolean {
  return text.includes("\0");
}

/** The bytes that base64 stands for. */
export function sizeOfBase64(base64: string): number {
  return Buffer.byteLength(base64, "base64");
}
