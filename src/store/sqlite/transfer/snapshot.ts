import type { Database } from "bun:sqlite";
import { digestOf } from "../../../core/hash.ts";
import type { Cursor } from "../../reader.ts";
import { openForReading } from "../connection.ts";
import { Facts } from "../facts.ts";
import { checkedRow, type KvRow } from "../kv/entry-row.ts";
import type { KvEntry } from "../kv/kv.ts";
import { FrameTables } from "../log/frame-tables.ts";
import { Pages } from "../log/pages.ts";
import { Topics } from "../log/topics.ts";

const PAGE_ROWS = 200;

/**
 * The contents of a store at one moment, read on a separate connection, so that writes go on beside
 * it. While it is open the write-ahead log only grows.
 */
export class Snapshot {
  readonly #db: Database;
  readonly #pages: Pages;
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
      const topics = new Topics(this.#db, new Facts(this.#db));
      const tables = new FrameTables(this.#db, topics);
      this.#pages = new Pages(this.#db, {
        tables,
        topics,
        now: () => now,
        visible: () => undefined,
      });
    } catch (error) {
      this.#db.close();
      throw error;
    }
  }

  /** How many frames there are, and their bytes as NDJSON. */
  frameTotals(): { frames: number; bytes: number } {
    const totals = { frames: 0, bytes: 0 };
    for (const table of ["frames", "late"]) {
      const { frames, bytes } = this.#db
        .query(
          `SELECT count(*) AS frames, coalesce(sum(octet_length(line) + 1), 0) AS bytes
            FROM ${table} WHERE expires IS NULL OR expires > ?`,
        )
        .get(this.#now) as { frames: number; bytes: number };
      totals.frames += frames;
      totals.bytes += bytes;
    }
    return totals;
  }

  /** The frames as NDJSON, in the order of ids, in pages. @throws XsError `frame_damaged` */
  *frames(): Generator<Uint8Array> {
    for (let after: Cursor | undefined; ; ) {
      const page = this.#pages.page({ after, order: "asc", rows: PAGE_ROWS });
      if (page.rows > 0) yield page.bytes;
      if (!page.more) return;
      after = page.cursor;
    }
  }

  /** The key/value entries, in the order of their keys. @throws XsError `value_damaged` */
  *pairs(): Generator<KvEntry> {
    const next = this.#db.query(
      "SELECT key, rev, type, crc, writer, value FROM kv WHERE key > ? AND value IS NOT NULL ORDER BY key LIMIT 1",
    );
    for (let key = ""; ; ) {
      const row = next.get(key) as KvRow | null;
      if (!row) return;
      const { rev, type, writer, value } = checkedRow(row);
      key = row.key;
      if (value) yield { key, rev, type, writer, value, size: value.length };
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
