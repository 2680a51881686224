import { Database } from "bun:sqlite";
import { chmodSync, existsSync, mkdirSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { shown, XsError } from "../frame/error.ts";
import { encodeFrame, idInLine } from "../frame/frame.ts";
import { IdSequence, MAX_AHEAD_MS, timestampOf } from "../frame/id.ts";
import type { ReadOptions } from "../frame/read-options.ts";
import { scopesOf } from "../frame/topic.ts";
import { expiryOf, type Ttl } from "../frame/ttl.ts";
import { checkStore } from "./check.ts";
import { ContentStore } from "./content.ts";
import { LiveFeed, type LiveFrame } from "./live.ts";
import { type StoreLock, tryLock } from "./lock.ts";
import { type Page, type PageQuery, Reader } from "./reader.ts";
import { migrate } from "./schema.ts";
import type {
  AppendRequest,
  Direction,
  ImportFrame,
  ImportResult,
  Problem,
  Store,
  TakenContent,
} from "./store.ts";

const DATABASE = "events.db";
/** Expired rows that one commit removes at most, so that a mass expiry holds nobody up. */
const SWEEP_ROWS = 1000;
/** Turns of the event loop that a commit waits at most for writes that keep coming. */
const GATHER_TURNS = 8;
const SWEEP_EVERY_MS = 1000;
/** How long a close waits for content to settle; the rest settles after the next open. */
const SETTLE_ON_CLOSE_MS = 2000;

/** Tells whether a directory holds a store. */
export function isStore(path: string): boolean {
  return existsSync(join(path, DATABASE));
}

/**
 * Opens the store in a directory, making it if there is none, or gives undefined where another
 * process has it open.
 *
 * @throws XsError `store_not_found` where the directory has something else in it
 */
export function openSqliteStore(path: string, now?: () => number): SqliteStore | undefined {
  // A directory of somebody else's: its mode is not to be changed, nor is it to get our files.
  if (!isStore(path) && existsSync(path) && readdirSync(path).some((name) => !isOurs(name))) {
    throw new XsError("store_not_found", `${path} is not a store and not empty: name another`);
  }
  mkdirSync(path, { recursive: true, mode: 0o700 });
  chmodSync(path, 0o700);
  const lock = tryLock(path);
  if (!lock) return undefined;
  try {
    return new SqliteStore(path, lock, now);
  } catch (error) {
    lock.release();
    if (!(error as { code?: string }).code?.startsWith("SQLITE_")) throw error;
    const { message } = error as Error;
    throw new XsError(
      "store_damaged",
      `${join(path, DATABASE)} cannot be opened (${message}); it is left as it is: restore a copy, or try  sqlite3 ${DATABASE} .recover`,
      { cause: error },
    );
  }
}

/** Files that are there before the database is, while a store is being made. */
function isOurs(name: string): boolean {
  return name.startsWith("lock.db") || name.startsWith(DATABASE);
}

/** A write that waits for the next commit. */
interface Write {
  /** Runs inside the transaction; what it throws fails this write alone. */
  run(): void;
  resolve(): void;
  reject(error: Error): void;
}

/** The engine on `bun:sqlite`, in WAL mode, every commit synced. */
export class SqliteStore implements Store {
  readonly path: string;
  readonly content: ContentStore;
  readonly failure: Promise<Error>;
  readonly #db: Database;
  readonly #lock: StoreLock;
  readonly #ids: IdSequence;
  /** The time that decides what has expired: it never goes back, so what is gone stays gone. */
  readonly #now: () => number;
  readonly #live = new LiveFeed();
  readonly #sql: ReturnType<typeof statements>;
  readonly #pages = new Map<string, ReturnType<Database["query"]>>();
  readonly #sweeper: ReturnType<typeof setInterval>;

  #writes: Write[] = [];
  #scheduled = false;
  /** Writes come faster than one commit takes, so wait for those of the same turn. */
  #crowded = false;
  #flushedThisTurn = false;
  #published: LiveFrame[] = [];
  /** Rows of each topic that has a `last:` ttl in use. */
  #counts = new Map<string, number>();
  #removed = false;
  #failed: Error | undefined;
  #fail: (error: Error) => void = () => {};
  #closing: Promise<void> | undefined;

  constructor(path: string, lock: StoreLock, now: () => number = Date.now) {
    this.path = path;
    this.#lock = lock;
    let latest = 0;
    this.#now = () => {
      latest = Math.max(latest, now());
      return latest;
    };
    this.#db = new Database(join(path, DATABASE), { create: true, strict: true });
    this.#db.run("PRAGMA journal_mode = WAL");
    this.#db.run("PRAGMA synchronous = FULL");
    migrate(this.#db);
    this.#sql = statements(this.#db);
    this.#ids = new IdSequence(now);
    for (const { id } of this.#sql.newest.all() as { id: string | null }[]) {
      if (id !== null) this.#ids.advancePast(id);
    }
    const { promise, resolve } = Promise.withResolvers<Error>();
    this.failure = promise;
    this.#fail = resolve;
    this.content = new ContentStore(
      { db: this.#db, write: (run) => this.#write(run), failed: (error) => this.#stop(error) },
      join(path, "cacache"),
    );
    this.#sweeper = setInterval(() => {
      this.#sweepSoon();
      this.content.startSettling();
    }, SWEEP_EVERY_MS);
    this.#sweeper.unref();
    this.content.startSettling();
  }

  async append(request: AppendRequest): Promise<string> {
    let line = "";
    await this.#write(() => {
      line = this.#insertNew(request);
    });
    if (request.content?.bytes) this.content.startSettling();
    return line;
  }

  async import(frames: readonly ImportFrame[]): Promise<ImportResult> {
    const limit = this.#now() + MAX_AHEAD_MS;
    for (const { id } of frames) {
      if (timestampOf(id) > limit) {
        throw new XsError("id_ahead", `the id ${shown(id)} is more than a day ahead of the clock`);
      }
    }
    let added = 0;
    await this.#write(() => {
      for (const frame of frames) {
        if (this.#insertImported(frame)) added++;
        this.#ids.advancePast(frame.id);
      }
    });
    return { frames: frames.length, added };
  }

  async remove(id: string): Promise<boolean> {
    let found = false;
    await this.#write(() => {
      found = this.#delete(id);
    });
    return found;
  }

  async keep(content: TakenContent): Promise<void> {
    if (!content.bytes) return;
    await this.#write(() => this.content.stage(content));
    this.content.startSettling();
  }

  get(id: string): string | undefined {
    return this.#guard(() => this.#checked(this.#sql.get.get(id, this.#now())));
  }

  neighbour(id: string, direction: Direction, topics?: readonly string[]): string | undefined {
    const query: PageQuery =
      direction === "next"
        ? { above: id, topics, order: "asc", rows: 1 }
        : { below: id, topics, order: "desc", rows: 1 };
    const { lastId } = this.page(query);
    return lastId === undefined ? undefined : this.get(lastId);
  }

  read(options: ReadOptions): Reader {
    return new Reader(
      {
        live: this.#live,
        page: (query) => this.page(query),
        boundOfLast: (count, query) => this.#boundOfLast(count, query),
        nextId: () => this.#ids.next(),
        now: this.#now,
      },
      options,
    );
  }

  /** A slice of what is committed, at once. */
  page(query: PageQuery): Page {
    const edge = query.order === "asc" ? "max" : "min";
    const row = this.#guard(() =>
      this.#select(
        query,
        (rows) => `
          SELECT count(*) AS rows, ${edge}(id) AS lastId,
            CAST(group_concat(frame || char(10), '') AS BLOB) AS bytes
          FROM (${rows} LIMIT ?)`,
        query.rows,
      ),
    ) as { rows: number; lastId: string | null; bytes: Uint8Array | null };
    return {
      rows: row.rows,
      lastId: row.lastId ?? undefined,
      bytes: row.bytes ?? new Uint8Array(),
    };
  }

  endReads(): void {
    this.#live.close();
  }

  async check(): Promise<Problem[]> {
    await this.#write(() => {});
    return checkStore(this.#db, this.content);
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    this.endReads();
    clearInterval(this.#sweeper);
    try {
      if (this.#failed) return;
      await this.#write(() => this.#sweepAll());
      await this.content.finish(SETTLE_ON_CLOSE_MS);
      this.#db.run("PRAGMA wal_checkpoint(TRUNCATE)");
    } catch (error) {
      // On a full disk what is in the log stays there until the next open; nothing is lost.
      if (!(error instanceof XsError) || error.code !== "disk_full")
        throw this.#translate(error as Error);
    } finally {
      this.#failed ??= new XsError("store_closed", "the store is closed");
      this.#db.close();
      this.#lock.release();
    }
  }

  /** Queues a write for the next commit; resolves when it is durable. */
  #write(run: () => void): Promise<void> {
    if (this.#failed) return Promise.reject(this.#failed);
    return new Promise((resolve, reject) => {
      this.#writes.push({ run, resolve, reject });
      if (this.#scheduled) return;
      this.#scheduled = true;
      // A lone writer is served at once. Where several write, they share one sync.
      if (this.#crowded || this.#flushedThisTurn) this.#flushWhenQuiet(0, GATHER_TURNS);
      else queueMicrotask(() => this.#flush());
    });
  }

  /** Commits at the end of an event loop's turn in which no further write came, or of the last. */
  #flushWhenQuiet(before: number, turns: number): void {
    setImmediate(() => {
      const { length } = this.#writes;
      if (length === before || turns === 0) this.#flush();
      else this.#flushWhenQuiet(length, turns - 1);
    });
  }

  #flush(): void {
    this.#scheduled = false;
    const writes = this.#writes;
    this.#writes = [];
    this.#crowded = writes.length > 1;
    if (!this.#flushedThisTurn) {
      this.#flushedThisTurn = true;
      setImmediate(() => {
        this.#flushedThisTurn = false;
      });
    }
    try {
      this.#commit(writes);
    } catch (error) {
      this.#counts.clear();
      this.#published = [];
      const failure = this.#translate(error as Error);
      for (const write of writes) write.reject(failure);
    }
  }

  #commit(writes: Write[]): void {
    if (this.#failed) throw this.#failed;
    const done: Write[] = [];
    this.#sql.begin.run();
    try {
      for (const write of writes) {
        try {
          write.run();
          done.push(write);
        } catch (error) {
          // A refusal is found before anything is written; any other failure takes the commit down.
          if (!(error instanceof XsError)) throw error;
          write.reject(error);
        }
      }
      if (this.#removed) this.#sql.setNewest.run(this.#ids.newest);
      this.#removed = false;
      this.#sql.commit.run();
    } catch (error) {
      if (this.#db.inTransaction) this.#sql.rollback.run();
      throw error;
    }
    if (this.#published.length > 0) {
      const frames = this.#published;
      this.#published = [];
      this.#live.publish(frames);
    }
    for (const write of done) write.resolve();
  }

  #insertNew({ topic, meta, ttl, content }: AppendRequest): string {
    const id = this.#ids.next();
    const line = encodeFrame(id, { topic, hash: content?.hash ?? null, meta, ttl: ttl.text });
    const expires = expiryOf(ttl, id);
    if (ttl.kind !== "ephemeral") {
      this.#insert(id, topic, line, expires);
      this.#keepNewest(topic, ttl);
    }
    if (content) this.content.stage(content);
    this.#published.push({ id, topic, line, expires });
    return line;
  }

  #insertImported({ topic, id, hash, meta, ttl }: ImportFrame): boolean {
    const expires = expiryOf(ttl, id);
    const gone = ttl.kind === "ephemeral" || (expires !== null && expires <= this.#now());
    if (gone || this.#sql.exists.get(id)) return false;
    this.#insert(id, topic, encodeFrame(id, { topic, hash, meta, ttl: ttl.text }), expires);
    this.#keepNewest(topic, ttl);
    return true;
  }

  #insert(id: string, topic: string, line: string, expires: number | null): void {
    this.#sql.insert.run(id, expires, Bun.hash.crc32(line), line);
    for (const scope of scopesOf(topic)) this.#sql.insertScope.run(scope, id);
    const count = this.#counts.get(topic);
    if (count !== undefined) this.#counts.set(topic, count + 1);
  }

  #delete(id: string): boolean {
    const row = this.#sql.raw.get(id) as { frame: string } | null;
    if (!row) return false;
    const { topic } = JSON.parse(row.frame) as { topic: string };
    this.#sql.delete.run(id);
    for (const scope of scopesOf(topic)) this.#sql.deleteScope.run(scope, id);
    const count = this.#counts.get(topic);
    if (count !== undefined) this.#counts.set(topic, count - 1);
    this.#removed = true;
    return true;
  }

  /** Removes what is beyond the newest frames that a `last:` ttl keeps. */
  #keepNewest(topic: string, ttl: Ttl): void {
    if (ttl.kind !== "last") return;
    // Expired rows must not take the place of frames that readers still see.
    this.#sweepAll();
    let count = this.#counts.get(topic);
    if (count === undefined) {
      count = (this.#sql.countTopic.get(topic) as { n: number }).n;
      this.#counts.set(topic, count);
    }
    if (count <= ttl.count) return;
    const oldest = this.#sql.oldest.all(topic, count - ttl.count) as { id: string }[];
    for (const { id } of oldest) this.#delete(id);
  }

  /** Removes expired rows; inside a write. Gives how many. */
  #sweep(): number {
    const rows = this.#sql.expired.all(this.#now(), SWEEP_ROWS) as { id: string }[];
    for (const { id } of rows) this.#delete(id);
    return rows.length;
  }

  #sweepAll(): void {
    while (this.#sweep() === SWEEP_ROWS);
  }

  #sweepSoon(): void {
    if (this.#failed || !this.#sql.expired.get(this.#now(), 1)) return;
    this.#write(() => {
      this.#sweep();
    }).catch((error: Error) => {
      // A full disk passes and the next sweep tries again; what does not pass stops the store.
      if (!(error instanceof XsError)) this.#stop(error);
    });
  }

  #boundOfLast(count: number, query: PageQuery): string | undefined {
    if (count === 0) return this.#ids.newest || undefined;
    const row = this.#guard(() =>
      this.#select(
        { ...query, order: "desc", below: undefined },
        (rows) => `SELECT id FROM (${rows} LIMIT 1 OFFSET ?)`,
        count,
      ),
    ) as { id: string } | null;
    return row?.id;
  }

  /** Runs a statement over the rows of a query; statements are made once for each shape. */
  #select(query: PageQuery, wrap: (rows: string) => string, count: number): unknown {
    const { above, below, topics, order } = query;
    const bounds = `${above === undefined ? "" : "AND id > ?"} ${below === undefined ? "" : "AND id < ?"}`;
    const key = `${order} ${bounds} ${topics?.length ?? "all"} ${wrap("")}`;
    let statement = this.#pages.get(key);
    if (!statement) {
      statement = this.#db.query(wrap(selectRows(order, bounds, topics?.length)));
      this.#pages.set(key, statement);
    }
    const edges = [above, below].filter((edge) => edge !== undefined);
    const now = this.#now();
    const values = topics
      ? [...topics.flatMap((topic) => [topic, ...edges]), now, count]
      : [...edges, now, count];
    return statement.get(...values);
  }

  /** Checks a row's line against its CRC. @throws XsError `frame_damaged` */
  #checked(row: unknown): string | undefined {
    if (!row) return undefined;
    const { frame, crc } = row as { frame: string; crc: number };
    if (Bun.hash.crc32(frame) !== crc) {
      throw new XsError("frame_damaged", `the stored frame ${idInLine(frame)} is damaged`);
    }
    return frame;
  }

  #guard<T>(run: () => T): T {
    try {
      return run();
    } catch (error) {
      throw this.#translate(error as Error);
    }
  }

  /** An error of SQLite as the store's own; one that means lost durability stops the store. */
  #translate(error: Error): Error {
    if (error instanceof XsError) return error;
    const code = (error as { code?: string }).code ?? "";
    if (code === "SQLITE_FULL") {
      return new XsError("disk_full", "the disk is full: free some space, then try again", {
        cause: error,
      });
    }
    if (code.startsWith("SQLITE_CORRUPT")) {
      return new XsError("frame_damaged", `the database is damaged (${error.message})`, {
        cause: error,
      });
    }
    if (code.startsWith("SQLITE_IOERR") || code.startsWith("SQLITE_READONLY")) {
      return this.#stop(error);
    }
    return error;
  }

  #stop(cause: Error): Error {
    this.#failed ??= new XsError(
      "store_failed",
      `the store can no longer write safely and stops: ${cause.message}`,
      { cause },
    );
    this.#fail(this.#failed);
    return this.#failed;
  }
}

/** The rows of some scopes (or of the whole log) in order; takes each scope with its bounds. */
function selectRows(order: "asc" | "desc", bounds: string, scopes: number | undefined): string {
  const visible = "(expires IS NULL OR expires > ?)";
  if (scopes === undefined) {
    return `SELECT id, frame FROM frames WHERE true ${bounds} AND ${visible} ORDER BY id ${order}`;
  }
  // SQLite merges the ranges as they come, since each is in order already. CROSS JOIN keeps them
  // on the outside: the cost is that of the rows that are taken.
  const range = `SELECT id FROM scopes WHERE scope = ? ${bounds}`;
  const ranges =
    scopes === 1
      ? `${range} ORDER BY id ${order}`
      : `${Array(scopes).fill(range).join(" UNION ALL ")} ORDER BY id ${order}`;
  return `SELECT frames.id AS id, frame FROM (${ranges}) AS found CROSS JOIN frames
    WHERE frames.id = found.id AND ${visible} ORDER BY found.id ${order}`;
}

function statements(db: Database) {
  return {
    begin: db.query("BEGIN IMMEDIATE"),
    commit: db.query("COMMIT"),
    rollback: db.query("ROLLBACK"),
    newest: db.query(
      "SELECT max(id) AS id FROM frames UNION ALL SELECT value FROM facts WHERE key = 'newest_id'",
    ),
    setNewest: db.query("INSERT OR REPLACE INTO facts (key, value) VALUES ('newest_id', ?)"),
    insert: db.query("INSERT INTO frames (id, expires, crc, frame) VALUES (?, ?, ?, ?)"),
    insertScope: db.query("INSERT INTO scopes (scope, id) VALUES (?, ?)"),
    delete: db.query("DELETE FROM frames WHERE id = ?"),
    deleteScope: db.query("DELETE FROM scopes WHERE scope = ? AND id = ?"),
    exists: db.query("SELECT 1 FROM frames WHERE id = ?"),
    raw: db.query("SELECT frame FROM frames WHERE id = ?"),
    get: db.query(
      "SELECT frame, crc FROM frames WHERE id = ? AND (expires IS NULL OR expires > ?)",
    ),
    expired: db.query("SELECT id FROM frames WHERE expires <= ? ORDER BY expires LIMIT ?"),
    countTopic: db.query("SELECT count(*) AS n FROM scopes WHERE scope = ?"),
    oldest: db.query("SELECT id FROM scopes WHERE scope = ? ORDER BY id LIMIT ?"),
  };
}
