import type { Database } from "bun:sqlite";
import { XsError } from "../../../core/error.ts";
import { hashesIn, isHash } from "../../../core/hash.ts";
import { nextTurn } from "../../../lib/next-turn.ts";
import { onceThereAreFiles } from "../../failures.ts";
import type { Transaction } from "../commit/transaction.ts";
import { checkedRow, type KvRow } from "../kv/entry-row.ts";
import { checkedLine, type FrameRow } from "../log/frame-row.ts";
import type { ContentStore } from "./content.ts";

/** The most contents about which one scan of the store decides. */
const CONTENTS_A_SCAN = 100_000;
/** The most contents that one commit removes. */
const REMOVALS_A_COMMIT = 1000;
/** Content that no frame ever had stays for this long: its frame may still come. */
const GRACE_MS = 24 * 60 * 60 * 1000;
/** After a collection in the background, the collector rests for this many times the duration of its scan. */
const REST_FACTOR = 20;
const MIN_REST_MS = 1000;

/** The content that a collection freed, or would free. */
export interface Collected {
  /** The number of contents. */
  contents: number;
  /** The bytes of all of them. */
  bytes: number;
}

/** The part of the store that the collector uses. */
export interface CollectorHost {
  readonly db: Database;
  readonly content: ContentStore;
  write<T>(run: (transaction: Transaction) => T): Promise<T>;
  /** Runs a read. Throws its failure as an XsError. */
  guard<T>(run: () => T): T;
  failed(error: Error): void;
}

/**
 * Frees content to which nothing refers any more. A removal leaves the hashes of its frame or entry in the table
 * `freed`. A scan of the log and of the key/value store drops those that appear elsewhere, in a hash, a meta or a
 * value, and the content of the others is removed. So appends need no count of references, and a hash that appears
 * anywhere keeps its content.
 */
export class Collector {
  readonly #host: CollectorHost;
  /** The hashes for which the running collection has found no reference so far. */
  #candidates: Set<string> | undefined;
  /** The hashes that lost a reference since that collection began: its scan may have seen that reference. */
  readonly #lostMeanwhile = new Set<string>();
  #holds = 0;
  #running: Promise<unknown> = Promise.resolve();
  #restUntil = 0;
  /** How long the last scan took. */
  #scanMs = 0;
  #inBackground: Promise<void> | undefined;

  constructor(host: CollectorHost) {
    this.#host = host;
  }

  /** Notes a text that was written. Call it for every write while a collection may run. */
  noteReferences(data: string | Uint8Array): void {
    if (!this.#candidates) return;
    const text =
      typeof data === "string"
        ? data
        : Buffer.from(data.buffer, data.byteOffset, data.length).toString("latin1");
    for (const hash of hashesIn(text)) this.#candidates.delete(hash);
  }

  /** Notes the hashes to which a removed frame or entry referred. */
  noteDereferenced(hashes: readonly string[]): void {
    if (this.#candidates) for (const hash of hashes) this.#lostMeanwhile.add(hash);
  }

  /** Keeps all content, for an export or import. Resolves to the function that ends this. */
  async hold(): Promise<() => void> {
    this.#holds++;
    await this.#running.catch(() => {});
    let released = false;
    return () => {
      if (!released) this.#holds--;
      released = true;
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
      const total: Collected = { contents: 0, bytes: 0 };
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
   */
  collectSoon(urgent = false): Promise<void> | undefined {
    if (this.#inBackground !== undefined) return this.#inBackground;
    if (this.#holds > 0 || (!urgent && performance.now() < this.#restUntil)) return undefined;
    const hashes = new Set(this.#freed(CONTENTS_A_SCAN));
    if (hashes.size === 0) return undefined;
    this.#inBackground = this.#exclusive(() => this.#round(hashes, false))
      .catch((error) => {
        if (!(error instanceof XsError)) this.#host.failed(error);
      })
      .then(() => {
        this.#restUntil = performance.now() + Math.max(MIN_REST_MS, this.#scanMs * REST_FACTOR);
        this.#inBackground = undefined;
      });
    return this.#inBackground;
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
    const { db, content } = this.#host;
    const isFreed = db.query("SELECT 1 FROM gc_candidates WHERE hash = ?");
    yield* this.#freed();
    const oldest = Date.now() - GRACE_MS;
    for await (const hash of content.files.list()) {
      const state = content.files.stateOf(hash);
      if (!state || state.writtenAt >= oldest) continue;
      if (!isFreed.get(hash) && !content.isUnused(hash)) yield hash;
    }
  }

  /** The hashes of removals. Skips a damaged hash, which a check reports. */
  #freed(most = -1): string[] {
    const { db, content, guard } = this.#host;
    const rows = guard(() => db.query("SELECT hash FROM gc_candidates LIMIT ?").all(most)) as {
      hash: string;
    }[];
    return [...content.unused(), ...rows.map(({ hash }) => hash).filter(isHash)];
  }

  async #round(hashes: Set<string>, dryRun: boolean): Promise<Collected> {
    const total: Collected = { contents: 0, bytes: 0 };
    if (hashes.size === 0) return total;
    const unnamed = new Set(hashes);
    this.#candidates = unnamed;
    try {
      // A removal must be durable before its content goes.
      if (!dryRun) await this.#host.write(() => {});
      const started = performance.now();
      await this.#takeOffNamed();
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
      this.#candidates = undefined;
      this.#lostMeanwhile.clear();
    }
    return total;
  }

  /**
   * Scans everything that may refer to content, one page in each turn of the event loop. Rejects at a damaged row: its
   * references are unknown, so nothing may be freed.
   *
   * @throws XsError `frame_damaged`, `value_damaged`
   */
  async #takeOffNamed(): Promise<void> {
    const { db, guard } = this.#host;
    // `noteReferences` gets every later write: a scan that included those would chase a fast writer.
    for (const table of ["frames", "late"]) {
      const ends = guard(() =>
        db.query(`SELECT min(seq) AS first, max(seq) AS last FROM ${table}`).get(),
      ) as { first: number | null; last: number | null };
      const rows = db.query(
        `SELECT seq, crc, line FROM ${table} WHERE seq >= ? AND seq <= ? ORDER BY seq LIMIT 200`,
      );
      for (let from = ends.first ?? 0; ; await nextTurn()) {
        const page = guard(() => rows.all(from, ends.last)) as FrameRow[];
        for (const row of page) this.noteReferences(checkedLine(row));
        const last = page.at(-1);
        if (!last) break;
        from = last.seq + 1;
      }
    }
    const pairs = db.query(
      "SELECT key, rev, type, crc, writer, value FROM kv WHERE key > ? AND value IS NOT NULL ORDER BY key LIMIT 20",
    );
    for (let key = ""; ; await nextTurn()) {
      const rows = guard(() => pairs.all(key)) as KvRow[];
      for (const row of rows) this.noteReferences(checkedRow(row).value ?? "");
      const last = rows.at(-1);
      if (!last) return;
      key = last.key;
    }
  }

  /** The bytes of each content that would go. */
  #weigh(hashes: readonly string[], unnamed: ReadonlySet<string>): Map<string, number> {
    const found = new Map<string, number>();
    for (const hash of hashes) {
      const size = unnamed.has(hash) ? this.#host.content.sizeOf(hash) : undefined;
      if (size !== undefined) found.set(hash, size);
    }
    return found;
  }

  async #free(
    hashes: readonly string[],
    unnamed: ReadonlySet<string>,
  ): Promise<Map<string, number>> {
    const { db, content } = this.#host;
    const forget = db.query("DELETE FROM gc_candidates WHERE hash = ?");
    const freed = new Map<string, number>();
    const inFiles: string[] = [];
    // In the same step as the commit, so that no write can refer to them in between.
    await this.#host.write((transaction) => {
      // So that this knows what the writes before it in the commit refer to.
      transaction.settle();
      for (const hash of hashes) {
        if (content.isPinned(hash)) continue;
        if (unnamed.has(hash)) {
          const removed = content.remove(hash);
          if (removed) freed.set(hash, removed.size);
          // Content that is only staged has no index entry, or loses it when it is flushed.
          if (removed?.inFile) inFiles.push(hash);
        } else if (this.#lostMeanwhile.has(hash)) {
          // The next collection looks again.
          continue;
        } else {
          content.flushAfterAll(hash);
        }
        forget.run(hash);
      }
    });
    await onceThereAreFiles(() => content.files.removeIndex(inFiles));
    return freed;
  }
}
