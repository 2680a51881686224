/** Bytes that a varint of a whole number below 2^53 takes at most. */
const MAX_VARINT = 8;

/** Puts numbers, texts and bytes one behind the other, in a buffer that grows. {@link ByteReader} takes them apart. */
export class ByteWriter {
  #bytes: Buffer<ArrayBuffer>;
  #size = 0;

  /** @param capacity of the first allocation, in bytes */
  constructor(capacity: number) {
    this.#bytes = Buffer.allocUnsafeSlow(capacity);
  }

  /** What was written, without a copy. */
  get bytes(): Uint8Array<ArrayBuffer> {
    return new Uint8Array(this.#bytes.buffer, 0, this.#size);
  }

  /** A number below 256. */
  byte(value: number): void {
    this.#reserve(1);
    this.#bytes[this.#size++] = value;
  }

  /** A whole number from 0 on, as a varint: 7 bits a byte, the lowest first. */
  number(value: number): void {
    if (!Number.isSafeInteger(value) || value < 0)
      throw new RangeError(`${value} is not a whole number from 0 on`);
    this.#reserve(MAX_VARINT);
    let rest = value;
    // The operators for bits take 32 of them, and times have more.
    for (; rest > 0x7fffffff; rest = Math.floor(rest / 128)) {
      this.#bytes[this.#size++] = (rest % 128) | 0x80;
    }
    for (; rest > 0x7f; rest >>>= 7) this.#bytes[this.#size++] = (rest & 0x7f) | 0x80;
    this.#bytes[this.#size++] = rest;
  }

  /** A text: its length in bytes, then UTF-8. */
  text(value: string): void {
    const length = Buffer.byteLength(value);
    this.number(length);
    this.#reserve(length);
    this.#bytes.write(value, this.#size);
    this.#size += length;
  }

  /** Bytes behind their length. */
  sized(bytes: Uint8Array): void {
    this.number(bytes.length);
    this.raw(bytes);
  }

  /** Bytes whose length the reader knows. */
  raw(bytes: Uint8Array): void {
    this.#reserve(bytes.length);
    this.#bytes.set(bytes, this.#size);
    this.#size += bytes.length;
  }

  #reserve(count: number): void {
    const size = this.#size + count;
    if (size <= this.#bytes.length) return;
    const larger = Buffer.allocUnsafeSlow(Math.max(size, 2 * this.#bytes.length));
    larger.set(this.#bytes.subarray(0, this.#size));
    this.#bytes = larger;
  }
}
