import type { Database } from "bun:sqlite";
import { XsError } from "../../../core/error.ts";
import type { Collected } from "../../upkeep.ts";
import type { Transaction } from "../commit/transaction.ts";
import type { ContentFiles } from "./cacache-files.ts";
import type { FreedFiles } from "./freed-files.ts";
import type { Homes } from "./homes.ts";
import type { Pins } from "./pins.ts";
import { scanReferences } from "./reference-scan.ts";
import type { RemoteContent } from "./remote.ts";
import type { ContentTables } from "./tables.ts";

/** The most contents about which one scan of the store decides. */
const CONTENTS_A_SCAN = 100_000;
/** The most contents that one commit removes. */
const REMOVALS_A_COMMIT = 1000;
/** Content that no frame ever had stays for this long: its frame may still come. */
const GRACE_MS = 24 * 60 * 60 * 1000;
/** After a collection in the background, the collector rests for this many times the duration of its scan. */
const REST_FACTOR = 20;
const MIN_REST_MS = 1000;

/** The part of the store that the collector uses. */
export interface CollectorUses {
  readonly db: Database;
  readonly tables: ContentTables;
  readonly files: ContentFiles;
  readonly homes: Homes;
  readonly pins: Pins;
  readonly freedFiles: FreedFiles;
  /** Of a store on several machines. */
  readonly remote: RemoteContent | undefined;
  /** Runs a write in the next commit. */
  write<T>(run: (transaction: Transaction) => T): Promise<T>;
  /** Runs a read. Throws its failure as an XsError. */
  guard<T>(run: () => T): T;
  /** Reports a failure that no caller waits for. */
  failed(error: Error): void;
}

/**
 * Frees content to which nothing refers any more. A removal makes the hashes of its frame candidates. A scan of the log
 * and of the key/value store drops those that appear elsewhere, in a hash, a meta or a value, and the content of the
 * others is removed. So appends need no count of references, and a hash that appears anywhere keeps its content.
 */
export class Collector {
  readonly #uses: CollectorUses;
  readonly #tables: ContentTables;
  #holds = 0;
  #running: Promise<unknown> = Promise.resolve();
  #restUntil = 0;
  /** How long the last scan took. */
  #scanMs = 0;
  #inBackground: Promise<void> | undefined;

  constructor(uses: CollectorUses) {
    this.#uses = uses;
    this.#tables = uses.tables;
  }

  /** Keeps all content, for an export or import. Resolves to the function that ends this. */
  async hold(): Promise<() => void> {
    this.#holds++;
    this.#uses.freedFiles.hold();
    await this.#running.catch(() => {});
    let released = false;
    return () => {
      if (released) return;
      released = true;
      this.#holds--;
      this.#uses.freedFiles.release();
    };
  }

  /**
   * Frees what was removed, and what no frame ever had for a day.
   *
   * @param dryRun only tell
   * @throws XsError `busy`
   */
  collect(dryRun = false): Promise<Collected> {
    return this.#exclusive(async () => {
      const total = { contents: 0, bytes: 0 };
      let round = new Set<string>();
      const finish = async () => {
        const { contents, bytes } = await this.#round(round, dryRun);
        total.contents += contents;
        total.bytes += bytes;
        round = new Set();
      };
      for await (const hash of this.#everything()) {
        round.add(hash);
        if (round.size >= CONTENTS_A_SCAN) await finish();
      }
      await finish();
      return total;
    });
  }

  /**
   * Frees the content of removed frames and entries in the background, unless the collector rests. Resolves at its end;
   * undefined where no collection runs.
   *
   * @param urgent do not rest
   */
  collectSoon(urgent = this.#tables.staged.hasMuchUnused): Promise<void> | undefined {
    if (this.#inBackground !== undefined) return this.#inBackground;
    if (this.#holds > 0 || (!urgent && performance.now() < this.#restUntil)) return undefined;
    const hashes = new Set(this.#candidates(CONTENTS_A_SCAN));
    if (hashes.size === 0) return undefined;
    this.#inBackground = this.#exclusive(() => this.#round(hashes, false))
      .catch((error) => {
        if (!(error instanceof XsError)) this.#uses.failed(error);
      })
      .then(() => {
        this.#restUntil = performance.now() + Math.max(MIN_REST_MS, this.#scanMs * REST_FACTOR);
        this.#inBackground = undefined;
      });
    return this.#inBackground;
  }

  /** Whether an export, an import or a check needs all content. */
  get isHeld(): boolean {
    return this.#holds > 0;
  }

  /** Waits for the running collection. */
  async idle(): Promise<void> {
    await this.#running.catch(() => {});
  }

  #exclusive<T>(run: () => Promise<T>): Promise<T> {
    const next = this.#running
      .catch(() => {})
      .then(() => {
        if (this.#holds === 0) return run();
        throw new XsError("busy", "an export or import needs all content: try again after it");
      });
    this.#running = next;
    return next;
  }

  /** The hashes for a full collection: those of removals, and those of all files that are old enough. */
  async *#everything(): AsyncGenerator<string> {
    const { files } = this.#uses;
    yield* this.#candidates();
    const oldest = Date.now() - GRACE_MS;
    for await (const hash of files.list()) {
      const state = files.stateOf(hash);
      if (!state || state.writtenAt >= oldest) continue;
      if (!this.#tables.candidates.has(hash)) yield hash;
    }
    for await (const hash of this.#uses.remote?.hashesBefore(oldest) ?? []) {
      if (!files.has(hash) && !this.#tables.candidates.has(hash)) yield hash;
    }
  }

  #candidates(most?: number): string[] {
    return this.#uses.guard(() => this.#tables.candidates.list(most));
  }

  async #round(hashes: Set<string>, dryRun: boolean): Promise<Collected> {
    const total = { contents: 0, bytes: 0 };
    if (hashes.size === 0) return total;
    const { db, guard, write } = this.#uses;
    const { references } = this.#tables;
    const unnamed = references.begin(hashes);
    try {
      // A removal must be durable before its content goes.
      if (!dryRun) await write(() => {});
      const started = performance.now();
      await scanReferences(db, guard, (text) => references.note(text));
      this.#scanMs = performance.now() - started;
      const decided = [...hashes];
      for (let start = 0; start < decided.length; start += REMOVALS_A_COMMIT) {
        const step = decided.slice(start, start + REMOVALS_A_COMMIT);
        const freed = dryRun ? this.#weigh(step, unnamed) : await this.#free(step, unnamed);
        for (const bytes of freed.values()) {
          total.contents++;
          total.bytes += bytes;
        }
      }
    } finally {
      references.end();
    }
    return total;
  }

  /** The bytes of each content that would go. */
  #weigh(hashes: readonly string[], unnamed: ReadonlySet<string>): Map<string, number> {
    const found = new Map<string, number>();
    for (const hash of hashes) {
      const size = unnamed.has(hash) ? this.#uses.homes.sizeOf(hash) : undefined;
      if (size !== undefined) found.set(hash, size);
    }
    return found;
  }

  async #free(
    hashes: readonly string[],
    unnamed: ReadonlySet<string>,
  ): Promise<Map<string, number>> {
    const { homes, pins, freedFiles, write } = this.#uses;
    const { references } = this.#tables;
    const freed = new Map<string, number>();
    await write((transaction) => {
      freed.clear();
      const gone: string[] = [];
      const kept: string[] = [];
      // So that this knows what the writes before it in the commit refer to.
      transaction.settle();
      for (const hash of hashes) {
        if (pins.has(hash)) continue;
        if (unnamed.has(hash)) {
          const size = homes.sizeOf(hash);
          if (size !== undefined) freed.set(hash, size);
          gone.push(hash);
        } else if (!references.hasLost(hash)) {
          // Otherwise the next collection looks again.
          kept.push(hash);
        }
      }
      if (gone.length > 0) transaction.free(gone);
      if (kept.length > 0) transaction.add({ kind: "candidates", hashes: kept, kept: true });
    });
    await freedFiles.idle();
    return freed;
  }
}
