import { chunkIn } from "../../../../core/chunk.ts";
import { ask, Problem } from "../../lib/ask.ts";
import { bytesOf } from "../../lib/base64.ts";
import type { Frame } from "../../lib/frame.ts";
import { jsonLines } from "../../lib/lines.ts";

/** How many parts one request asks for: a part has up to 64 KiB. */
const MIN_PARTS = 64;
const MAX_PARTS = 2000;
/** About as many bytes as one request is to return. */
const WANTED_BYTES = 2 * 1024 * 1024;

/** A part, with its content in its line. */
interface Part extends Frame {
  readonly content_base64?: string;
  readonly content_size?: number;
  readonly content_error?: string;
}

/**
 * Reads a content that came in parts, a bounded number of them at a time: the parts name the first, so they are among
 * its effects. `GET /:id/content` would follow it to its end, and be a second following read of the page.
 */
export class PartsReader {
  /** How many parts with bytes were read: the last has none. */
  parts = 0;
  /** Whether there may be more. */
  end: "open" | "whole" | "aborted" = "open";
  readonly #first: Frame;
  #bytes = new Uint8Array(64 * 1024);
  #length = 0;
  #isBegun = false;
  #after: string | undefined;

  constructor(first: Frame) {
    this.#first = first;
  }

  /** What was read. */
  get bytes(): Uint8Array<ArrayBuffer> {
    return this.#bytes.subarray(0, this.#length);
  }

  /**
   * Reads on.
   *
   * @param most bytes after which it takes no more parts
   * @returns whether that is all that is there now
   */
  async next(most: number, signal: AbortSignal): Promise<boolean> {
    const { id } = this.#first;
    if (!this.#isBegun) {
      const response = await ask(`/${id}?content=inline`, { signal });
      await this.#take((await response.json()) as Part, signal);
      this.#isBegun = true;
      return false;
    }
    const limit = this.#limit();
    const query = new URLSearchParams({ depth: "1", content: "inline", limit: `${limit}` });
    if (this.#after !== undefined) query.set("after", this.#after);
    const found = await jsonLines<Part>(await ask(`/${id}/effects?${query}`, { signal }));
    for (const part of found) {
      this.#after = part.id;
      // A client that may write only other topics must not add to the content of this one.
      if (part.topic !== this.#first.topic || chunkIn(part.meta)?.of !== id) continue;
      await this.#take(part, signal);
      if (this.end !== "open" || this.#length >= most) break;
    }
    return found.length < limit;
  }

  #limit(): number {
    const each = Math.max(1, this.#length / Math.max(1, this.parts));
    return Math.min(MAX_PARTS, Math.max(MIN_PARTS, Math.ceil(WANTED_BYTES / each)));
  }

  async #take(part: Part, signal: AbortSignal): Promise<void> {
    this.#add(await contentOf(part, signal));
    if (part.hash !== null) this.parts += 1;
    const chunk = chunkIn(part.meta);
    if (chunk?.more === false) this.end = chunk.aborted ? "aborted" : "whole";
  }

  #add(bytes: Uint8Array): void {
    const length = this.#length + bytes.length;
    if (length > this.#bytes.length) {
      const larger = new Uint8Array(Math.max(length, this.#bytes.length * 2));
      larger.set(this.bytes);
      this.#bytes = larger;
    }
    this.#bytes.set(bytes, this.#length);
    this.#length = length;
  }
}

/** @throws Problem where the content is damaged or missing */
async function contentOf(part: Part, signal: AbortSignal): Promise<Uint8Array> {
  const { id, content, content_base64, content_size, content_error } = part;
  if (content !== undefined) return new TextEncoder().encode(content);
  if (content_base64 !== undefined) return bytesOf(content_base64);
  if (content_size !== undefined) {
    return new Uint8Array(await (await ask(`/${id}/content`, { signal })).arrayBuffer());
  }
  if (content_error === undefined) return new Uint8Array();
  throw new Problem(0, content_error, `the content of the part ${id} cannot be read`);
}
