import type { Store } from "../store/store.ts";

/** The largest content to keep in memory, in bytes. */
const MAX_KEPT_SIZE = 16 * 1024;
/** The most contents to keep in memory. */
const MAX_KEPT_CONTENTS = 64;

/** Reads the content of responses, and keeps recent small content in memory: many clients get the same one. */
export class RecentContent {
  readonly #store: Store;
  /** By hash, so it never goes out of date. The content that was read first is dropped first. */
  readonly #known = new Map<string, Uint8Array>();

  constructor(store: Store) {
    this.#store = store;
  }

  /** Opens content: as bytes if it is small, else as a Blob; undefined if the store does not have it. */
  async open(hash: string): Promise<Uint8Array | Blob | undefined> {
    const known = this.#known.get(hash);
    if (known) return known;
    const content = await this.#store.content.open(hash);
    if (!content || content.size > MAX_KEPT_SIZE) return content;
    const bytes = await content.bytes();
    this.#known.set(hash, bytes);
    for (const oldest of this.#known.keys()) {
      if (this.#known.size <= MAX_KEPT_CONTENTS) break;
      this.#known.delete(oldest);
    }
    return bytes;
  }
}
