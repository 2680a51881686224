import { statSync } from "node:fs";
import { dirname, join } from "node:path";
import { hashOfDigest } from "../../../core/hash.ts";
import { encodeInline, MAX_INLINE_CONTENT, MAX_INLINE_JSON } from "../../../core/inline-content.ts";
import { SmallFiles } from "../../../lib/small-files.ts";
import { indexedSize } from "./cacache-index.ts";
import { pathInFolder } from "./content-path.ts";

/** The first lines of a page, with their content. */
export interface PageWithFiles {
  /** NDJSON. */
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** The bytes of the page that these lines were. */
  readonly taken: number;
  /** The numbers of lines, from 0, that have no content yet, because no sound file has it. */
  readonly undecided: readonly number[];
}

/** After this many bytes the other lines are left to the next call. */
const MAX_BYTES = 512 * 1024;
/** The most bytes that content takes in a line, with its key. */
const MAX_MEMBER = MAX_INLINE_JSON + 64;

const LF = 10;
const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const SLASH = 0x2f;
const BEFORE_TOPIC = '{"topic":"'.length;
/** From the end of the topic to the value of `hash`. */
const TO_HASH = `","id":"${"0".repeat(25)}","hash":`.length;
const PREFIX = '"sha256-'.length;
const DIGEST_BYTES = 32;
const PATH_BYTES = 2 * DIGEST_BYTES + 2;

const CONTENT = Buffer.from(',"content":"');
const HEX = Buffer.from("0123456789abcdef");
const BASE64 = valuesOfBase64();

/**
 * Adds content to pages of frames from files. All of it is bytes: a string for each of the parts would take longer than
 * the rest of the work that is not the system's. It keeps its thread busy.
 */
export class InlinePages {
  readonly #folder: string;
  /** The cacache directory. */
  readonly #root: string;
  readonly #files: SmallFiles;
  /** The result, whose first `#size` bytes count. */
  #out = Buffer.allocUnsafe(2 * MAX_BYTES + MAX_MEMBER);
  #size = 0;
  readonly #digest = Buffer.alloc(DIGEST_BYTES);
  readonly #found = Buffer.alloc(DIGEST_BYTES);
  /** The path of a file below the folder. */
  readonly #path = Buffer.alloc(PATH_BYTES + 1);

  /** @param descriptor of the folder of all files */
  constructor(folder: string, descriptor: number) {
    this.#folder = folder;
    this.#root = dirname(dirname(folder));
    this.#files = new SmallFiles(descriptor, MAX_INLINE_CONTENT);
  }

  /** @param page NDJSON of stored lines, each as `encodeFrame` begins it */
  add(page: Uint8Array): PageWithFiles {
    const from = Buffer.from(page.buffer, page.byteOffset, page.length);
    const undecided: number[] = [];
    this.#size = 0;
    let start = 0;
    for (let number = 0; start < from.length && this.#size < MAX_BYTES; number++) {
      const end = from.indexOf(LF, start);
      this.#makeRoom(end - start);
      const hash = from.indexOf(QUOTE, start + BEFORE_TOPIC) + TO_HASH;
      if (from[hash] !== QUOTE) this.#copy(from, start, end + 1);
      else if (!this.#addLine(from, start, end, hash + PREFIX)) undecided.push(number);
      start = end + 1;
    }
    return { bytes: new Uint8Array(this.#out.subarray(0, this.#size)), taken: start, undecided };
  }

  /** Adds a line with its content. Returns false if it has none yet. @param hash where its base64 is */
  #addLine(from: Buffer, start: number, end: number, hash: number): boolean {
    this.#locate(from, hash);
    const bytes = this.#files.read(this.#path);
    // The line without its last brace.
    this.#copy(from, start, end - 1);
    const size = bytes === "too large" ? this.#sizeOfFile() : undefined;
    if (size !== undefined) {
      this.#addMember(`"content_size":${size}`);
    } else if (bytes === undefined || bytes === "too large" || !this.#isSound(bytes)) {
      this.#copy(from, end - 1, end + 1);
      return false;
    } else if (isPlain(bytes)) {
      this.#addPlain(bytes);
    } else {
      this.#addMember(encodeInline(bytes));
    }
    return true;
  }

  /** Finds the digest and the path of a hash. */
  #locate(from: Buffer, hash: number): void {
    const digest = this.#digest;
    for (let read = hash, write = 0; write < DIGEST_BYTES; read += 4, write += 3) {
      const bits =
        (digitAt(from, read) << 18) |
        (digitAt(from, read + 1) << 12) |
        (digitAt(from, read + 2) << 6) |
        digitAt(from, read + 3);
      digest[write] = bits >> 16;
      digest[write + 1] = bits >> 8;
      digest[write + 2] = bits;
    }
    const path = this.#path;
    let at = 0;
    for (let number = 0; number < DIGEST_BYTES; number++) {
      if (number === 1 || number === 2) path[at++] = SLASH;
      const byte = digest[number] as number;
      path[at++] = HEX[byte >> 4] as number;
      path[at++] = HEX[byte & 15] as number;
    }
  }

  #isSound(bytes: Uint8Array): boolean {
    Bun.CryptoHasher.hash("sha256", bytes, this.#found);
    return this.#found.equals(this.#digest);
  }

  /** The size of a large file; undefined where it is not the one that was written. */
  #sizeOfFile(): number | undefined {
    const hash = hashOfDigest(this.#digest);
    const path = join(this.#folder, pathInFolder(hash));
    const size = statSync(path, { throwIfNoEntry: false })?.size;
    const written = indexedSize(this.#root, hash);
    return written === undefined || written === size ? size : undefined;
  }

  #addPlain(bytes: Uint8Array): void {
    this.#copy(CONTENT, 0, CONTENT.length);
    this.#out.set(bytes, this.#size);
    this.#size += bytes.length;
    this.#size += this.#out.write('"}\n', this.#size, "latin1");
  }

  #addMember(member: string): void {
    this.#size += this.#out.write(`,${member}}\n`, this.#size);
  }

  #copy(from: Buffer, start: number, end: number): void {
    this.#size += from.copy(this.#out, this.#size, start, end);
  }

  /** Makes room for one more line, with its content. @param length without it */
  #makeRoom(length: number): void {
    const needed = this.#size + length + MAX_MEMBER;
    if (needed <= this.#out.length) return;
    const larger = Buffer.allocUnsafe(2 * needed);
    this.#out.copy(larger, 0, 0, this.#size);
    this.#out = larger;
  }
}

/** Whether bytes are their own text in JSON: ASCII without a character that is escaped. */
function isPlain(bytes: Uint8Array): boolean {
  for (let at = 0; at < bytes.length; at++) {
    const byte = bytes[at] as number;
    if (byte < 0x20 || byte > 0x7e || byte === QUOTE || byte === BACKSLASH) return false;
  }
  return true;
}

function digitAt(bytes: Uint8Array, at: number): number {
  return BASE64[bytes[at] ?? 0] ?? 0;
}

/** The values of the digits of base64, by their codes; 0 for the padding, and for all others. */
function valuesOfBase64(): Uint8Array {
  const digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  const values = new Uint8Array(256);
  for (const [value, digit] of [...digits].entries()) values[digit.charCodeAt(0)] = value;
  return values;
}
