import { type ErrorCode, XsError } from "../../../core/error.ts";
import { hashInLine } from "../../../core/frame.ts";
import { encodeInline, MAX_INLINE_CONTENT } from "../../../core/inline-content.ts";
import type { Content } from "../../content.ts";
import { onceThereAreFiles } from "../../failures.ts";

/** Contents that are read together. */
const MAX_TOGETHER = 16;

/** The errors of one content, which say nothing of the others. */
const OF_CONTENT = new Set<ErrorCode>(["content_not_found", "content_damaged", "frame_damaged"]);

/** Adds content to the lines of its frames. */
export class InlineContent {
  readonly #content: Pick<Content, "open" | "sizeOf">;

  constructor(content: Pick<Content, "open" | "sizeOf">) {
    this.#content = content;
  }

  /** As `Content.inline`. */
  add(lines: readonly string[]): Promise<string[]> {
    return Promise.all(lines.slice(0, MAX_TOGETHER).map((line) => this.#one(line)));
  }

  async #one(line: string): Promise<string> {
    const hash = hashInLine(line);
    if (hash === null) return line;
    return `${line.slice(0, -1)},${await this.#member(hash)}}`;
  }

  async #member(hash: string): Promise<string> {
    const size = this.#content.sizeOf(hash) ?? 0;
    if (size > MAX_INLINE_CONTENT) return `"content_size":${size}`;
    try {
      const content = await onceThereAreFiles(() => this.#content.open(hash));
      if (!content) return '"content_error":"content_not_found"';
      return encodeInline(await content.bytes());
    } catch (error) {
      if (!(error instanceof XsError) || !OF_CONTENT.has(error.code)) throw error;
      return `"content_error":"${error.code}"`;
    }
  }
}
