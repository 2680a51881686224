import type { Store } from "../store/store.ts";

/** Content up to this size, in bytes, is kept ... */
const SMALL = 16 * 1024;
/** ... and so many of them. */
const MOST = 64;

/** The content of answers. What was sent lately is at hand: what goes to many is read once. */
export class RecentContent {
  readonly #store: Store;
  /** By hash, so it is never out of date; the one that was opened first goes first. */
  readonly #known = new Map<string, Uint8Array>();

  constructor(store: Store) {
    this.#store = store;
  }

  /** Small content as bytes, what is larger to be read in pieces; undefined where there is none. */
  async open(hash: string): Promise<Uint8Array | Blob | undefined> {
    const known = this.#known.get(hash);
    if (known) return known;
    const content = await this.#store.content.open(hash);
    if (!content || content.size > SMALL) return content;
    const bytes = await content.bytes();
    this.#known.set(hash, bytes);
    for (const oldest of this.#known.keys()) {
      if (this.#known.size <= MOST) break;
      this.#known.delete(oldest);
    }
    return bytes;
  }
}
