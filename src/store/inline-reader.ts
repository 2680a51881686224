import { linesIn, pageOf } from "../core/frame.ts";
import type { Content } from "./content.ts";
import type { LineReader } from "./frame-reader.ts";

/** A read of frames with their content. It holds one page of the read, and what of its content goes out next. */
export class InlineReader implements LineReader {
  readonly #frames: LineReader;
  readonly #content: Content;
  /** The lines of the page that are not returned yet. */
  #lines: string[] = [];

  constructor(frames: LineReader, content: Content) {
    this.#frames = frames;
    this.#content = content;
  }

  async next(): Promise<Uint8Array | undefined> {
    if (this.#lines.length === 0) {
      const page = await this.#frames.next();
      if (!page) return undefined;
      this.#lines = linesIn(page);
    }
    const whole = await this.#content.inline(this.#lines);
    this.#lines = this.#lines.slice(whole.length);
    return pageOf(whole);
  }

  close(): void {
    this.#frames.close();
  }
}
