import type { Database } from "bun:sqlite";
import { XsError } from "../../../core/error.ts";
import { encodeFrame } from "../../../core/frame.ts";
import { hashesIn } from "../../../core/hash.ts";
import { firstIdAt, idOfTime } from "../../../core/id.ts";
import {
  idInKey,
  parseScheduled,
  SCHEDULED_END,
  SCHEDULED_PREFIX,
  SCHEDULED_TYPE,
  scheduledKey,
  scheduledLine,
} from "../../../core/scheduled.ts";
import type { AppendRequest } from "../../types.ts";
import type { Transaction } from "../commit/transaction.ts";
import { checkedRow, type KvRow } from "../kv/entry-row.ts";
import type { KvStore } from "../kv/kv.ts";

/** The most appends that a store keeps for later. */
const MAX_SCHEDULED = 100_000;
/** The most of them that one token has, and the room that all tokens leave to the owner. */
const MAX_OF_TOKEN = 10_000;

/** A scheduled append; its frame is undefined where the row is damaged. */
export interface ScheduledRow {
  readonly key: string;
  /** As bytes of UTF-8. */
  readonly value: Uint8Array;
  readonly frame: ReturnType<typeof parseScheduled> | undefined;
}

/** The entries of scheduled appends, in the order in which they are due. */
export class ScheduledRows {
  readonly #kv: KvStore;
  readonly #sql: ReturnType<typeof statements>;
  /** The counts of tokens that have as many as they may, until one goes. */
  readonly #full = new Map<string, number>();

  constructor(db: Database, kv: KvStore) {
    this.#kv = kv;
    this.#sql = statements(db);
  }

  /**
   * Checks that this many more can be kept. Call it before anything is written.
   *
   * @param token its name, where they are those of a token
   * @throws XsError `too_many_scheduled`
   */
  checkRoom(transaction: Transaction, more: number, token?: string): void {
    transaction.settle();
    const most = token === undefined ? MAX_SCHEDULED : MAX_SCHEDULED - MAX_OF_TOKEN;
    if (!this.#hasMoreThan(most - more)) {
      if (token === undefined || !this.#hasMoreThan(MAX_OF_TOKEN - more)) return;
      if (this.#countOf(token) + more <= MAX_OF_TOKEN) return;
    }
    const remedy = "remove some (xs scheduled rm ID), or wait until some are due";
    throw new XsError(
      "too_many_scheduled",
      token === undefined
        ? `the store keeps at most ${MAX_SCHEDULED.toLocaleString("en")} scheduled appends: ${remedy}`
        : `the store keeps at most ${MAX_OF_TOKEN.toLocaleString("en")} scheduled appends of a token, and ${most.toLocaleString("en")} while tokens add some: wait until some are due, or have its owner remove some`,
    );
  }

  #hasMoreThan(count: number): boolean {
    if (count < 0) return true;
    return this.#sql.nth.get(SCHEDULED_PREFIX, SCHEDULED_END, count) !== null;
  }

  /** How many are those of a token. */
  #countOf(token: string): number {
    const known = this.#full.get(token);
    if (known !== undefined) return known;
    const by = Buffer.from(`"by":"${token}"`);
    const row = this.#sql.of.get(SCHEDULED_PREFIX, SCHEDULED_END, by, token) as { count: number };
    // To count takes a while, which a client that tries again and again must not cost.
    if (row.count >= MAX_OF_TOKEN) this.#full.set(token, row.count);
    return row.count;
  }

  /** Keeps a request for a time, in ms since 1970, and returns the line that answers it. Inside a write. */
  add(transaction: Transaction, request: AppendRequest, at: number): string {
    const { topic, meta, ttl, content } = request;
    transaction.settle();
    const bounds = [firstIdAt(at), firstIdAt(at + 1)].map(scheduledKey) as [string, string];
    const newest = this.#sql.newest.get(...bounds) as { key: string } | null;
    const id = idOfTime(at, newest ? idInKey(newest.key) : undefined);
    const line = encodeFrame(id, { topic, hash: content?.hash ?? null, meta, ttl: ttl.text });
    const value = Buffer.from(line);
    const entry = { key: scheduledKey(id), type: SCHEDULED_TYPE, value, writer: null };
    this.#kv.putNow(transaction, entry);
    return scheduledLine(line, topic);
  }

  /** Takes one out, because its frame is appended in the same write. Inside a write. */
  take(transaction: Transaction, key: string): void {
    this.#full.clear();
    this.#kv.forgetNow(transaction, key);
  }

  /** Removes one and frees its content. Returns false where there is none. Inside a write. */
  remove(transaction: Transaction, id: string): boolean {
    transaction.settle();
    const key = scheduledKey(id);
    const row = this.#sql.one.get(key) as KvRow | null;
    if (!row) return false;
    this.#full.clear();
    this.#kv.forgetNow(transaction, key);
    const hashes = hashesIn(Buffer.from(row.value ?? []).toString("latin1"));
    if (hashes.length > 0) transaction.add({ kind: "candidates", hashes });
    return true;
  }

  /** The first rows after a key, up to one that is due at a time, in ms since 1970. */
  list(after: string, most: number, until?: number): ScheduledRow[] {
    const end = until === undefined ? SCHEDULED_END : scheduledKey(firstIdAt(until + 1));
    const rows = this.#sql.list.all(after, end, most) as KvRow[];
    return rows.map((row) => ({
      key: row.key,
      value: row.value ?? new Uint8Array(),
      frame: frameOf(row),
    }));
  }

  /** The key of the first one after another; undefined where none follows. */
  firstAfter(key: string): string | undefined {
    const row = this.#sql.first.get(key, SCHEDULED_END) as { key: string } | null;
    return row?.key;
  }
}

function frameOf(row: KvRow): ScheduledRow["frame"] {
  try {
    const { key, value } = checkedRow(row);
    return parseScheduled(idInKey(key), value ?? new Uint8Array());
  } catch {
    return undefined;
  }
}

function statements(db: Database) {
  const from = "FROM kv WHERE key > ? AND key < ? AND value IS NOT NULL";
  const all = "key, rev, type, crc, writer, value";
  return {
    one: db.query(`SELECT ${all} FROM kv WHERE key = ? AND value IS NOT NULL`),
    list: db.query(`SELECT ${all} ${from} ORDER BY key LIMIT ?`),
    first: db.query(`SELECT key ${from} ORDER BY key LIMIT 1`),
    newest: db.query(`SELECT key ${from} ORDER BY key DESC LIMIT 1`),
    of: db.query(
      `SELECT count(*) AS count ${from} AND instr(value, ?) > 0 AND CASE
        WHEN json_valid(CAST(value AS TEXT)) THEN CAST(value AS TEXT) ->> '$.meta.by' = ? ELSE 0 END`,
    ),
    nth: db.query(`SELECT 1 ${from} LIMIT 1 OFFSET ?`),
  };
}
