import { Database } from "bun:sqlite";
import { statSync } from "node:fs";
import { stat } from "node:fs/promises";
import { availableParallelism } from "node:os";
import { join } from "node:path";
import { type ErrorCode, XsError } from "../../core/error.ts";
import { IdSequence, timestampOf } from "../../core/id.ts";
import type { ReadOptions } from "../../core/read-options.ts";
import { databaseDamaged, diskFull, isOutOfFiles, outOfFiles } from "../failures.ts";
import { DATABASE, LOCK } from "../is-store.ts";
import { LiveFeed } from "../live.ts";
import { closeTreeToOthers, makePrivateFile } from "../modes.ts";
import { Reader } from "../reader.ts";
import type { Store } from "../store.ts";
import type {
  AppendCondition,
  AppendRequest,
  Change,
  CheckListener,
  CheckResult,
  Direction,
  ImportFrame,
  ImportResult,
  StoreMetrics,
  TakenContent,
} from "../types.ts";
import { Background, type Task } from "./background.ts";
import { Commits, noCommits } from "./commit/group-commit.ts";
import { CommitHorizon } from "./commit/horizon.ts";
import { WalMark } from "./commit/wal-mark.ts";
import { BUSY_MS, openForReading } from "./connection.ts";
import type { Collected, Collector } from "./content/collector.ts";
import type { ContentStore } from "./content/content.ts";
import type { FlushSchedule } from "./content/flush-schedule.ts";
import { openContent } from "./content/open-content.ts";
import { ContentTables } from "./content/tables.ts";
import { ExpiryClock } from "./expiry-clock.ts";
import { InPlace } from "./in-place.ts";
import { type KvEntry, KvStore } from "./kv/kv.ts";
import type { StoreLock } from "./lock.ts";
import { checkLast } from "./log/expect-last.ts";
import { Idempotency } from "./log/idempotency.ts";
import { Log } from "./log/log.ts";
import { migrate } from "./schema.ts";
import { Snapshot } from "./transfer/snapshot.ts";
import { checkStore } from "./verify/check.ts";
import { Integrity } from "./verify/integrity.ts";

const BACKGROUND_MS = 1000;
/** How long a close waits for content to be flushed; the rest is flushed after the next open. */
const FLUSH_ON_CLOSE_MS = 2000;

/** Failures of a close that leave the store as safe as it was. */
const LEAVES_ALL = new Set<ErrorCode>(["disk_full", "frame_damaged", "too_many_files"]);

/** The engine on `bun:sqlite`, in WAL mode, every commit synced. */
export class SqliteStore implements Store {
  readonly path: string;
  readonly content: ContentStore;
  readonly kv: KvStore;
  readonly failure: Promise<Error>;
  readonly #db: Database;
  readonly #lock: StoreLock;
  readonly #ids: IdSequence;
  readonly #clock: ExpiryClock;
  readonly #place: InPlace;
  readonly #now: () => number;
  readonly #live = new LiveFeed();
  /** None where the store cannot be written. */
  readonly #commits: Commits | undefined;
  /** The database, as others open it to read. */
  readonly #database: string;
  readonly #log: Log;
  readonly #contentTables: ContentTables;
  readonly #flushes: FlushSchedule;
  readonly #collector: Collector;
  readonly #idempotency: Idempotency;
  readonly #setNewest: ReturnType<Database["query"]>;
  readonly #integrity = new Integrity();
  readonly #background = new Background();
  readonly #followers = new Set<Reader>();
  readonly #appended = { frames: 0, bytes: 0, contentBytes: 0 };
  /** The same of the commit that is being made. */
  #appending = { frames: 0, bytes: 0, contentBytes: 0 };

  readonly #horizon: CommitHorizon;
  /** An id was given that no frame keeps, so it must be written down. */
  #idConsumed = false;
  #failed: Error | undefined;
  #fail: (error: Error) => void = () => {};
  #closing: Promise<void> | undefined;
  /** Aborted when what goes on in the background is to end. */
  readonly #ending = new AbortController();

  /** @param still where it cannot be written: what to read, and why what writes is refused */
  constructor(
    path: string,
    lock: StoreLock,
    now: () => number = Date.now,
    still?: { readonly database: string; readonly refusal: XsError },
  ) {
    this.path = path;
    this.#lock = lock;
    this.#place = new InPlace(path);
    this.#clock = new ExpiryClock(now);
    this.#now = this.#clock.now;
    const database = still?.database ?? join(path, DATABASE);
    this.#database = database;
    this.#failed = still?.refusal;
    const db = still ? openForReading(database) : openForWriting(database);
    this.#db = db;
    this.#setNewest = db.query("INSERT OR REPLACE INTO facts (key, value) VALUES ('newest_id', ?)");
    this.#ids = newestIds(db, now);
    this.#horizon = new CommitHorizon(this.#ids);
    const { promise, resolve } = Promise.withResolvers<Error>();
    this.failure = promise;
    this.#fail = resolve;
    if (!still) this.#commits = this.#openCommits(database);
    const write = <T>(run: () => T) => this.#write(run);
    const guard = <T>(run: () => T) => this.#guard(run);
    // A task that lacks a descriptor, or memory for a thread, runs again later.
    const failed = (error: Error) => {
      if (!isOutOfFiles(error)) this.#stop(error);
    };
    const idConsumed = () => {
      this.#idConsumed = true;
    };
    const tables = new ContentTables(db);
    this.#contentTables = tables;
    const { content, flushes, collector } = openContent({
      database,
      root: join(path, "cacache"),
      db,
      tables,
      background: this.#background,
      place: this.#place,
      write,
      guard,
      checkWritable: () => this.checkWritable(),
      failed,
    });
    this.content = content;
    this.#flushes = flushes;
    this.#collector = collector;
    const visibleBefore = () => this.#horizon.from;
    this.#log = new Log({
      db,
      ids: this.#ids,
      content: tables,
      clock: this.#clock,
      idConsumed,
      visibleBefore,
      clockBack: () => this.#idempotency.clockBack(),
    });
    this.kv = new KvStore({
      db,
      ids: this.#ids,
      canWrite: !still,
      write,
      guard,
      idConsumed,
      visibleBefore,
      nextId: () => this.#horizon.idBelowHorizon(),
      noteReferences: (value) => tables.noteReferences(value),
    });
    this.#idempotency = new Idempotency(db, this.#now);
    if (still) {
      // The store is read-only: staged content stays staged.
      flushes.stop();
    } else {
      void closeTreeToOthers(join(path, "cacache"), this.#ending.signal).catch(() => {});
    }
    const every = (task: Task, run: () => unknown) =>
      this.#background.every(task, BACKGROUND_MS, () => this.#inBackground(run));
    every("place", () => this.#checkPlace());
    every("expire", () => this.#expire());
    every("collect", () => collector.collectSoon());
    const ephemeral = () => tables.ephemeral.sweep();
    this.#background.every("ephemeral", BACKGROUND_MS, ephemeral);
    if (still) return;
    if (this.#idempotency.wasAhead()) {
      this.#write(() => this.#idempotency.clockBack()).catch(failed);
    }
    if (this.#log.hasGrowing()) this.#write(() => this.#log.endGrowing()).catch(failed);
  }

  #openCommits(database: string): Commits {
    const lock = join(this.path, LOCK);
    const files = [this.path, `${database}-wal`, database, lock];
    for (const file of files) this.#place.watch(file);
    const wal = { path: `${database}-wal`, mark: new WalMark(database) };
    return new Commits(this.#db, wal, {
      failed: () => this.#failed,
      begins: () => {
        // Each commit looks at the clock, so that what expires by then stays gone if it is set back.
        this.#clock.begins();
        this.#horizon.begins();
      },
      beforeCommit: () => this.#endCommit(),
      committed: () => this.#committed(),
      rolledBack: (error) => this.#rolledBack(error),
      misplaced: () => this.#place.problemAtHand(),
      syncFailed: (error) => this.#stop(error),
    });
  }

  async append(request: AppendRequest, condition?: AppendCondition): Promise<string> {
    const [line = ""] = await this.appendAll([request], condition);
    return line;
  }

  async appendAll(
    requests: readonly AppendRequest[],
    { expectLast, idempotencyKey }: AppendCondition = {},
  ): Promise<string[]> {
    const append = () => {
      if (expectLast !== undefined) checkLast(this.#log, requests[0]?.topic ?? "", expectLast);
      for (const { content } of requests) if (content?.known) this.#checkKnown(content.hash);
      return requests.map((request) => this.#appendNow(request));
    };
    try {
      return await this.#write(() =>
        idempotencyKey === undefined
          ? append()
          : this.#idempotency.once(idempotencyKey, requests, append),
      );
    } finally {
      for (const { content } of requests) this.content.unpin(content);
    }
  }

  async apply(changes: readonly Change[]): Promise<string[]> {
    try {
      return await this.#write(() => {
        const lines: string[] = [];
        for (const change of changes) {
          if ("append" in change) lines.push(this.#appendNow(change.append));
          else if ("delete" in change) this.kv.deleteNow(change.delete);
          else this.kv.putNow(change.put.key, change.put.type, change.put.value);
        }
        return lines;
      });
    } finally {
      for (const change of changes)
        if ("append" in change) this.content.unpin(change.append.content);
    }
  }

  async import(frames: readonly ImportFrame[], ahead = false): Promise<ImportResult> {
    this.#log.checkImport(frames, ahead);
    const added = await this.#write(() => {
      let count = 0;
      for (const frame of frames) if (this.#log.import(frame)) count++;
      return count;
    });
    return { frames: frames.length, added };
  }

  importEntries(entries: readonly KvEntry[]): Promise<number> {
    return this.#write(() => entries.filter((entry) => this.kv.importNow(entry)).length);
  }

  remove(id: string): Promise<boolean> {
    return this.#write(() => this.#log.remove(id));
  }

  async keep(...contents: readonly TakenContent[]): Promise<void> {
    try {
      if (!contents.some(({ bytes }) => bytes)) return;
      await this.#write(() => {
        for (const content of contents) this.#contentTables.stage(content);
      });
    } finally {
      for (const content of contents) this.content.unpin(content);
    }
  }

  get(id: string): string | undefined {
    return this.#guard(() => this.#log.get(id));
  }

  neighbour(id: string, direction: Direction, topics?: readonly string[]): string | undefined {
    return this.#guard(() => this.#neighbour(id, direction, topics, false));
  }

  async newestDurable(
    id: string,
    direction: Direction,
    topics?: readonly string[],
  ): Promise<string | undefined> {
    const line = this.neighbour(id, direction, topics);
    if (line !== undefined || this.#horizon.from === undefined) return line;
    // As that commit has it: when it is durable the next may have taken it away again.
    return this.#write(() => {
      this.#log.trim();
      return this.#neighbour(id, direction, topics, true);
    });
  }

  #neighbour(
    id: string,
    direction: Direction,
    topics: readonly string[] | undefined,
    evenBeyondHorizon: boolean,
  ): string | undefined {
    const from =
      direction === "next"
        ? ({ above: id, order: "asc" } as const)
        : ({ below: id, order: "desc" } as const);
    const { lastId } = this.#log.page({ ...from, topics, rows: 1, evenBeyondHorizon });
    return lastId === undefined ? undefined : this.#log.get(lastId);
  }

  read(options: ReadOptions): Reader {
    const reader = new Reader(
      {
        live: this.#live,
        page: (query) => this.#guard(() => this.#log.page(query)),
        boundOfLast: (count, query) => this.#guard(() => this.#log.boundOfLast(count, query)),
        nextId: () => this.#horizon.idBelowHorizon(),
        now: this.#now,
        closed: () => this.#followers.delete(reader),
      },
      options,
    );
    if (options.follow) this.#followers.add(reader);
    return reader;
  }

  isFollowed(topic: string): boolean {
    for (const follower of this.#followers) if (follower.covers(topic)) return true;
    return false;
  }

  isGrowing(id: string): boolean {
    return this.#log.isGrowing(id);
  }

  async snapshot(): Promise<Snapshot> {
    const release = await this.holdContent();
    try {
      return new Snapshot(this.#database, this.#now(), release);
    } catch (error) {
      release();
      throw this.#translate(error as Error);
    }
  }

  holdContent(): Promise<() => void> {
    return this.#collector.hold();
  }

  async collect(dryRun?: boolean): Promise<Collected> {
    if (!dryRun) this.checkWritable();
    return this.#collector.collect(dryRun);
  }

  async check(
    report: CheckListener["report"],
    how: Omit<CheckListener, "report"> = {},
  ): Promise<CheckResult> {
    if (this.#commits) await this.#write(() => {});
    // A content that is freed meanwhile would seem to be missing.
    const release = await this.holdContent();
    try {
      return await checkStore(this.#database, this.content, this.#integrity, {
        ...how,
        report,
      });
    } finally {
      release();
    }
  }

  get metrics(): StoreMetrics {
    return this.#guard(() => this.#metrics());
  }

  #metrics(): StoreMetrics {
    const { contents, bytes } = this.content.staged();
    const counts = this.#commits?.counts ?? noCommits();
    return {
      frames: this.#log.count(),
      pairs: this.kv.count(),
      appends: this.#appended.frames,
      appendedBytes: this.#appended.bytes,
      appendedContentBytes: this.#appended.contentBytes,
      commits: counts.commits,
      commitWrites: counts.writes,
      commitsBySize: counts.bySize,
      followers: this.#followers.size,
      watchers: this.kv.watchers,
      followerLag: this.#followerLag(),
      stagedContents: contents,
      stagedBytes: bytes,
      databaseBytes: ["", "-wal"]
        .map((end) => statSync(join(this.path, DATABASE + end), { throwIfNoEntry: false })?.size)
        .reduce<number>((sum, size) => sum + (size ?? 0), 0),
      background: this.#background.runs,
    };
  }

  async keepThreads(): Promise<void> {
    this.#flushes.keepThread();
    this.#integrity.keep();
    // Those of asynchronous calls to the file system, one for each processor.
    await Promise.all(Array.from({ length: 4 * availableParallelism() }, () => stat(this.path)));
  }

  endReads(): void {
    this.#live.close();
    this.kv.close();
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    this.endReads();
    this.#ending.abort();
    this.#background.stop();
    try {
      if (this.#failed) return;
      await this.#collector.idle();
      await this.#write(() => this.#log.sweepAll());
      await this.#flushes.finish(FLUSH_ON_CLOSE_MS);
      // The last of all writes: when it is durable, so are the others.
      await this.#write(() => {});
      // Another process may still read the log: the checkpoint must not wait for it.
      this.#db.run("PRAGMA busy_timeout = 0");
      this.#db.run("PRAGMA wal_checkpoint(TRUNCATE)");
    } catch (error) {
      // On a full disk, or where a page is damaged, all stays as it is until the next open; nothing
      // is lost by that.
      const failure = this.#translate(error as Error);
      if (!(failure instanceof XsError) || !LEAVES_ALL.has(failure.code)) throw failure;
    } finally {
      this.#flushes.stop();
      this.#integrity.stop();
      this.#commits?.close();
      this.#place.close();
      this.#failed ??= new XsError("store_closed", "the store is closed");
      this.#db.close();
      this.#lock.release();
    }
  }

  #write<T>(run: () => T): Promise<T> {
    if (!this.#commits) return Promise.reject(this.#failed);
    return this.#commits.write(run);
  }

  #appendNow(request: AppendRequest): string {
    const line = this.#log.append(request);
    this.#appending.frames++;
    this.#appending.bytes += Buffer.byteLength(line) + 1;
    this.#appending.contentBytes += request.content?.size ?? 0;
    return line;
  }

  #checkKnown(hash: string): void {
    if (this.content.has(hash)) return;
    throw new XsError("content_not_found", `there is no content ${hash} in this store`);
  }

  #endCommit(): void {
    this.#log.trim();
    if (this.#idConsumed) this.#setNewest.run(this.#ids.newest);
    this.#idConsumed = false;
  }

  /** Hides a commit from readers until it is durable, and publishes it then. */
  #committed(): () => void {
    const frames = this.#log.takePublished();
    const changes = this.kv.takePublished();
    this.#flushes.committed();
    this.#appended.frames += this.#appending.frames;
    this.#appended.bytes += this.#appending.bytes;
    this.#appended.contentBytes += this.#appending.contentBytes;
    this.#appending = { frames: 0, bytes: 0, contentBytes: 0 };
    return () => {
      this.#horizon.isDurable();
      if (frames.length > 0) this.#live.publish(frames);
      this.kv.publish(changes);
    };
  }

  #rolledBack(error: Error): Error {
    this.#horizon.isRolledBack();
    this.#clock.rolledBack();
    this.#log.rolledBack();
    this.kv.rolledBack();
    this.#appending = { frames: 0, bytes: 0, contentBytes: 0 };
    const failure = this.#translate(error);
    if (!this.#failed) this.#contentTables.reload();
    return failure;
  }

  checkWritable(): void {
    if (this.#failed) throw this.#failed;
    const misplaced = this.#place.problem();
    if (misplaced) throw this.#stop(misplaced);
  }

  get isInPlace(): boolean {
    return !this.#failed && !this.#place.problem();
  }

  async #inBackground(run: () => unknown): Promise<void> {
    if (this.#failed) return;
    try {
      await run();
    } catch (error) {
      // A full disk passes and the next run tries again; what does not pass stops the store.
      if (!(this.#translate(error as Error) instanceof XsError)) this.#stop(error as Error);
    }
  }

  #checkPlace(): void {
    const misplaced = this.#place.problem();
    if (misplaced) this.#stop(misplaced);
  }

  async #expire(): Promise<void> {
    if (!this.#log.hasExpired() && !this.#idempotency.hasExpired() && !this.kv.hasDeleted()) return;
    await this.#write(() => {
      this.#log.sweep();
      this.#idempotency.sweep();
      this.kv.sweep();
    });
  }

  /** How far the slowest follower is behind the newest frame, in seconds. */
  #followerLag(): number {
    const behind = [...this.#followers].filter((follower) => !follower.isCaughtUp);
    const newest = this.#log.page({ order: "desc", rows: 1 }).lastId;
    if (behind.length === 0 || newest === undefined) return 0;
    const oldest = this.#log.page({ order: "asc", rows: 1 }).lastId ?? newest;
    const reached = behind.map(({ position }) => timestampOf(position ?? oldest));
    return Math.max(0, timestampOf(newest) - Math.min(...reached)) / 1000;
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
    if (code === "SQLITE_FULL") return diskFull(error);
    if (code.startsWith("SQLITE_CORRUPT")) return databaseDamaged(error);
    if (isOutOfFiles(error)) return outOfFiles(error);
    if (code.startsWith("SQLITE_IOERR") || code.startsWith("SQLITE_READONLY")) {
      return this.#stop(error);
    }
    return error;
  }

  #stop(cause: Error): Error {
    // A fault of the disk may be no more than that the files are somewhere else now.
    const misplaced = cause instanceof XsError ? cause : this.#place.problem();
    this.#failed ??=
      misplaced ??
      new XsError(
        "store_failed",
        `the store can no longer write safely and stops: ${cause.message}`,
        { cause },
      );
    this.#fail(this.#failed);
    return this.#failed;
  }
}

function openForWriting(database: string): Database {
  makePrivateFile(database);
  const db = new Database(database, { create: true, strict: true });
  db.run(`PRAGMA busy_timeout = ${BUSY_MS}`);
  // Nothing that it sorts takes a file.
  db.run("PRAGMA temp_store = MEMORY");
  db.run("PRAGMA journal_mode = WAL");
  // Commits are synced in commits.ts.
  db.run("PRAGMA synchronous = NORMAL");
  migrate(db);
  return db;
}

/** The sequence of ids, past every id that was ever given. */
function newestIds(db: Database, now: () => number): IdSequence {
  const ids = new IdSequence(now);
  const rows = db
    .query(
      "SELECT max(id) AS id FROM frames UNION ALL SELECT value FROM facts WHERE key = 'newest_id'",
    )
    .all() as { id: string | null }[];
  for (const { id } of rows) if (id !== null) ids.advancePast(id);
  return ids;
}
