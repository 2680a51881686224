import type { Database } from "bun:sqlite";
import { changeLine } from "../../../core/entry.ts";
import { quoted, XsError } from "../../../core/error.ts";
import type { IdSequence } from "../../../core/id.ts";
import { KvReader, type KvScope } from "../../entry-reader.ts";
import { LiveFeed, type LiveFrame } from "../../live.ts";
import { checkedRow, type KvInfoRow, type KvRow, kvCrc } from "./entry-row.ts";

/** An entry without its value. */
export interface KvInfo {
  readonly key: string;
  /** The id of the write that stored this value. */
  readonly rev: string;
  /** The size of the value, in bytes. */
  readonly size: number;
  /** The media type that came with the value. */
  readonly type: string;
}

export interface KvEntry extends KvInfo {
  readonly value: Uint8Array;
}

/** The conditions of a write. "*" is any revision. */
export interface KvCondition {
  readonly ifMatch?: readonly string[] | "*";
  readonly ifNoneMatch?: readonly string[] | "*";
}

/** The part of the store that the key/value store uses. */
export interface KvHost {
  readonly db: Database;
  readonly ids: IdSequence;
  readonly canWrite: boolean;
  write<T>(run: () => T): Promise<T>;
  /** Runs a read. Throws its failure as an XsError. */
  guard<T>(run: () => T): T;
  /** Told, inside a write, of an id that no frame keeps. */
  idConsumed(): void;
  /** From this id on nothing is durable yet. */
  readonly visibleBefore: () => string | undefined;
  /** A new id, below all that readers have not been given yet. */
  readonly nextId: () => string;
  /** Told of every value that is written. */
  noteReferences(value: Uint8Array): void;
}

/** The most entries that a cache of recent reads keeps, and the most bytes of a value in it. */
const MAX_RECENT_ENTRIES = 1000;
const MAX_RECENT_VALUE_BYTES = 4096;

/**
 * Cursors and materialised views: one value a key. Every write has a revision from the sequence of
 * the frames' ids, and is durable when its promise resolves.
 */
export class KvStore {
  readonly #host: KvHost;
  readonly #sql: ReturnType<typeof statements>;
  readonly #live = new LiveFeed();
  readonly #watchers = new Set<KvReader>();
  readonly #recent = new Map<string, KvEntry>();
  #published: LiveFrame[] = [];
  #total: number | undefined;

  constructor(host: KvHost) {
    this.#host = host;
    this.#sql = statements(host.db);
    // Nobody watches yet who could have missed it.
    if (host.canWrite && this.#sql.hasDeleted.get()) this.#sql.forgetDeleted.run("~");
  }

  /** Resolves to an entry once it is durable; undefined where there is none. @throws XsError `value_damaged` */
  async get(key: string): Promise<KvEntry | undefined> {
    const entry = this.getNow(key);
    const hidden = this.#host.visibleBefore();
    if (hidden === undefined || (entry && entry.rev < hidden)) return entry;
    // As that commit has it: by the time it is durable there may be a newer one that is not.
    return await this.#host.write(() => this.getNow(key));
  }

  /** An entry as a write sees it. @throws XsError `value_damaged` */
  getNow(key: string): KvEntry | undefined {
    const recent = this.#recent.get(key);
    if (recent) return recent;
    const row = this.#row(key);
    if (!row?.value) return undefined;
    const { rev, type, value } = row;
    const entry = { key, rev, type, value, size: value.length };
    if (entry.size <= MAX_RECENT_VALUE_BYTES) {
      if (this.#recent.size >= MAX_RECENT_ENTRIES) this.#recent.clear();
      this.#recent.set(key, entry);
    }
    return entry;
  }

  /** Writes a value and resolves to its revision. @throws XsError `precondition_failed` */
  put(key: string, type: string, value: Uint8Array, condition: KvCondition = {}): Promise<string> {
    return this.#host.write(() => this.putNow(key, type, value, condition));
  }

  /** Removes an entry. Resolves to the revision of the removal; undefined where there is no entry. */
  delete(key: string, condition: KvCondition = {}): Promise<string | undefined> {
    return this.#host.write(() => this.deleteNow(key, condition));
  }

  /** The same as {@link put}, inside a write. */
  putNow(key: string, type: string, value: Uint8Array, condition: KvCondition = {}): string {
    this.#checkCondition(key, condition);
    const rev = this.#nextRev();
    this.#set({ key, rev, type, value });
    return rev;
  }

  /** The same as {@link delete}, inside a write. */
  deleteNow(key: string, condition: KvCondition = {}): string | undefined {
    this.#checkCondition(key, condition);
    if (!this.#infoOf(key)) return undefined;
    const rev = this.#nextRev();
    if (this.#watchers.size > 0) {
      this.#set({ key, rev, type: "", value: null });
    } else {
      this.#count(key, 0);
      this.#sql.delete.run(key);
    }
    this.#recent.delete(key);
    return rev;
  }

  /** Adds an entry with its revision, unless the key has a newer one. Call it inside a write. */
  importNow(entry: KvEntry): boolean {
    this.#host.ids.advancePast(entry.rev);
    this.#host.idConsumed();
    const known = this.#sql.get.get(entry.key) as KvRow | null;
    if (known && known.rev >= entry.rev) return false;
    this.#set(entry);
    return true;
  }

  /** Reads the entries of a scope as NDJSON; with `follow`, their values and then every change. */
  read(scope: KvScope, options: { follow?: boolean; pulse?: number } = {}): KvReader {
    const { ids, guard, visibleBefore, nextId } = this.#host;
    const reader = new KvReader(
      {
        live: this.#live,
        page: (from, inclusive, rows) =>
          guard(() => {
            const page = inclusive ? this.#sql.pageFrom : this.#sql.pageAfter;
            return page.all(from, rows) as KvInfoRow[];
          }),
        row: (key) => this.#row(key),
        newestId: () => visibleBefore() ?? ids.newest,
        nextId,
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

  /** The changes since the last call, for watchers. */
  takePublished(): LiveFrame[] {
    const changes = this.#published;
    this.#published = [];
    return changes;
  }

  /** Publishes changes to watchers. */
  publish(changes: readonly LiveFrame[]): void {
    if (changes.length > 0) this.#live.publish(changes);
  }

  /** Forgets what was counted in a transaction that was rolled back. */
  rolledBack(): void {
    this.#published = [];
    this.#total = undefined;
  }

  /** Whether there are rows of deleted entries. */
  hasDeleted(): boolean {
    return this.#sql.hasDeleted.get() !== null;
  }

  /** Removes the rows of deleted entries whose deletion every watcher has seen. Call it inside a write. */
  sweep(): void {
    let known = "~";
    for (const watcher of this.#watchers) if (watcher.position < known) known = watcher.position;
    this.#sql.forgetDeleted.run(known);
  }

  close(): void {
    this.#live.close();
  }

  #set(entry: Omit<KvRow, "crc">): void {
    const { key, rev, type, value } = entry;
    this.#count(key, value ? 1 : 0);
    this.#sql.put.run(key, rev, type, kvCrc(entry), value);
    this.#recent.delete(key);
    if (value) this.#host.noteReferences(value);
    if (this.#watchers.size === 0) return;
    this.#published.push({ id: rev, scopes: [key], line: changeLine(entry), expires: null });
  }

  /** Counts a key before it changes. @param values of the key after the change */
  #count(key: string, values: 0 | 1): void {
    if (this.#total !== undefined) this.#total += values - (this.#infoOf(key) ? 1 : 0);
  }

  #row(key: string): KvRow | undefined {
    const row = this.#host.guard(() => this.#sql.get.get(key)) as KvRow | null;
    return row ? checkedRow(row) : undefined;
  }

  #nextRev(): string {
    this.#host.idConsumed();
    return this.#host.ids.next();
  }

  #infoOf(key: string): { rev: string } | null {
    return this.#sql.rev.get(key) as { rev: string } | null;
  }

  #checkCondition(key: string, { ifMatch, ifNoneMatch }: KvCondition): void {
    if (!ifMatch && !ifNoneMatch) return;
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

function statements(db: Database) {
  const info = "key, rev, type, length(value) AS size";
  return {
    get: db.query("SELECT key, rev, type, crc, value FROM kv WHERE key = ?"),
    rev: db.query("SELECT rev FROM kv WHERE key = ? AND value IS NOT NULL"),
    put: db.query("INSERT OR REPLACE INTO kv (key, rev, type, crc, value) VALUES (?, ?, ?, ?, ?)"),
    delete: db.query("DELETE FROM kv WHERE key = ?"),
    pageFrom: db.query(`SELECT ${info} FROM kv WHERE key >= ? ORDER BY key LIMIT ?`),
    pageAfter: db.query(`SELECT ${info} FROM kv WHERE key > ? ORDER BY key LIMIT ?`),
    count: db.query("SELECT count(*) AS n FROM kv WHERE value IS NOT NULL"),
    hasDeleted: db.query("SELECT 1 FROM kv WHERE value IS NULL LIMIT 1"),
    forgetDeleted: db.query("DELETE FROM kv WHERE value IS NULL AND rev <= ?"),
  };
}
