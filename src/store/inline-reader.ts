import type { Content, InlinedPage } from "./content.ts";
import type { LineReader } from "./frame-reader.ts";

const LF = 10;
/** The size at which pages are cut into pieces. */
const PIECE_BYTES = 64 * 1024;
/** Pieces whose content is read at once, unless that is much. */
const MAX_PIECES = 6;

/** A part of a page, with its content on the way; undefined where that waits until it is asked for. */
interface Piece {
  readonly frames: Uint8Array;
  readonly whole: Promise<InlinedPage> | undefined;
}

/**
 * A read of frames with their content. It reads a little ahead of its client: the content of a few pieces, and one page
 * of frames. Where there is much content, it reads none ahead.
 */
export class InlineReader implements LineReader {
  readonly #frames: LineReader;
  readonly #content: Content;
  readonly #pieces: Piece[] = [];
  /** How many pieces are read at once. */
  #atOnce = 2;
  /** The part of the page whose content is not on the way yet. */
  #rest: Uint8Array | undefined;
  /** Resolves when the next page has come, or the end. */
  #page: Promise<void> | undefined;
  #hasEnded = false;

  constructor(frames: LineReader, content: Content) {
    this.#frames = frames;
    this.#content = content;
  }

  async next(): Promise<Uint8Array | undefined> {
    for (;;) {
      this.#readAhead();
      // What is on the way goes out first, even where the next page is long in coming.
      const piece = this.#pieces.shift();
      if (piece) return await this.#finish(piece);
      if (this.#hasEnded) return undefined;
      await this.#page;
    }
  }

  close(): void {
    this.#frames.close();
  }

  #readAhead(): void {
    while (this.#rest && this.#pieces.length < this.#atOnce) {
      const page = this.#rest;
      const end = page.indexOf(LF, Math.min(page.length, PIECE_BYTES) - 1) + 1;
      this.#rest = end < page.length ? page.subarray(end) : undefined;
      const frames = page.subarray(0, end);
      this.#pieces.push({ frames, whole: quietly(this.#content.inline(frames)) });
    }
    if (!this.#rest && !this.#hasEnded) this.#page ??= quietly(this.#nextPage());
  }

  async #nextPage(): Promise<void> {
    const page = await this.#frames.next();
    this.#page = undefined;
    this.#rest = page;
    this.#hasEnded = page === undefined;
    if (this.#pieces.length > 0) this.#readAhead();
  }

  async #finish({ frames, whole }: Piece): Promise<Uint8Array> {
    const { bytes, taken } = await (whole ?? this.#content.inline(frames));
    const isWhole = taken === frames.length;
    this.#atOnce = isWhole ? Math.min(this.#atOnce + 1, MAX_PIECES) : 1;
    if (!isWhole) this.#pieces.unshift({ frames: frames.subarray(taken), whole: undefined });
    return bytes;
  }
}

/** A promise that may reject before it is awaited, or be given up: that is not an error of the process. */
function quietly<T>(promise: Promise<T>): Promise<T> {
  promise.catch(() => {});
  return promise;
}
