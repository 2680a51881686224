import { hashOf } from "../../../core/hash.ts";
import { streamOf } from "../../../lib/streams.ts";
import type { TakenContent } from "../../types.ts";
import { type ContentStore, STAGED_MAX } from "../content/content.ts";
import type { ImportSpace } from "./import-space.ts";

/** The most small contents that share a commit, and their bytes. */
const MAX_BATCH = 1000;
const MAX_BATCH_BYTES = 8 * 1024 * 1024;

/**
 * Adds the content of an import to the store, before the frames that name it. New content stays marked for
 * the collector until the import succeeds, so a failed import leaves no garbage.
 */
export class ImportedContent {
  readonly #content: ContentStore;
  readonly #space: ImportSpace;
  #batch: (TakenContent & { readonly bytes: Uint8Array })[] = [];
  #batchBytes = 0;

  constructor(content: ContentStore, space: ImportSpace) {
    this.#content = content;
    this.#space = space;
  }

  /** Adds one content. Resolves to false if the bytes do not match the hash. */
  async add(hash: string, size: number, body: AsyncGenerator<Uint8Array>): Promise<boolean> {
    if (size > STAGED_MAX) return this.#addLarge(hash, body);
    const bytes = Buffer.concat(await Array.fromAsync(body));
    if (hashOf(bytes) !== hash) return false;
    this.#batch.push({ hash, size, bytes });
    this.#batchBytes += size;
    if (this.#batch.length >= MAX_BATCH || this.#batchBytes >= MAX_BATCH_BYTES) await this.finish();
    return true;
  }

  /** Commits the contents that wait in the batch. */
  async finish(): Promise<void> {
    const batch = this.#batch;
    this.#batch = [];
    this.#batchBytes = 0;
    const there = await Promise.all(batch.map(({ hash }) => this.#isThere(hash)));
    const missing = batch.filter((_, at) => !there[at]);
    const taken: TakenContent[] = [];
    // take waits when content arrives faster than it is flushed.
    for (const content of missing) {
      taken.push((await this.#content.take(content.bytes)) ?? content);
    }
    // Called together, they share a commit, so no content is stored without its mark for the collector.
    await Promise.all([this.#note(missing.map(({ hash }) => hash)), this.#content.keep(...taken)]);
  }

  async #addLarge(hash: string, body: AsyncGenerator<Uint8Array>): Promise<boolean> {
    await this.#note([hash]);
    const content = this.#content;
    const taken = await content.take(streamOf(body));
    if (taken && taken.hash !== hash) {
      await content.leaveToCollector([taken.hash]);
      content.unpin(taken);
      return false;
    }
    if (taken) await this.#content.keep((await content.remote?.put(taken)) ?? taken);
    return true;
  }

  async #note(hashes: readonly string[]): Promise<void> {
    const fresh = hashes.filter((hash) => !this.#content.has(hash));
    for (const hash of fresh) this.#space.addFresh(hash);
    if (fresh.length > 0) await this.#content.leaveToCollector(fresh);
  }

  async #isThere(hash: string): Promise<boolean> {
    const content = this.#content;
    if (!content.has(hash)) return false;
    // Damaged content counts as missing: storing it again repairs it.
    return (await content.open(hash).catch(() => undefined)) !== undefined;
  }
}
