import { quoted } from "../core/error.ts";
import { hashOf } from "../core/hash.ts";
import { streamOf } from "../lib/streams.ts";
import { STAGED_MAX } from "../store/sqlite/content/content.ts";
import type { ImportSpace } from "../store/sqlite/transfer/import-space.ts";
import type { Store } from "../store/store.ts";
import type { TakenContent } from "../store/types.ts";
import { badTar, type TarEntry } from "./tar-entries.ts";

/** The most small contents that share a commit, and their bytes. */
const MAX_BATCH = 1000;
const MAX_BATCH_BYTES = 8 * 1024 * 1024;

/**
 * Adds the content of a tar to the store, before the frames that name it. New content stays marked for
 * the collector until the import succeeds, so a failed import leaves no garbage.
 */
export class ImportedContent {
  readonly #store: Store;
  readonly #space: ImportSpace;
  #batch: (TakenContent & { readonly bytes: Uint8Array })[] = [];
  #batchBytes = 0;

  constructor(store: Store, space: ImportSpace) {
    this.#store = store;
    this.#space = space;
  }

  /** Adds one content. @throws XsError `bad_tar` if the bytes do not match the hash */
  async add(hash: string, { name, size, body }: TarEntry): Promise<void> {
    if (size > STAGED_MAX) return this.#addLarge(hash, name, body);
    const bytes = Buffer.concat(await Array.fromAsync(body));
    if (hashOf(bytes) !== hash) throw wrongBytes(name);
    this.#batch.push({ hash, size, bytes });
    this.#batchBytes += size;
    if (this.#batch.length >= MAX_BATCH || this.#batchBytes >= MAX_BATCH_BYTES) await this.finish();
  }

  /** Commits the contents that wait in the batch. */
  async finish(): Promise<void> {
    const batch = this.#batch;
    this.#batch = [];
    this.#batchBytes = 0;
    const there = await Promise.all(batch.map(({ hash }) => this.#isThere(hash)));
    const missing = batch.filter((_, at) => !there[at]);
    const taken: TakenContent[] = [];
    // takeBytes waits when content arrives faster than it is flushed.
    for (const content of missing) {
      taken.push((await this.#store.content.takeBytes(content.bytes)) ?? content);
    }
    // Called together, they share a commit, so no content is stored without its mark for the collector.
    await Promise.all([this.#note(missing.map(({ hash }) => hash)), this.#store.keep(...taken)]);
  }

  async #addLarge(hash: string, name: string, body: TarEntry["body"]): Promise<void> {
    await this.#note([hash]);
    const { content } = this.#store;
    const taken = await content.take(streamOf(body));
    if (taken && taken.hash !== hash) {
      await content.leaveToCollector([taken.hash]);
      content.unpin(taken);
      throw wrongBytes(name);
    }
    if (taken) await this.#store.keep(taken);
  }

  async #note(hashes: readonly string[]): Promise<void> {
    const fresh = hashes.filter((hash) => !this.#store.content.has(hash));
    for (const hash of fresh) this.#space.addFresh(hash);
    if (fresh.length > 0) await this.#store.content.leaveToCollector(fresh);
  }

  async #isThere(hash: string): Promise<boolean> {
    const { content } = this.#store;
    if (!content.has(hash)) return false;
    // Damaged content counts as missing: storing it again repairs it.
    return (await content.open(hash).catch(() => undefined)) !== undefined;
  }
}

function wrongBytes(name: string) {
  return badTar(
    `${quoted(name)} in the export is damaged: its sha256 is not its name; export it again`,
  );
}
