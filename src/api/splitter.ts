/** Where chunked content is cut: as it arrives, after each line, or after each server-sent event. */
export type ChunkMode = "bytes" | "lines" | "sse";

/** Longest piece, in bytes: a line or event that is longer is cut. */
export const MAX_PIECE = 64 * 1024;

const LF = 10;
const CR = 13;

/** Cuts a stream of bytes into pieces which, joined again, are exactly that stream. */
export class Splitter {
  readonly #mode: ChunkMode;
  /** What has no end yet. */
  #rest: Buffer = Buffer.alloc(0);
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
    this.#rest = this.#rest.length > 0 ? Buffer.concat([this.#rest, bytes]) : Buffer.from(bytes);
    for (let end = this.#end(); end !== undefined; end = this.#end()) {
      pieces.push(this.#rest.subarray(0, end));
      this.#rest = this.#rest.subarray(end);
      this.#searched = 0;
    }
    return pieces;
  }

  /** What is left at the end of the stream; undefined for nothing. */
  end(): Uint8Array | undefined {
    const rest = this.#rest;
    this.#rest = Buffer.alloc(0);
    return rest.length > 0 ? rest : undefined;
  }

  /** Where the first piece of `rest` ends. */
  #end(): number | undefined {
    const { length } = this.#rest;
    if (length === 0) return undefined;
    if (this.#mode === "bytes") return Math.min(length, MAX_PIECE);
    const end = this.#mode === "lines" ? this.#lineEnd() : this.#eventEnd();
    if (end !== undefined && end <= MAX_PIECE) {
      this.#started = false;
      this.#lineEmpty = true;
      return end;
    }
    if (length < MAX_PIECE) return undefined;
    // What follows goes on with the same event.
    const last = this.#rest[MAX_PIECE - 1];
    this.#started = true;
    this.#lineEmpty = last === LF || last === CR;
    return MAX_PIECE;
  }

  #lineEnd(): number | undefined {
    const at = this.#rest.indexOf(LF, this.#searched);
    if (at >= 0) return at + 1;
    this.#searched = this.#rest.length;
    return undefined;
  }

  /** An event ends with an empty line; lines end with CR LF, LF or CR. */
  #eventEnd(): number | undefined {
    const rest = this.#rest;
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
