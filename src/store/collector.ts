import type { Database } from "bun:sqlite";
import { XsError } from "../frame/error.ts";
import { hashesIn } from "../frame/hash.ts";
import type { ContentStore } from "./content.ts";
import type { Reader } from "./reader.ts";

/** Contents that one scan of the store decides about at most. */
const ROUND = 100_000;
/** Contents that one commit removes at most. */
const STEP = 200;
/** Content that no frame ever had is left alone for this long, in ms: its frame may be coming. */
const GRACE_MS = 24 * 60 * 60 * 1000;
/** After a collection in the background it rests for this many times as long as that took. */
const REST = 20;
const MIN_REST_MS = 1000;

/** What a collection freed, or would free. */
export interface Collected {
  /** How many. */
  contents: number;
  /** Of all of them. */
  bytes: number;
}

/** What the collector needs of the store around it. */
export interface CollectorHost {
  readonly db: Database;
  readonly content: ContentStore;
  write<T>(run: () => T): Promise<T>;
  /** Reads the whole log. */
  read(): Reader;
  failed(error: Error): void;
}

/**
 * Frees content that nothing names any more. What was removed leaves the hashes it named in the
 * table `freed`; a scan of the log and of the k/v store takes off those that something else names,
 * in its hash, its meta or its value; the rest goes. So nothing is counted while frames come in,
 * and a hash that stands anywhere keeps its content.
 */
export class Collector {
  readonly #host: CollectorHost;
  /** The hashes that a collection under way has found no use of, so far. */
  #candidates: Set<string> | undefined;
  #holds = 0;
  #running: Promise<unknown> = Promise.resolve();
  #restUntil = 0;
  #inBackground = false;

  constructor(host: CollectorHost) {
    this.#host = host;
  }

  /** To be told of everything that is written while a collection may be under way. */
  touch(data: string | Uint8Array): void {
    if (!this.#candidates) return;
    const text =
      typeof data === "string"
        ? data
        : Buffer.from(data.buffer, data.byteOffset, data.length).toString("latin1");
    for (const hash of hashesIn(text)) this.#candidates.delete(hash);
  }

  /** Keeps all content, for an export or import, until the function it gives is called. */
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
        if (round.size >= ROUND) await finish();
      }
      await finish();
      return total;
    });
  }

  /**
   * Frees what was removed, if it is time for that; in the background. Tells whether it is under way.
   */
  collectSoon(urgent = false): boolean {
    if (this.#inBackground) return true;
    if (this.#holds > 0 || (!urgent && performance.now() < this.#restUntil)) return false;
    const rows = this.#host.db.query(`SELECT hash FROM freed LIMIT ${ROUND}`).all();
    if (rows.length === 0) return false;
    this.#inBackground = true;
    const started = performance.now();
    const hashes = new Set((rows as { hash: string }[]).map(({ hash }) => hash));
    this.#exclusive(() => this.#round(hashes, false))
      .catch((error) => {
        if (!(error instanceof XsError)) this.#host.failed(error);
      })
      .finally(() => {
        const now = performance.now();
        this.#restUntil = now + Math.max(MIN_REST_MS, (now - started) * REST);
        this.#inBackground = false;
      });
    return true;
  }

  /** Waits for a collection under way. */
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

  /** What a full collection looks at: what was removed, and every content that is old enough. */
  async *#everything(): AsyncGenerator<string> {
    const { db, content } = this.#host;
    const isFreed = db.query("SELECT 1 FROM freed WHERE hash = ?");
    for (const { hash } of db.query("SELECT hash FROM freed").all() as { hash: string }[]) {
      yield hash;
    }
    const oldest = Date.now() - GRACE_MS;
    for await (const hash of content.files.list()) {
      const state = content.files.stateOf(hash);
      if (state && state.writtenAt < oldest && !isFreed.get(hash)) yield hash;
    }
  }

  async #round(hashes: Set<string>, dryRun: boolean): Promise<Collected> {
    const total: Collected = { contents: 0, bytes: 0 };
    if (hashes.size === 0) return total;
    const unnamed = new Set(hashes);
    this.#candidates = unnamed;
    try {
      // A removal must be durable before its content goes.
      await this.#host.write(() => {});
      await this.#takeOffNamed();
      const decided = [...hashes];
      for (let start = 0; start < decided.length; start += STEP) {
        const step = decided.slice(start, start + STEP);
        const freed = dryRun ? this.#weigh(step, unnamed) : await this.#free(step, unnamed);
        for (const bytes of freed.values()) {
          total.contents++;
          total.bytes += bytes;
        }
        if (!dryRun)
          for (const hash of freed.keys()) await this.#host.content.files.removeIndex(hash);
      }
    } finally {
      this.#candidates = undefined;
    }
    return total;
  }

  /** Scans everything that may name content, a page a turn of the event loop. */
  async #takeOffNamed(): Promise<void> {
    const { db } = this.#host;
    const reader = this.#host.read();
    for (let page = await reader.next(); page; page = await reader.next()) {
      this.touch(page);
      await turn();
    }
    const pairs = db.query(
      "SELECT key, value FROM kv WHERE key > ? AND value IS NOT NULL ORDER BY key LIMIT 20",
    );
    for (let key = ""; ; ) {
      const rows = pairs.all(key) as { key: string; value: Uint8Array }[];
      for (const { value } of rows) this.touch(value);
      const last = rows.at(-1);
      if (!last) return;
      key = last.key;
      await turn();
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

  #free(hashes: readonly string[], unnamed: ReadonlySet<string>): Promise<Map<string, number>> {
    const { db, content } = this.#host;
    const forget = db.query("DELETE FROM freed WHERE hash = ?");
    // In one go with the commit, so that nothing can come to name them in between.
    return this.#host.write(() => {
      const freed = new Map<string, number>();
      for (const hash of hashes) {
        if (content.isPinned(hash)) continue;
        if (unnamed.has(hash)) {
          const size = content.remove(hash);
          if (size !== undefined) freed.set(hash, size);
        } else {
          content.settleAfterAll(hash);
        }
        forget.run(hash);
      }
      return freed;
    });
  }
}

function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
