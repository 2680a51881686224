import type { Database } from "bun:sqlite";
import { changeLine } from "../../../core/entry.ts";
import { quoted, XsError } from "../../../core/error.ts";
import { hashOf } from "../../../core/hash.ts";
import { type IdSequence, packId } from "../../../core/id.ts";
import { KvReader, type ListedEntry } from "../../entry-reader.ts";
import type { EntryData, Kv, KvCondition, KvEntry, KvReadOptions, KvScope } from "../../kv.ts";
import { LiveFeed, type LiveFrame } from "../../live.ts";
import type { CommitHorizon } from "../commit/horizon.ts";
import type { Effect, EntryEffect } from "../commit/record.ts";
import type { Transaction } from "../commit/transaction.ts";
import type { Idempotency } from "../log/idempotency.ts";
import { checkedRow, type KvRow, kvCrc } from "./entry-row.ts";

/** What the key/value store uses. */
export interface KvParts {
  readonly db: Database;
  readonly ids: IdSequence;
  readonly horizon: CommitHorizon;
  readonly answers: Idempotency;
  write<T>(run: (transaction: Transaction) => T): Promise<T>;
  /** Runs a read. Throws its failure as an XsError. */
  guard<T>(run: () => T): T;
}

/** The most entries that a cache of recent reads keeps, and the most bytes of a value in it. */
const MAX_RECENT_ENTRIES = 1000;
const MAX_RECENT_VALUE_BYTES = 4096;

/** The entries in the table `kv`, with a cache of recent reads. */
export class KvStore implements Kv {
  readonly #host: KvParts;
  readonly #sql: ReturnType<typeof statements>;
  readonly #live = new LiveFeed();
  readonly #watchers = new Set<KvReader>();
  readonly #recent = new Map<string, KvEntry>();
  #total: number | undefined;

  constructor(host: KvParts) {
    this.#host = host;
    this.#sql = statements(host.db);
  }

  async get(key: string): Promise<KvEntry | undefined> {
    const entry = this.getNow(key);
    const { visible, newestVisible: newest = "" } = this.#host.horizon;
    if (!visible || (entry && entry.rev <= newest)) return entry;
    // As that commit has it: by the time it is durable there may be a newer one that is not.
    return await this.#host.write((transaction) => {
      transaction.settle();
      return this.getNow(key);
    });
  }

  /** An entry as a write sees it. @throws XsError `value_damaged` */
  getNow(key: string): KvEntry | undefined {
    const recent = this.#recent.get(key);
    if (recent) return recent;
    const row = this.#row(key);
    if (!row?.value) return undefined;
    const { rev, type, writer, value } = row;
    const entry = { key, rev, type, writer, value };
    if (value.length <= MAX_RECENT_VALUE_BYTES) {
      if (this.#recent.size >= MAX_RECENT_ENTRIES) this.#recent.clear();
      this.#recent.set(key, entry);
    }
    return entry;
  }

  /** The keys that begin with a prefix, in their order, as a write sees them. */
  keysBelow(prefix: string): string[] {
    const end = prefix.slice(0, -1) + String.fromCharCode(prefix.charCodeAt(prefix.length - 1) + 1);
    return (this.#sql.keysBelow.all(prefix, end) as { key: string }[]).map(({ key }) => key);
  }

  put(key: string, type: string, value: Uint8Array, condition: KvCondition = {}): Promise<string> {
    return this.#write(key, condition, [type, value], (transaction) =>
      this.putNow(transaction, { key, type, value, writer: null }),
    ) as Promise<string>;
  }

  delete(key: string, condition: KvCondition = {}): Promise<string | undefined> {
    return this.#write(key, condition, [], (transaction) => this.deleteNow(transaction, key, null));
  }

  /** Runs a write that has conditions. @param what with the key and the conditions, all that is asked for */
  #write(
    key: string,
    condition: KvCondition,
    what: readonly (string | Uint8Array)[],
    run: (transaction: Transaction) => string | undefined,
  ): Promise<string | undefined> {
    const { idempotencyKey, ifMatch, ifNoneMatch } = condition;
    const checked = (transaction: Transaction) => {
      this.#checkCondition(transaction, key, condition);
      return run(transaction);
    };
    if (idempotencyKey === undefined) return this.#host.write(checked);
    const parts = what.map((part) => (typeof part === "string" ? part : hashOf(part)));
    const asked = JSON.stringify([key, ifMatch ?? null, ifNoneMatch ?? null, ...parts]);
    return this.#host.write((transaction) => {
      const rev = () => [checked(transaction) ?? ""];
      const { answers } = this.#host;
      const [first] = answers.once(transaction, idempotencyKey, hashOf(Buffer.from(asked)), rev);
      return first === "" ? undefined : first;
    });
  }

  /** The same as {@link put}, inside a write. */
  putNow(transaction: Transaction, entry: Omit<EntryEffect, "kind" | "rev">): string {
    const rev = this.#nextRev(transaction);
    transaction.add({ kind: "entry", ...entry, rev });
    return rev;
  }

  /** The same as {@link delete}, inside a write. */
  deleteNow(transaction: Transaction, key: string, writer: string | null): string | undefined {
    transaction.settle();
    if (!this.#infoOf(key)) return undefined;
    return this.putNow(transaction, { key, type: "", value: null, writer });
  }

  /** Removes an entry of the runtime that exists, without a trace. Inside a write. */
  forgetNow(transaction: Transaction, key: string): void {
    const rev = this.#nextRev(transaction);
    const gone = { type: "", writer: null, value: null, isForgotten: true } as const;
    transaction.add({ kind: "entry", key, rev, ...gone });
  }

  /** Adds an entry, or a deletion, with its revision, unless the key has a newer one. Inside a write. */
  importNow(transaction: Transaction, entry: EntryData): boolean {
    this.#host.ids.advancePast(entry.rev);
    transaction.usesIds = true;
    transaction.settle();
    const known = this.#sql.get.get(entry.key) as KvRow | null;
    if (known && known.rev >= entry.rev) return false;
    const { key, rev, type, writer = null, value } = entry;
    transaction.add({ kind: "entry", key, rev, type, writer, value });
    return true;
  }

  /** Applies an entry to the table. Inside a commit. */
  applyEntry(entry: EntryEffect): void {
    const { key, rev, type, writer, value } = entry;
    if (this.#total !== undefined) this.#total += (value ? 1 : 0) - (this.#infoOf(key) ? 1 : 0);
    if (entry.isForgotten) this.#sql.forget.run(key);
    else this.#sql.put.run(key, rev, type, kvCrc(entry), writer, value);
    this.#recent.delete(key);
  }

  read(scope: KvScope, options: KvReadOptions = {}): KvReader {
    const { ids, guard, horizon } = this.#host;
    const reader = new KvReader(
      {
        live: this.#live,
        page: (from, inclusive, rows) =>
          guard(() => {
            const page = inclusive ? this.#sql.pageFrom : this.#sql.pageAfter;
            return page.all(from, rows) as ListedEntry[];
          }),
        row: (key) => this.#row(key),
        newestId: () => horizon.newestVisible ?? ids.newest,
        nextId: () => horizon.idBelowHorizon(),
        closed: () => this.#watchers.delete(reader),
      },
      scope,
      options,
    );
    if (options.follow) this.#watchers.add(reader);
    return reader;
  }

  /** The number of entries. The first call counts them, which takes a while. */
  count(): number {
    this.#total ??= this.#host.guard(() => this.#sql.count.get() as { n: number }).n;
    return this.#total;
  }

  get watchers(): number {
    return this.#watchers.size;
  }

  /** The changes of a record, as watchers get them. */
  changesIn(effects: readonly Effect[]): LiveFrame[] {
    if (this.#watchers.size === 0) return [];
    return effects.flatMap((effect) =>
      effect.kind === "entry"
        ? [{ id: effect.rev, topic: effect.key, line: changeLine(effect), expires: null }]
        : [],
    );
  }

  /** Publishes changes to watchers. */
  publish(changes: readonly LiveFrame[]): void {
    if (changes.length > 0) this.#live.publish(changes);
  }

  /** Forgets what was read and counted in a transaction that was rolled back. */
  rolledBack(): void {
    this.#recent.clear();
    this.#total = undefined;
  }

  /** Removes the rows of entries that were deleted up to a time, in ms. Inside a commit. */
  forgetDeleted(ms: number): void {
    this.#sql.forgetDeleted.run(lastIdAt(ms));
  }

  /** How many entries were deleted up to a time, in ms. */
  countDeleted(ms: number): number {
    return (this.#sql.countDeleted.get(lastIdAt(ms)) as { n: number }).n;
  }

  close(): void {
    this.#live.close();
  }

  #row(key: string): KvRow | undefined {
    const row = this.#host.guard(() => this.#sql.get.get(key)) as KvRow | null;
    return row ? checkedRow(row) : undefined;
  }

  #nextRev(transaction: Transaction): string {
    transaction.usesIds = true;
    return this.#host.ids.next();
  }

  #infoOf(key: string): { rev: string } | null {
    return this.#sql.rev.get(key) as { rev: string } | null;
  }

  #checkCondition(
    transaction: Transaction,
    key: string,
    { ifMatch, ifNoneMatch }: KvCondition,
  ): void {
    if (!ifMatch && !ifNoneMatch) return;
    transaction.settle();
    const rev = this.#infoOf(key)?.rev;
    const among = (revs: readonly string[] | "*") =>
      rev !== undefined && (revs === "*" || revs.includes(rev));
    if ((!ifMatch || among(ifMatch)) && !(ifNoneMatch && among(ifNoneMatch))) return;
    throw new XsError(
      "precondition_failed",
      rev === undefined
        ? `there is no key ${quoted(key)}, so there is no revision to match`
        : `the key ${quoted(key)} is at revision ${rev}: read it again, then decide`,
      { members: { actual: rev ?? null } },
    );
  }
}

/** The greatest id with a time, in ms. */
function lastIdAt(ms: number): string {
  const most = 2 ** 24 - 1;
  return packId({ ts_ms: ms, counter_hi: most, counter_lo: most, node: "ffffffff" });
}

function statements(db: Database) {
  const info = "key, rev, type, writer, length(value) AS size";
  return {
    get: db.query("SELECT key, rev, type, crc, writer, value FROM kv WHERE key = ?"),
    rev: db.query("SELECT rev FROM kv WHERE key = ? AND value IS NOT NULL"),
    put: db.query(
      "INSERT OR REPLACE INTO kv (key, rev, type, crc, writer, value) VALUES (?, ?, ?, ?, ?, ?)",
    ),
    forget: db.query("DELETE FROM kv WHERE key = ?"),
    pageFrom: db.query(`SELECT ${info} FROM kv WHERE key >= ? ORDER BY key LIMIT ?`),
    pageAfter: db.query(`SELECT ${info} FROM kv WHERE key > ? ORDER BY key LIMIT ?`),
    keysBelow: db.query(
      "SELECT key FROM kv WHERE key >= ? AND key < ? AND value IS NOT NULL ORDER BY key",
    ),
    count: db.query("SELECT count(*) AS n FROM kv WHERE value IS NOT NULL"),
    countDeleted: db.query("SELECT count(*) AS n FROM kv WHERE value IS NULL AND rev <= ?"),
    forgetDeleted: db.query("DELETE FROM kv WHERE value IS NULL AND rev <= ?"),
  };
}
