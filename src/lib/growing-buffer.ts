/** Bytes of the first allocation. */
const FIRST_CAPACITY = 512;

/** A buffer that grows as bytes are added: n bytes cost O(n), however small the pieces are. */
export class GrowingBuffer {
  #buffer: Buffer<ArrayBuffer> = Buffer.alloc(0);
  #size = 0;

  get size(): number {
    return this.#size;
  }

  /** The bytes it holds, without a copy. */
  get bytes(): Buffer<ArrayBuffer> {
    return this.#buffer.subarray(0, this.#size);
  }

  add(bytes: Uint8Array): void {
    const size = this.#size + bytes.length;
    if (size > this.#buffer.length) {
      // Doubles, so that all copies together move no more bytes than the buffer holds.
      const larger = Buffer.allocUnsafe(Math.max(size, 2 * this.#buffer.length, FIRST_CAPACITY));
      larger.set(this.bytes);
      this.#buffer = larger;
    }
    this.#buffer.set(bytes, this.#size);
    this.#size = size;
  }

  /** Removes and returns the bytes it holds; later additions do not change them. */
  take(): Buffer<ArrayBuffer> {
    const { bytes } = this;
    this.#buffer = Buffer.alloc(0);
    this.#size = 0;
    return bytes;
  }
}
