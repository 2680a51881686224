import type { Database } from "bun:sqlite";
import { pageOf } from "../../../core/frame.ts";
import { digestOf } from "../../../core/hash.ts";
import { openForReading } from "../connection.ts";
import { checkedRow, type KvRow } from "../kv/entry-row.ts";
import type { KvEntry } from "../kv/kv.ts";
import { checkedLine } from "../log/log.ts";

const PAGE_ROWS = 200;

/**
 * The contents of a store at one moment, read on a separate connection, so that writes go on beside
 * it. While it is open the write-ahead log only grows.
 */
export class Snapshot {
  readonly #db: Database;
  readonly #now: number;
  readonly #release: () => void;

  /** @param release called when the snapshot is closed */
  constructor(database: string, now: number, release: () => void) {
    this.#release = release;
    this.#now = now;
    this.#db = openForReading(database);
    try {
      this.#db.run("BEGIN");
      // The moment is that of the first read.
      this.#db.query("SELECT 1 FROM frames LIMIT 1").get();
    } catch (error) {
      this.#db.close();
      throw error;
    }
  }

  /** How many frames there are, and their bytes as NDJSON. */
  frameTotals(): { frames: number; bytes: number } {
    return this.#db
      .query(
        `SELECT count(*) AS frames, coalesce(sum(octet_length(frame) + 1), 0) AS bytes
          FROM frames WHERE expires IS NULL OR expires > ?`,
      )
      .get(this.#now) as { frames: number; bytes: number };
  }

  /** The frames as NDJSON, in pages. @throws XsError `frame_damaged` */
  *frames(): Generator<Uint8Array> {
    const page = this.#db.query(
      `SELECT id, crc, frame FROM frames
        WHERE id > ? AND (expires IS NULL OR expires > ?) ORDER BY id LIMIT ${PAGE_ROWS}`,
    );
    for (let after = ""; ; ) {
      const rows = page.all(after, this.#now) as { id: string; crc: number; frame: string }[];
      const last = rows.at(-1);
      if (!last) return;
      after = last.id;
      yield pageOf(rows.map(checkedLine));
    }
  }

  /** The key/value entries, in the order of their keys. @throws XsError `value_damaged` */
  *pairs(): Generator<KvEntry> {
    const next = this.#db.query(
      "SELECT key, rev, type, crc, value FROM kv WHERE key > ? AND value IS NOT NULL ORDER BY key LIMIT 1",
    );
    for (let key = ""; ; ) {
      const row = next.get(key) as KvRow | null;
      if (!row) return;
      const { rev, type, value } = checkedRow(row);
      key = row.key;
      if (value) yield { key, rev, type, value, size: value.length };
    }
  }

  /** The hashes of staged content, in their order as bytes. */
  stagedHashes(): string[] {
    const rows = this.#db.query("SELECT hash FROM staged").all() as { hash: string }[];
    return rows
      .map(({ hash }) => ({ hash, bytes: digestOf(hash) }))
      .sort((a, b) => a.bytes.compare(b.bytes))
      .map(({ hash }) => hash);
  }

  close(): void {
    this.#db.close();
    this.#release();
  }
}
