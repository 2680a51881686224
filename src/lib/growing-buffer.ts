/** Room for the first bytes. */
const FIRST_ROOM = 512;

/** Bytes that are added piece by piece: n bytes cost O(n), however small the pieces are. */
export class GrowingBuffer {
  #buffer: Buffer<ArrayBuffer> = Buffer.alloc(0);
  #size = 0;

  get size(): number {
    return this.#size;
  }

  /** What it holds, without a copy. */
  get bytes(): Buffer<ArrayBuffer> {
    return this.#buffer.subarray(0, this.#size);
  }

  add(bytes: Uint8Array): void {
    const size = this.#size + bytes.length;
    if (size > this.#buffer.length) {
      // By doubling, so that the copies add up to no more than what it holds.
      const larger = Buffer.allocUnsafe(Math.max(size, 2 * this.#buffer.length, FIRST_ROOM));
      larger.set(this.bytes);
      this.#buffer = larger;
    }
    this.#buffer.set(bytes, this.#size);
    this.#size = size;
  }

  /** Removes and returns what it holds; later bytes do not touch that. */
  take(): Buffer<ArrayBuffer> {
    const { bytes } = this;
    this.#buffer = Buffer.alloc(0);
    this.#size = 0;
    return bytes;
  }
}
