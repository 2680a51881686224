import { XsError } from "../core/error.ts";
import { pause } from "../lib/pause.ts";
import { MAX_SMALL_CONTENT } from "../store/content.ts";
import type { ContentPolicy } from "../store/content-policy.ts";
import type { SqliteStore } from "../store/sqlite/engine.ts";
import type { BlobRow } from "../store/sqlite/replica/blob-rows.ts";
import { MAX_SEARCHED } from "../store/sqlite/search/stored-rows.ts";

/** How long to wait after a content could not be fetched, in ms. */
const RETRY_MS = 3000;
/** A copy that was used so lately stays, as somebody may be about to read it, in ms. */
const IN_USE_MS = 60_000;
/** What no write names stays for so long: its write may still come, in ms. */
export const GRACE_MS = 24 * 60 * 60 * 1000;

/** Keeps copies of large content on a node: fetches what it should have, and removes what it need not have. */
export class ContentCopies {
  readonly #store: SqliteStore;
  readonly #policy: ContentPolicy;
  readonly #wanted = new Set<string>();
  /** When a content was read last, by `performance.now()`. */
  readonly #used = new Map<string, number>();
  #running: Promise<void> | undefined;
  #stop = new AbortController();

  constructor(store: SqliteStore, policy: ContentPolicy) {
    this.#store = store;
    this.#policy = policy;
    const { remote } = store.content;
    if (!remote) throw new XsError("internal", "the store has no journal");
    remote.used = (hash) => this.#used.set(hash, performance.now());
    remote.fetched = (hash, size) => void this.#fetched(hash, size).catch(() => {});
    this.added(this.#rows.all());
  }

  /** Takes note of large content that was added to the store. */
  added(rows: readonly BlobRow[]): void {
    for (const { hash, size } of rows) {
      if (this.#policy === "all" || size <= MAX_SEARCHED) this.#wanted.add(hash);
    }
    if (this.#wanted.size === 0 || this.#stop.signal.aborted) return;
    this.#running ??= this.#fetchAll().finally(() => {
      this.#running = undefined;
    });
  }

  /** Removes large files that no write has named: they are of writes that never came. */
  async sweep(now: number, graceMs = GRACE_MS): Promise<void> {
    const { files } = this.#store.content;
    for await (const hash of files.list()) {
      const state = files.stateOf(hash);
      if (!state || state.size <= MAX_SMALL_CONTENT || state.writtenAt > now - graceMs) continue;
      if (!this.#rows.find(hash) && !this.#store.content.isOnItsWay(hash)) await this.#remove(hash);
    }
  }

  /** Removes the copies that were not used for the longest time, until the others are small enough. */
  async evict(inUseMs = IN_USE_MS): Promise<void> {
    if (this.#policy === "all" || this.#store.holdsContent) return;
    const { files } = this.#store.content;
    const rows = this.#rows;
    const all = rows.fetched();
    const gone = all.filter(({ hash }) => !files.has(hash));
    if (gone.length > 0) {
      await this.#store.replica?.commits.local(() => {
        for (const { hash } of gone) rows.forgetFetched(hash);
      });
    }
    const copies = all.filter(({ hash, size }) => size > MAX_SEARCHED && files.has(hash));
    let total = copies.reduce((sum, { size }) => sum + size, 0);
    const lastUse = (hash: string) => this.#used.get(hash) ?? 0;
    copies.sort((one, other) => lastUse(one.hash) - lastUse(other.hash));
    for (const { hash, size } of copies) {
      if (total <= this.#policy.cacheBytes) return;
      if (this.#used.has(hash) && lastUse(hash) > performance.now() - inUseMs) continue;
      await this.#remove(hash);
      total -= size;
    }
  }

  async stop(): Promise<void> {
    this.#stop.abort();
    await this.#running;
  }

  get #rows() {
    const { replica } = this.#store;
    if (!replica) throw new XsError("internal", "the store has no journal");
    return replica.blobs;
  }

  async #fetchAll(): Promise<void> {
    const { content } = this.#store;
    for (;;) {
      const [hash] = this.#wanted;
      if (hash === undefined) return;
      try {
        if (!content.files.has(hash)) await content.remote?.fetch(hash);
        this.#wanted.delete(hash);
      } catch (error) {
        if (this.#stop.signal.aborted) return;
        if (!(error instanceof XsError)) throw error;
        // What is damaged or gone is reported by a check, and to whoever reads it.
        if (!PASSES.has(error.code)) this.#wanted.delete(hash);
        else await pause(RETRY_MS, this.#stop.signal);
      }
      if (this.#stop.signal.aborted) return;
    }
  }

  async #fetched(hash: string, size: number): Promise<void> {
    this.#used.set(hash, performance.now());
    const rows = this.#rows;
    await this.#store.replica?.commits.local(() => rows.noteFetched(hash, size));
    await this.evict();
  }

  async #remove(hash: string): Promise<void> {
    const { files } = this.#store.content;
    const rows = this.#rows;
    files.remove(hash);
    this.#used.delete(hash);
    await files.removeIndex([hash]);
    await this.#store.replica?.commits.local(() => rows.forgetFetched(hash));
  }
}

/** What passes: it is tried again. */
const PASSES = new Set(["journal_unreachable", "disk_full", "too_many_files"]);
