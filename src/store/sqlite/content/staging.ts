import type { Database } from "bun:sqlite";

/** With this many bytes staged, new content waits until some of them are flushed. */
const FULL_BYTES = 64 * 1024 * 1024;
/** With this many bytes staged that are to be flushed, flushing starts at once. */
const MUCH_BYTES = 24 * 1024 * 1024;
/** The memory and disk that a staged content takes besides its bytes. */
const OVERHEAD_BYTES = 256;

interface Entry {
  readonly seq: number;
  readonly size: number;
  uses: number;
}

/**
 * The table of staged content. It is found by its hash in memory: an index in the database would be
 * written at a random place for every content, which costs more than the content itself. All that
 * writes is to be run in a commit.
 */
export class Staged {
  readonly #sql: ReturnType<typeof statements>;
  #entries = new Map<string, Entry>();
  #bytes = 0;
  /** The staged contents to which nothing refers. */
  #unusedBytes = 0;
  #newest = 0;
  #added = false;
  /** Rows may differ from those that are committed. */
  #changed = true;

  constructor(db: Database) {
    this.#sql = statements(db);
    this.reload();
  }

  /** Takes up what the database has, at the start and after a commit that failed. */
  reload(): void {
    // It reads every row: what was rolled back had often nothing to do with them.
    if (!this.#changed) return;
    this.#changed = false;
    const rows = this.#sql.all.all() as (Entry & { hash: string })[];
    this.#entries = new Map(rows.map(({ hash, ...entry }) => [hash, entry]));
    this.#bytes = rows.reduce((sum, row) => sum + weightOf(row), 0);
    const unused = rows.filter(({ uses }) => uses === 0);
    this.#unusedBytes = unused.reduce((sum, row) => sum + weightOf(row), 0);
    this.#newest = rows.reduce((newest, { seq }) => Math.max(newest, seq), 0);
  }

  /** Call it after each commit. */
  committed(): void {
    this.#changed = false;
  }

  /** The size of all staged content, in bytes. */
  get weight(): number {
    return this.#bytes;
  }

  /** Whether new content must wait. */
  get isFull(): boolean {
    return this.#bytes > FULL_BYTES;
  }

  /** Whether so much has a reference that it is to be flushed at once. */
  get hasMuchToFlush(): boolean {
    return this.#bytes - this.#unusedBytes > MUCH_BYTES;
  }

  /** Whether much of it only waits for the collector. */
  get hasMuchUnused(): boolean {
    return this.#unusedBytes > MUCH_BYTES;
  }

  /** The number of the newest row. */
  get newest(): number {
    return this.#newest;
  }

  /** How many contents are on their way to files, and their bytes. */
  waiting(): { contents: number; bytes: number } {
    const total = { contents: 0, bytes: 0 };
    for (const { size, uses } of this.#entries.values()) {
      if (uses === 0) continue;
      total.contents++;
      total.bytes += size;
    }
    return total;
  }

  /** Whether content was added since the last call. */
  takeAdded(): boolean {
    const added = this.#added;
    this.#added = false;
    return added;
  }

  has(hash: string): boolean {
    return this.#entries.has(hash);
  }

  sizeOf(hash: string): number | undefined {
    return this.#entries.get(hash)?.size;
  }

  bytesOf(hash: string): Uint8Array | undefined {
    const entry = this.#entries.get(hash);
    const row = entry && (this.#sql.bytes.get(entry.seq) as { bytes: Uint8Array } | null);
    return row?.bytes;
  }

  /** Whether any content after a row, up to another, must be flushed. */
  hasNext(after: number, upTo: number): boolean {
    return this.#sql.next.get(after, upTo) !== null;
  }

  /** Stages content, or notes one more use of it. */
  add(hash: string, bytes: Uint8Array): void {
    this.#added = true;
    this.#changed = true;
    const entry = this.#entries.get(hash);
    if (entry) {
      if (entry.uses++ === 0) this.#unusedBytes -= weightOf(entry);
      // The bytes as well: what stands there may be damaged.
      this.#sql.addUse.run(entry.uses, bytes, entry.seq);
      return;
    }
    const { lastInsertRowid } = this.#sql.insert.run(hash, bytes);
    const added = { seq: Number(lastInsertRowid), size: bytes.length, uses: 1 };
    this.#entries.set(hash, added);
    this.#bytes += weightOf(added);
    this.#newest = added.seq;
  }

  /**
   * Notes that a reference to it is gone. Content without a reference is not flushed, and is among the
   * {@link unused}. Returns whether it is.
   */
  dropUse(hash: string): boolean {
    const entry = this.#entries.get(hash);
    if (!entry) return false;
    this.#changed = true;
    if (entry.uses > 0) {
      this.#sql.setUses.run(--entry.uses, entry.seq);
      if (entry.uses === 0) this.#unusedBytes += weightOf(entry);
    }
    return entry.uses === 0;
  }

  /** The hashes that wait for the collector. */
  *unused(): Generator<string> {
    if (this.#unusedBytes === 0) return;
    for (const [hash, { uses }] of this.#entries) if (uses === 0) yield hash;
  }

  isUnused(hash: string): boolean {
    return this.#entries.get(hash)?.uses === 0;
  }

  /** Notes a reference to content that had none. */
  setUsed(hash: string): void {
    const entry = this.#entries.get(hash);
    if (!entry || entry.uses > 0) return;
    this.#changed = true;
    entry.uses = 1;
    this.#unusedBytes -= weightOf(entry);
    this.#sql.setUses.run(entry.uses, entry.seq);
  }

  /** Removes a content. @param seq only if it still is this row */
  remove(hash: string, seq?: number): void {
    const entry = this.#entries.get(hash);
    if (!entry || (seq !== undefined && entry.seq !== seq)) return;
    this.#changed = true;
    this.#sql.remove.run(entry.seq);
    this.#entries.delete(hash);
    this.#bytes -= weightOf(entry);
    if (entry.uses === 0) this.#unusedBytes -= weightOf(entry);
  }
}

function weightOf({ size }: { size: number }): number {
  return size + OVERHEAD_BYTES;
}

function statements(db: Database) {
  return {
    all: db.query("SELECT seq, hash, length(bytes) AS size, uses FROM staged"),
    bytes: db.query("SELECT bytes FROM staged WHERE seq = ?"),
    next: db.query("SELECT 1 FROM staged WHERE seq > ? AND seq <= ? AND uses > 0 LIMIT 1"),
    insert: db.query("INSERT INTO staged (hash, bytes, uses) VALUES (?, ?, 1)"),
    addUse: db.query("UPDATE staged SET uses = ?, bytes = ? WHERE seq = ?"),
    setUses: db.query("UPDATE staged SET uses = ? WHERE seq = ?"),
    remove: db.query("DELETE FROM staged WHERE seq = ?"),
  };
}
