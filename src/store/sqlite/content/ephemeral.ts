/** The most bytes of all ephemeral content in memory. */
const MAX_TOTAL_BYTES = 64 * 1024 * 1024;
/** How long ephemeral content stays for live readers, in ms. */
const MAX_AGE_MS = 60_000;

/** The largest content of one ephemeral frame, in bytes. */
export const MAX_EPHEMERAL_BYTES = 16 * 1024 * 1024;

/** The content of ephemeral frames, which stays in memory for a while and never goes to disk. */
export class EphemeralContent {
  readonly #kept = new Map<string, { bytes: Uint8Array; until: number }>();
  #size = 0;

  put(hash: string, bytes: Uint8Array): void {
    this.#drop(hash);
    this.#kept.set(hash, { bytes, until: performance.now() + MAX_AGE_MS });
    this.#size += bytes.length;
    this.sweep();
  }

  get(hash: string): Uint8Array | undefined {
    this.sweep();
    return this.#kept.get(hash)?.bytes;
  }

  /** Drops content that is too old, and the oldest content where there is too much. */
  sweep(): void {
    const now = performance.now();
    for (const [hash, { until }] of this.#kept) {
      if (until > now && this.#size <= MAX_TOTAL_BYTES) return;
      this.#drop(hash);
    }
  }

  #drop(hash: string): void {
    this.#size -= this.#kept.get(hash)?.bytes.length ?? 0;
    this.#kept.delete(hash);
  }
}
