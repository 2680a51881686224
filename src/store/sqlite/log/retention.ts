import type { Database } from "bun:sqlite";
import { type Frame, idInLine } from "../../../core/frame.ts";
import { expiryOf, parseTtl, type Ttl } from "../../../core/ttl.ts";
import type { FrameEffect } from "../commit/record.ts";
import type { Transaction } from "../commit/transaction.ts";
import type { ExpiryClock } from "../expiry-clock.ts";
import type { ExpiredCounts } from "./expired-counts.ts";
import { type FrameRow, isSound } from "./frame-row.ts";
import type { FrameSearch } from "./frame-search.ts";
import { KEPT_MS } from "./idempotency.ts";
import type { TopicRows } from "./topic-rows.ts";
import type { Topics } from "./topics.ts";

/** The most expired rows that one commit removes, so that writers need not wait for a mass expiry. */
const SWEEP_ROWS = 1000;

/** What retention uses. */
export interface RetentionParts {
  readonly db: Database;
  readonly search: FrameSearch;
  readonly topics: Topics;
  readonly rows: TopicRows;
  readonly expired: ExpiredCounts;
  /** Its time decides which frames have expired. */
  readonly clock: ExpiryClock;
}

/** Decides which frames go because of a `time:`, `until:` or `last:` ttl, and adds their removals to a transaction. */
export class Retention {
  /** The time that decides what has expired, in ms. */
  readonly now: () => number;
  readonly #parts: RetentionParts;
  readonly #sql: ReturnType<typeof statements>;
  /** Topics to which this commit appended with a `last:` ttl, and the n of it. */
  readonly #untrimmed = new Map<string, number>();

  constructor(parts: RetentionParts) {
    this.#parts = parts;
    this.#sql = statements(parts.db);
    this.now = parts.clock.now;
  }

  /** Forgets the topics of a commit that was rolled back. */
  rolledBack(): void {
    this.#untrimmed.clear();
  }

  /** Notes that a frame is about to be appended. @param last the n of its `last:` ttl */
  beforeFrame(transaction: Transaction, topic: string, last: number | undefined): void {
    // A frame with another ttl must not count among the earlier frames of this commit.
    if (this.#untrimmed.has(topic) && this.#untrimmed.get(topic) !== last) this.trim(transaction);
    if (last !== undefined) this.#untrimmed.set(topic, last);
  }

  /** Removes what the `last:` ttls of this commit no longer keep: once for all its frames of a topic. */
  trim(transaction: Transaction): void {
    if (this.#untrimmed.size === 0) return;
    // Expired rows must not take the place of frames that readers still see.
    this.sweepAll(transaction);
    for (const [name, keep] of this.#untrimmed) {
      const topic = this.#parts.topics.find(name);
      if (topic === undefined) continue;
      const excess = this.#parts.topics.frames(topic) - keep;
      if (excess > 0)
        for (const row of this.#parts.rows.oldest(topic, excess)) this.#remove(transaction, row);
    }
    this.#untrimmed.clear();
    transaction.settle();
  }

  /**
   * Removes what `last:` ttls no longer keep after an import, which may have brought earlier frames of their topics.
   * Returns how many of the imported frames went.
   */
  afterImport(transaction: Transaction, frames: readonly FrameEffect[]): number {
    transaction.settle();
    const imported = new Set(frames.map(({ id }) => id));
    let gone = 0;
    let isSwept = false;
    for (const name of new Set(frames.map(({ topic }) => topic))) {
      const topic = this.#parts.topics.find(name);
      if (topic === undefined || !this.#hasLast(topic)) continue;
      if (!isSwept) this.sweepAll(transaction);
      isSwept = true;
      const rows = this.#parts.rows.oldest(topic, Number.MAX_SAFE_INTEGER);
      let first = 0;
      for (const [at, row] of rows.entries()) {
        const ttl = isSound(row) ? ttlOf(row.line) : undefined;
        if (ttl?.kind === "last") first = Math.max(first, at + 1 - ttl.count);
      }
      for (const row of rows.slice(0, first)) {
        this.#remove(transaction, row);
        if (imported.has(idInLine(row.line))) gone++;
      }
    }
    transaction.settle();
    return gone;
  }

  /**
   * The `last:` ttls that a frame which comes late has to pass: of each frame of its topic, oldest first, the id and the
   * n, which is Infinity for another ttl. None where no frame of the topic has one.
   */
  lastsOf(name: string): { readonly id: string; readonly count: number }[] {
    const topic = this.#parts.topics.find(name);
    if (topic === undefined || !this.#hasLast(topic)) return [];
    return this.#parts.rows.oldest(topic, Number.MAX_SAFE_INTEGER).map((row) => {
      const ttl = isSound(row) ? ttlOf(row.line) : undefined;
      return { id: idInLine(row.line), count: ttl?.kind === "last" ? ttl.count : Infinity };
    });
  }

  /**
   * The system's clock. Where that was set back, what has expired by the later time is removed now, and the later time
   * forgotten: what is to come must not have expired before it is there.
   */
  followClock(transaction: Transaction): number {
    const { clock } = this.#parts;
    if (clock.isAhead) {
      this.sweepAll(transaction);
      clock.goBack();
      // The times that answers have are too late.
      transaction.add({ kind: "sweep", shortenAnswers: clock.now() + KEPT_MS });
    }
    return clock.real();
  }

  hasExpired(): boolean {
    const now = this.now();
    return this.#sql.hasExpired.get(now) !== null || this.#sql.hasExpiredLate.get(now) !== null;
  }

  /** Removes all expired rows. */
  sweepAll(transaction: Transaction): void {
    while (this.sweep(transaction) === SWEEP_ROWS);
  }

  /** Removes expired rows. Returns how many it looked at. */
  sweep(transaction: Transaction): number {
    transaction.settle();
    type ExpiredRow = FrameRow & { readonly expires: number };
    const late = this.#parts.search.hasLate ? this.#sql.expiredLate : undefined;
    const rows = this.#sql.expired.all(this.now(), SWEEP_ROWS) as ExpiredRow[];
    if (late) rows.push(...(late.all(this.now(), SWEEP_ROWS - rows.length) as ExpiredRow[]));
    for (const { expires, ...row } of rows) {
      // The checksum is over the line. A damaged expiry must not take the frame with it.
      const due = isSound(row) ? expiryOf(ttlOf(row.line), idInLine(row.line)) : expires;
      if (due === expires) this.#remove(transaction, row);
      else {
        if (row.seq > 0) this.#sql.setExpiry.run(due, row.seq);
        else this.#sql.setExpiryLate.run(due, row.seq);
        this.#parts.expired.reset();
      }
    }
    transaction.settle();
    return rows.length;
  }

  #remove(transaction: Transaction, row: FrameRow): void {
    transaction.remove({ id: idInLine(row.line), seq: row.seq }, this.#parts.search.newest);
  }

  #hasLast(topic: number): boolean {
    if (this.#sql.hasLast.get(-topic)) return true;
    return this.#parts.search.hasLate && this.#sql.hasLastLate.get(topic) !== null;
  }
}

function ttlOf(line: string): Ttl {
  return parseTtl((JSON.parse(line) as Frame).ttl);
}

function statements(db: Database) {
  const expired = (table: string) =>
    `SELECT seq, expires, crc, line FROM ${table} WHERE expires <= ? ORDER BY expires LIMIT ?`;
  return {
    expired: db.query(expired("frames")),
    expiredLate: db.query(expired("late")),
    hasExpired: db.query("SELECT 1 FROM frames WHERE expires <= ? LIMIT 1"),
    hasExpiredLate: db.query("SELECT 1 FROM late WHERE expires <= ? LIMIT 1"),
    setExpiry: db.query("UPDATE frames SET expires = ? WHERE seq = ?"),
    setExpiryLate: db.query("UPDATE late SET expires = ? WHERE seq = ?"),
    hasLast: db.query("SELECT 1 FROM by_topic WHERE topic = ? LIMIT 1"),
    hasLastLate: db.query(
      `SELECT 1 FROM late WHERE topic = ? AND line LIKE '%"ttl":"last:%' LIMIT 1`,
    ),
  };
}
