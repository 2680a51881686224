import type { ChunkMode } from "../core/chunk.ts";
import { GrowingBuffer } from "../lib/growing-buffer.ts";

/** Longest piece, in bytes: a line or event that is longer is cut. */
export const MAX_PIECE = 64 * 1024;

const LF = 10;
const CR = 13;

/** Cuts a stream of bytes into pieces which, joined again, are exactly that stream. */
export class Splitter {
  readonly #mode: ChunkMode;
  /** What has no end yet. */
  readonly #rest = new GrowingBuffer();
  /** How far `rest` was searched for an end. */
  #searched = 0;
  /** Of the event so far: it has begun, and its last line is empty. */
  #started = false;
  #lineEmpty = true;

  constructor(mode: ChunkMode) {
    this.#mode = mode;
  }

  /** The pieces that these bytes complete. */
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
      // The pieces keep the memory that they stand in.
      this.#rest.take();
      this.#rest.add(rest);
    }
    return pieces;
  }

  /** What is left at the end of the stream; undefined for nothing. */
  end(): Uint8Array | undefined {
    return this.#rest.size > 0 ? this.#rest.take() : undefined;
  }

  /** Where the first piece of `rest` ends. */
  #end(rest: Buffer): number | undefined {
    const { length } = rest;
    if (length === 0) return undefined;
    if (this.#mode === "bytes") return Math.min(length, MAX_PIECE);
    // Not further than one more than a piece may hold: all of it is looked at again after each cut.
    const window = rest.subarray(0, MAX_PIECE + 1);
    const end = this.#mode === "lines" ? this.#lineEnd(window) : this.#eventEnd(window);
    if (end !== undefined && end <= MAX_PIECE) {
      this.#started = false;
      this.#lineEmpty = true;
      return end;
    }
    if (length < MAX_PIECE) return undefined;
    // What follows goes on with the same event.
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
      // Whether an LF follows this CR is still to come.
      if (byte === CR && at + 1 === rest.length) break;
      if (byte === CR && rest[at + 1] === LF) at++;
      if (this.#lineEmpty && this.#started) return at + 1;
      this.#lineEmpty = true;
    }
    this.#searched = at;
    return undefined;
  }
}
