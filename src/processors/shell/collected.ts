import { type FileHandle, open } from "node:fs/promises";
import { GrowingBuffer } from "../../lib/growing-buffer.ts";
import { isNoSpace } from "../../store/failures.ts";
import { MAX_INLINE } from "./messages.ts";

/** The largest output of a command, in bytes. */
export const MAX_OUTPUT = 64 * 1024 * 1024;
/** The wait before the next attempt where the disk is full, in ms: the command waits so long. */
const FULL_MS = 1000;

/** The standard output of a command: in memory while it is small, else in a file. */
export class CollectedOutput {
  readonly #file: string;
  readonly #small = new GrowingBuffer();
  #handle: FileHandle | undefined;
  #size = 0;
  #isOver = false;

  /** @param file is made where the output is too large for memory */
  constructor(file: string) {
    this.#file = file;
  }

  get isTooLarge(): boolean {
    return this.#size > MAX_OUTPUT;
  }

  get inFile(): boolean {
    return this.#handle !== undefined;
  }

  /** The output, where it is not in the file. */
  get bytes(): Uint8Array {
    return this.#small.bytes;
  }

  /** Takes output, until the end. Returns a promise only where it goes to the file. */
  add(bytes: Uint8Array): Promise<void> | undefined {
    if (this.#isOver || this.isTooLarge) return undefined;
    this.#size += bytes.length;
    if (this.isTooLarge) return undefined;
    if (!this.#handle && this.#small.size + bytes.length <= MAX_INLINE) {
      this.#small.add(bytes);
      return undefined;
    }
    return this.#toFile(bytes);
  }

  /** Takes no more, and closes the file. */
  async end(): Promise<void> {
    this.#isOver = true;
    await this.#handle?.close();
  }

  async #toFile(bytes: Uint8Array): Promise<void> {
    if (!this.#handle) {
      this.#handle = await open(this.#file, "w", 0o600);
      await this.#write(this.#small.take());
    }
    await this.#write(bytes);
  }

  async #write(bytes: Uint8Array): Promise<void> {
    for (let at = 0; at < bytes.length && !this.#isOver; ) {
      try {
        at += (await this.#handle?.write(bytes, at))?.bytesWritten ?? 0;
      } catch (error) {
        if (!isNoSpace(error)) throw error;
        await Bun.sleep(FULL_MS);
      }
    }
  }
}
