/** Reads what {@link ByteWriter} wrote. @throws RangeError where the bytes end too early */
export class ByteReader {
  readonly #bytes: Buffer;
  #at: number;

  /** @param at where it begins */
  constructor(bytes: Uint8Array, at = 0) {
    this.#bytes = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
    this.#at = at;
  }

  get isAtEnd(): boolean {
    return this.#at === this.#bytes.length;
  }

  byte(): number {
    return this.#bytes[this.#take(1)] as number;
  }

  number(): number {
    let value = 0;
    for (let weight = 1; ; weight *= 128) {
      const byte = this.byte();
      value += (byte & 0x7f) * weight;
      if (!Number.isSafeInteger(value)) throw new RangeError("a number is beyond 2^53");
      if (byte < 0x80) return value;
    }
  }

  text(): string {
    const length = this.number();
    const start = this.#take(length);
    return this.#bytes.toString("utf8", start, start + length);
  }

  /** A copy of bytes that stand behind their length. */
  sized(): Uint8Array<ArrayBuffer> {
    return this.raw(this.number());
  }

  /** A copy of so many bytes. */
  raw(length: number): Uint8Array<ArrayBuffer> {
    const start = this.#take(length);
    return new Uint8Array(this.#bytes.subarray(start, start + length));
  }

  /** Goes past so many bytes and returns where they begin. */
  #take(length: number): number {
    const start = this.#at;
    if (length > this.#bytes.length - start) throw new RangeError("the bytes end too early");
    this.#at = start + length;
    return start;
  }
}
