import { GrowingBuffer } from "./growing-buffer.ts";

const LF = 10;

/** A line is longer than whoever reads it takes. */
export class LineTooLong extends Error {
  constructor(most: number) {
    super(`a line is longer than ${most} bytes`);
  }
}

/** A line holds bytes that are no UTF-8, and whoever reads it takes nothing else. */
export class LineNotText extends Error {
  constructor() {
    super("the line is not UTF-8");
  }
}

/**
 * Splits bytes that arrive in any pieces into lines. Every reader of lines uses this one; a line of n
 * bytes costs O(n), also where it arrives byte by byte.
 */
export class LineBuffer {
  readonly #rest = new GrowingBuffer();

  /** Bytes of the line that has no end yet. */
  get size(): number {
    return this.#rest.size;
  }

  /**
   * Adds bytes.
   *
   * @returns the lines that are whole now, each with its LF, in one piece; undefined where none is. They
   * may share memory with `bytes`
   */
  push(bytes: Uint8Array): Uint8Array | undefined {
    const end = bytes.lastIndexOf(LF) + 1;
    if (end === 0) {
      this.#rest.add(bytes);
      return undefined;
    }
    const whole = bytes.subarray(0, end);
    const lines = this.size > 0 ? Buffer.concat([this.take(), whole]) : whole;
    if (end < bytes.length) this.#rest.add(bytes.subarray(end));
    return lines;
  }

  /** Removes and returns the bytes of the line that has no end yet. */
  take(): Uint8Array {
    return this.#rest.take();
  }
}

/**
 * The same bytes, in pieces that end with a line's end. The last one may lack it.
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
    const lines = buffer.push(chunk);
    if (lines) yield lines;
    if (buffer.size > most) throw new LineTooLong(most);
  }
  if (buffer.size > 0) yield buffer.take();
}

/** The lines in such a piece, as bytes without their LF. */
export function* linesOfBytes(bytes: Uint8Array): Generator<Uint8Array> {
  let start = 0;
  for (let end = bytes.indexOf(LF); end >= 0; end = bytes.indexOf(LF, start)) {
    yield bytes.subarray(start, end);
    start = end + 1;
  }
  if (start < bytes.length) yield bytes.subarray(start);
}

/** How lines are read as texts. */
export interface TextLineOptions {
  /** Bytes of a line without its LF. */
  readonly most?: number;
  /** What is not UTF-8 is an error, instead of U+FFFD. */
  readonly strict?: boolean;
}

/**
 * The lines of a stream as texts, those that arrived together in one list. What stands before a wrong
 * line is yielded before the error.
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

/** The lines as texts; undefined for one that cannot be decoded. */
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

/** Tells whether a text takes more bytes of UTF-8 than so many; most texts are not measured. */
function isLonger(text: string, most: number): boolean {
  if (text.length * 3 <= most) return false;
  return text.length > most || Buffer.byteLength(text) > most;
}
