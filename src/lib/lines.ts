import { GrowingBuffer } from "./growing-buffer.ts";

const LF = 10;

/** A line is longer than its reader accepts. */
export class LineTooLong extends Error {
  constructor(most: number) {
    super(`a line is longer than ${most} bytes`);
  }
}

/** A line is not UTF-8, and its reader accepts only UTF-8. */
export class LineNotText extends Error {
  constructor() {
    super("the line is not UTF-8");
  }
}

/**
 * Splits bytes that arrive in pieces of any size into lines. Every reader of lines uses this class. A
 * line of n bytes costs O(n), even if it arrives byte by byte.
 */
export class LineBuffer {
  readonly #rest = new GrowingBuffer();

  /** Bytes of the unfinished last line. */
  get size(): number {
    return this.#rest.size;
  }

  /**
   * Adds bytes.
   *
   * @returns the lines that are now complete, each with its LF, in at most two pieces: a line that an earlier
   * push began, so that only that one is copied, and the others, which share memory with `bytes`
   */
  push(bytes: Uint8Array): Uint8Array[] {
    const end = bytes.lastIndexOf(LF) + 1;
    const pieces: Uint8Array[] = [];
    let start = 0;
    if (end > 0 && this.size > 0) {
      start = bytes.indexOf(LF) + 1;
      this.#rest.add(bytes.subarray(0, start));
      pieces.push(this.take());
    }
    if (start < end) pieces.push(bytes.subarray(start, end));
    if (end < bytes.length) this.#rest.add(bytes.subarray(end));
    return pieces;
  }

  /** Removes and returns the bytes of the unfinished last line. */
  take(): Uint8Array {
    return this.#rest.take();
  }
}

/**
 * Regroups bytes into pieces that each end with an LF. The last piece may lack it.
 *
 * @param most bytes of a line without its LF
 * @throws LineTooLong
 */
export async function* wholeLines(
  chunks: AsyncIterable<Uint8Array>,
  most = Infinity,
): AsyncGenerator<Uint8Array> {
  const buffer = new LineBuffer();
  for await (const chunk of chunks) {
    yield* buffer.push(chunk);
    if (buffer.size > most) throw new LineTooLong(most);
  }
  if (buffer.size > 0) yield buffer.take();
}

/** Splits such a piece into lines, as bytes without their LF. */
export function* linesOfBytes(bytes: Uint8Array): Generator<Uint8Array> {
  let start = 0;
  for (let end = bytes.indexOf(LF); end >= 0; end = bytes.indexOf(LF, start)) {
    yield bytes.subarray(start, end);
    start = end + 1;
  }
  if (start < bytes.length) yield bytes.subarray(start);
}

/** How {@link textLines} reads lines. */
export interface TextLineOptions {
  /** The longest accepted line, in bytes without its LF. */
  readonly most?: number;
  /** Rejects bytes that are not UTF-8, instead of replacing them by U+FFFD. */
  readonly strict?: boolean;
}

/**
 * Reads the lines of a stream as texts; lines that arrived together come in one list. The lines before a
 * wrong one are yielded before the error is thrown.
 *
 * @throws LineTooLong
 * @throws LineNotText where `strict` is set
 */
export async function* textLines(
  chunks: AsyncIterable<Uint8Array>,
  { most = Infinity, strict = false }: TextLineOptions = {},
): AsyncGenerator<string[]> {
  const decoder = new TextDecoder("utf-8", { ignoreBOM: true, fatal: strict });
  for await (const bytes of wholeLines(chunks, most)) {
    const lines = decodeLines(decoder, bytes);
    if (most === Infinity && !strict) {
      yield lines as string[];
      continue;
    }
    const wrong = lines.findIndex((line) => line === undefined || isLonger(line, most));
    if (wrong < 0) {
      yield lines as string[];
      continue;
    }
    if (wrong > 0) yield lines.slice(0, wrong) as string[];
    if (lines[wrong] === undefined) throw new LineNotText();
    throw new LineTooLong(most);
  }
}

/** Decodes lines; undefined stands for a line that is not UTF-8. */
function decodeLines(decoder: TextDecoder, bytes: Uint8Array): (string | undefined)[] {
  try {
    const lines = decoder.decode(bytes).split("\n");
    if (lines.at(-1) === "") lines.pop();
    return lines;
  } catch {
    return [...linesOfBytes(bytes)].map((line) => {
      try {
        return decoder.decode(line);
      } catch {
        return undefined;
      }
    });
  }
}

/** Tells whether a text takes more than `most` bytes of UTF-8; most texts need no measuring. */
export function isLonger(text: string, most: number): boolean {
  if (text.length * 3 <= most) return false;
  return text.length > most || Buffer.byteLength(text) > most;
}
