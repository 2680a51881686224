import type { ChunkMode } from "../core/chunk.ts";
import { GrowingBuffer } from "../lib/growing-buffer.ts";

/** The longest piece, in bytes: a longer line or event is cut. */
export const MAX_PIECE = 64 * 1024;

const LF = 10;
const CR = 13;

/** Cuts a stream of bytes into pieces; the pieces together are exactly that stream. */
export class Splitter {
  readonly #mode: ChunkMode;
  /** The bytes of the unfinished piece. */
  readonly #rest = new GrowingBuffer();
  /** The part of `rest` that was searched for an end, in bytes. */
  #searched = 0;
  /** The present event: whether it has begun, and whether its last line is empty. */
  #started = false;
  #lineEmpty = true;

  constructor(mode: ChunkMode) {
    this.#mode = mode;
  }

  /** Adds bytes and returns the pieces that they complete. */
  push(bytes: Uint8Array): Uint8Array[] {
    const pieces: Uint8Array[] = [];
    this.#rest.add(bytes);
    let rest = this.#rest.bytes;
    for (let end = this.#end(rest); end !== undefined; end = this.#end(rest)) {
      pieces.push(rest.subarray(0, end));
      rest = rest.subarray(end);
      this.#searched = 0;
    }
    if (pieces.length > 0) {
      // The pieces share the old buffer, so the rest moves to a new one.
      this.#rest.take();
      this.#rest.add(rest);
    }
    return pieces;
  }

  /** Returns the unfinished piece at the end of the stream; undefined if there is none. */
  end(): Uint8Array | undefined {
    return this.#rest.size > 0 ? this.#rest.take() : undefined;
  }

  /** The end of the first piece in `rest`; undefined if it is unfinished. */
  #end(rest: Buffer): number | undefined {
    const { length } = rest;
    if (length === 0) return undefined;
    if (this.#mode === "bytes") return Math.min(length, MAX_PIECE);
    // Only one byte more than a piece may hold: the search repeats after each cut.
    const window = rest.subarray(0, MAX_PIECE + 1);
    const end = this.#mode === "lines" ? this.#lineEnd(window) : this.#eventEnd(window);
    if (end !== undefined && end <= MAX_PIECE) {
      this.#started = false;
      this.#lineEmpty = true;
      return end;
    }
    if (length < MAX_PIECE) return undefined;
    // The next piece continues the same event.
    const last = rest[MAX_PIECE - 1];
    this.#started = true;
    this.#lineEmpty = last === LF || last === CR;
    return MAX_PIECE;
  }

  #lineEnd(rest: Buffer): number | undefined {
    const at = rest.indexOf(LF, this.#searched);
    if (at >= 0) return at + 1;
    this.#searched = rest.length;
    return undefined;
  }

  /** An event ends with an empty line; lines end with CR LF, LF or CR. */
  #eventEnd(rest: Buffer): number | undefined {
    let at = this.#searched;
    for (; at < rest.length; at++) {
      const byte = rest[at];
      if (byte !== LF && byte !== CR) {
        this.#started = true;
        this.#lineEmpty = false;
        continue;
      }
      // The next bytes decide whether an LF follows this CR.
      if (byte === CR && at + 1 === rest.length) break;
      if (byte === CR && rest[at + 1] === LF) at++;
      if (this.#lineEmpty && this.#started) return at + 1;
      this.#lineEmpty = true;
    }
    this.#searched = at;
    return undefined;
  }
}
