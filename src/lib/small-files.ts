import { type Pointer, ptr } from "bun:ffi";
import { libc } from "./libc.ts";

/** O_CLOEXEC; O_RDONLY is 0. */
const CLOSE_ON_EXEC = process.platform === "darwin" ? 0x1000000 : 0o2000000;
/** O_NONBLOCK: what should be a file may be a pipe, whose reader would wait for a writer. */
const AT_ONCE = process.platform === "darwin" ? 0x4 : 0o4000;
const USUAL = CLOSE_ON_EXEC | AT_ONCE;
/** O_NOATIME: the time of a first read would be written to the disk for each file. Only its owner may leave it out. */
const NO_ACCESS_TIME = process.platform === "linux" ? 0o1000000 : 0;

/**
 * Reads many small files of a folder, one after the other, with the fewest system calls that do it: to the time that
 * these take, `node:fs` adds a quarter. It keeps its thread busy, so it is for a worker.
 */
export class SmallFiles {
  readonly #folder: number;
  readonly #calls = callsOf();
  readonly #bytes: Buffer;
  readonly #address: Pointer;
  #flags = USUAL | NO_ACCESS_TIME;

  /**
   * @param folder a descriptor of the folder
   * @param most the largest file, in bytes
   */
  constructor(folder: number, most: number) {
    this.#folder = folder;
    this.#bytes = Buffer.alloc(most + 1);
    this.#address = ptr(this.#bytes);
  }

  /**
   * Reads one file. The bytes are valid until the next call.
   *
   * @param path below the folder, with a NUL at its end
   * @returns undefined if there is no such file, or it cannot be read now: other ways of reading tell which
   */
  read(path: Uint8Array): Uint8Array | "too large" | undefined {
    if (!this.#calls) return undefined;
    const { open, read, close } = this.#calls;
    let file = open(this.#folder, ptr(path), this.#flags);
    if (file < 0 && this.#flags !== USUAL) {
      file = open(this.#folder, ptr(path), USUAL);
      if (file >= 0) this.#flags = USUAL;
    }
    if (file < 0) return undefined;
    const size = read(file, this.#address, this.#bytes.length);
    close(file);
    if (size === this.#bytes.length) return "too large";
    return size < 0 ? undefined : this.#bytes.subarray(0, size);
  }
}

function callsOf() {
  const [open, read, close] = [libc("openat"), libc("read"), libc("close")];
  return open && read && close ? { open, read, close } : undefined;
}
