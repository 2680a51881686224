import { parseTtl } from "../../core/ttl.ts";
import { LineBuffer, linesOfBytes } from "../../lib/lines.ts";
import { Signal } from "../../lib/signal.ts";
import { MAX_SMALL_CONTENT } from "../../store/content.ts";
import { appendLines, appendLong, type LineTarget } from "./output.ts";

const LF = 10;
/** The frames that the store keeps of a topic. */
const KEPT_FRAMES = 500;
const STDERR_TTL = parseTtl(`last:${KEPT_FRAMES}`);
/** The most lines that wait for the store: the others go, with a line that counts them. */
const MAX_LINES = KEPT_FRAMES - 1;
/** The most bytes of lines that wait for the store. */
const MAX_WAITING = 4 * 1024 * 1024;
/** How long the writer rests where lines were left out, in ms: a flood must not keep the store busy. */
const REST_MS = 100;
/** How much of the end of stderr is kept in memory, as the reason why a program ended. */
const TAIL_CHARACTERS = 2000;

/**
 * Appends standard error as frames NAME.stderr, and keeps its end in memory. A program that prints faster than the store
 * takes lines is not held up: lines that newer ones would push out anyway are left out, and a line says how many.
 */
export class StderrWriter {
  /** Settles when all of the stream is in the store, or the store rejects it. */
  readonly done: Promise<void>;
  readonly #target: LineTarget;
  readonly #decoder = new TextDecoder();
  #tail = "";
  #waiting: Uint8Array[] = [];
  /** The bytes of the waiting lines. */
  #size = 0;
  /** Lines before those that wait. */
  #leftOut = 0;
  /** Woken when lines wait, or nothing more comes. */
  readonly #come = new Signal();
  /** Woken when no lines wait. */
  readonly #gone = new Signal();
  #isOver = false;
  #isWriting = false;
  readonly #reading: Promise<void>;

  constructor(stream: ReadableStream<Uint8Array>, target: Omit<LineTarget, "ttl">) {
    this.#target = { ...target, ttl: STDERR_TTL };
    this.#reading = this.#read(stream)
      .catch(() => {})
      .finally(() => {
        this.#isOver = true;
        this.#come.wake();
      });
    this.done = this.#write().catch(() => {});
  }

  /** The end of the stream so far, without escape sequences. */
  get tail(): string {
    return Bun.stripANSI(this.#tail).trim();
  }

  async #read(stream: ReadableStream<Uint8Array>): Promise<void> {
    const reader = stream.getReader() as ReadableStreamDefaultReader<Uint8Array>;
    const noted = {
      read: async () => {
        const result = await reader.read();
        if (result.value) this.#note(result.value);
        return result;
      },
    };
    const buffer = new LineBuffer();
    for (;;) {
      const { value, done } = await noted.read();
      if (done) break;
      for (const piece of buffer.push(value)) this.#add(piece);
      while (buffer.size > MAX_SMALL_CONTENT) {
        // Such a line is never whole in memory: it follows those that wait.
        while (this.#isWriting || this.#waiting.length > 0) await this.#gone.wait();
        const after = await appendLong(buffer.take(), noted, this.#target);
        for (const piece of buffer.push(after)) this.#add(piece);
      }
    }
    if (buffer.size > 0) this.#add(buffer.take());
  }

  #note(bytes: Uint8Array): void {
    const text = this.#decoder.decode(bytes.subarray(-TAIL_CHARACTERS), { stream: true });
    this.#tail = (this.#tail + text).slice(-TAIL_CHARACTERS);
  }

  /** @param piece whole lines */
  #add(piece: Uint8Array): void {
    const start = startOfLast(piece, MAX_LINES);
    if (start > 0) this.#leftOut += this.#drop(this.#waiting.length) + countLines(piece, start);
    for (const line of linesOfBytes(piece.subarray(start))) {
      this.#waiting.push(line);
      this.#size += line.length;
    }
    this.#leftOut += this.#drop(this.#waiting.length - MAX_LINES);
    while (this.#size > MAX_WAITING) this.#leftOut += this.#drop(1);
    this.#come.wake();
  }

  /** Drops the oldest of the lines that wait, and returns how many. */
  #drop(most: number): number {
    if (most <= 0) return 0;
    const dropped = this.#waiting.splice(0, most);
    for (const line of dropped) this.#size -= line.length;
    return dropped.length;
  }

  async #write(): Promise<void> {
    for (;;) {
      while (this.#waiting.length === 0 && !this.#isOver) await this.#come.wait();
      if (this.#waiting.length === 0) return;
      const [lines, leftOut] = [this.#waiting, this.#leftOut];
      [this.#waiting, this.#size, this.#leftOut, this.#isWriting] = [[], 0, 0, true];
      const gap = `(${leftOut.toLocaleString("en")} ${leftOut === 1 ? "line" : "lines"} left out)`;
      await appendLines(leftOut > 0 ? [Buffer.from(gap), ...lines] : lines, this.#target);
      this.#isWriting = false;
      if (this.#waiting.length === 0) this.#gone.wake();
      if (leftOut > 0) await Promise.race([Bun.sleep(REST_MS), this.#reading]);
    }
  }
}

/** Where the last lines of a piece of whole lines begin: of the last one, its LF may lack. */
function startOfLast(piece: Uint8Array, lines: number): number {
  let end = piece.length;
  for (let n = 0; n < lines && end > 0; n++) end = piece.lastIndexOf(LF, end - 2) + 1;
  return end;
}

/** Counts the lines before a place in a piece. */
function countLines(piece: Uint8Array, end: number): number {
  let count = 0;
  for (let at = 0; at < end; at++) if (piece[at] === LF) count++;
  return count;
}
