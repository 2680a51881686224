import type { Database } from "bun:sqlite";
import { stat } from "node:fs/promises";
import { availableParallelism } from "node:os";
import { join } from "node:path";
import { type ErrorCode, XsError } from "../../core/error.ts";
import { idInLine, linesIn } from "../../core/frame.ts";
import { IdSequence } from "../../core/id.ts";
import { later, type Place, placeOf } from "../../core/place.ts";
import type { ReadOptions } from "../../core/read-options.ts";
import type { Import, ImportOptions } from "../import.ts";
import { DATABASE, LOCK } from "../is-store.ts";
import { LiveFeed } from "../live.ts";
import { closeTreeToOthers } from "../modes.ts";
import { Reader } from "../reader.ts";
import type { Store } from "../store.ts";
import type {
  AppendCondition,
  AppendRequest,
  Change,
  CheckListener,
  CheckResult,
  Direction,
  Space,
  StoreMetrics,
  TakenContent,
} from "../types.ts";
import { Background, type Task } from "./background.ts";
import { TableApplier } from "./commit/apply.ts";
import { GroupCommit } from "./commit/group-commit.ts";
import { CommitHorizon } from "./commit/horizon.ts";
import { Transaction } from "./commit/transaction.ts";
import { WalMark } from "./commit/wal-mark.ts";
import { openForReading, openForWriting } from "./connection.ts";
import type { Collected, Collector } from "./content/collector.ts";
import type { ContentStore } from "./content/content.ts";
import type { FlushSchedule } from "./content/flush-schedule.ts";
import { openContent } from "./content/open-content.ts";
import { ContentTables } from "./content/tables.ts";
import { ExpiryClock } from "./expiry-clock.ts";
import { Facts } from "./facts.ts";
import { GiveBack } from "./give-back.ts";
import { Health } from "./health.ts";
import { InPlace } from "./in-place.ts";
import { KvStore } from "./kv/kv.ts";
import type { StoreLock } from "./lock.ts";
import { checkLast } from "./log/expect-last.ts";
import { FrameTables } from "./log/frame-tables.ts";
import { Growing } from "./log/growing.ts";
import { Idempotency, KEPT_MS } from "./log/idempotency.ts";
import { Log } from "./log/log.ts";
import { Pages } from "./log/pages.ts";
import { Retention } from "./log/retention.ts";
import { Tombstones } from "./log/tombstones.ts";
import { Topics } from "./log/topics.ts";
import { Tally } from "./metrics.ts";
import { SqliteImport } from "./transfer/import.ts";
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
  readonly #db: Database;
  readonly #lock: StoreLock;
  /** The database, as others open it to read. */
  readonly #database: string;
  readonly #place: InPlace;
  readonly #health: Health;
  readonly #clock: ExpiryClock;
  readonly #ids: IdSequence;
  readonly #horizon: CommitHorizon;
  readonly #tables: FrameTables;
  readonly #topics: Topics;
  readonly #pages: Pages;
  readonly #retention: Retention;
  readonly #tombstones: Tombstones;
  readonly #growing: Growing;
  readonly #idempotency: Idempotency;
  readonly #log: Log;
  readonly #applier: TableApplier;
  readonly #contentTables: ContentTables;
  readonly #flushes: FlushSchedule;
  readonly #collector: Collector;
  readonly #giveBack: GiveBack;
  /** None where the store cannot be written. */
  readonly #commits: GroupCommit | undefined;
  readonly #live = new LiveFeed();
  readonly #followers = new Set<Reader>();
  readonly #background = new Background();
  readonly #integrity = new Integrity();
  readonly #tally: Tally;
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
    this.#health = new Health(this.#place, still?.refusal);
    this.#clock = new ExpiryClock(now);
    this.#database = still?.database ?? join(path, DATABASE);
    const db = still ? openForReading(this.#database) : openForWriting(this.#database);
    this.#db = db;
    this.#giveBack = new GiveBack(db);
    const facts = new Facts(db);
    this.#topics = new Topics(db, facts);
    this.#tables = new FrameTables(db, this.#topics);
    this.#ids = new IdSequence(now);
    for (const id of [this.#tables.newest, facts.newest]) if (id !== "") this.#ids.advancePast(id);
    this.#horizon = new CommitHorizon(this.#ids);
    const { guard, taskFailed: failed } = this.#health;
    const write = <T>(run: (transaction: Transaction) => T) => this.#write(run);
    const contentTables = new ContentTables(db);
    this.#contentTables = contentTables;
    const { content, flushes, collector } = openContent({
      database: this.#database,
      root: join(path, "cacache"),
      db,
      tables: contentTables,
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
    this.kv = new KvStore({ db, ids: this.#ids, horizon: this.#horizon, write, guard });
    this.#pages = new Pages(db, {
      tables: this.#tables,
      topics: this.#topics,
      now: this.#clock.now,
      visible: () => this.#horizon.visible,
    });
    this.#retention = new Retention({
      db,
      tables: this.#tables,
      topics: this.#topics,
      clock: this.#clock,
    });
    this.#growing = new Growing(db, this.#tables);
    this.#idempotency = new Idempotency(db, this.#clock.now);
    const tombstones = new Tombstones(db);
    this.#tombstones = tombstones;
    this.#log = new Log({
      ids: this.#ids,
      tables: this.#tables,
      pages: this.#pages,
      retention: this.#retention,
      tombstones,
      facts,
    });
    this.#applier = new TableApplier({
      frames: this.#tables,
      tombstones,
      growing: this.#growing,
      answers: this.#idempotency,
      kv: this.kv,
      content: contentTables,
      facts,
    });
    this.#tally = new Tally(this.#database);
    if (still) {
      // The store is read-only: staged content stays staged.
      flushes.stop();
    } else {
      this.#commits = this.#openCommits();
      void closeTreeToOthers(join(path, "cacache"), this.#ending.signal).catch(() => {});
      this.#takeUp();
    }
    this.#startBackground();
  }

  get failure(): Promise<Error> {
    return this.#health.failure;
  }

  #openCommits(): GroupCommit {
    const database = this.#database;
    const files = [this.path, `${database}-wal`, database, join(this.path, LOCK)];
    for (const file of files) this.#place.watch(file);
    const wal = { path: `${database}-wal`, mark: new WalMark(database) };
    return new GroupCommit(this.#db, wal, {
      failed: () => this.#health.failed,
      begins: () => {
        // Each commit looks at the clock, so that what expires by then stays gone if it is set back.
        this.#clock.begins();
        this.#horizon.begins(this.#tables.ends);
        return new Transaction(this.#applier);
      },
      beforeCommit: (transaction) => {
        this.#retention.trim(transaction);
        if (transaction.usesIds) transaction.add({ kind: "newest", id: this.#ids.newest });
        transaction.settle();
      },
      committed: ({ record: { effects }, appended }) => {
        this.#tally.committed(appended);
        const frames = effects.filter((effect) => effect.kind === "frame");
        const changes = this.kv.changesIn(effects);
        this.#flushes.committed();
        return () => {
          this.#horizon.isDurable();
          if (frames.length > 0) this.#live.publish(frames);
          this.kv.publish(changes);
        };
      },
      rolledBack: (error) => this.#rolledBack(error),
      misplaced: () => this.#place.problemAtHand(),
      syncFailed: (error) => this.#health.stop(error),
    });
  }

  /** Ends what a process that was killed, or a clock that was wrong, has left. */
  #takeUp(): void {
    const end = this.#clock.now() + KEPT_MS;
    if (this.#idempotency.wasAhead()) {
      this.#write((transaction) => transaction.add({ kind: "sweep", shortenAnswers: end })).catch(
        this.#health.taskFailed,
      );
    }
    if (!this.#growing.any()) return;
    this.#write((transaction) => {
      for (const request of this.#growing.endings()) this.#log.append(transaction, request);
    }).catch(this.#health.taskFailed);
  }

  #startBackground(): void {
    const every = (task: Task, run: () => unknown) =>
      this.#background.every(task, BACKGROUND_MS, () => this.#inBackground(run));
    every("place", () => this.#health.checkPlace());
    every("expire", () => this.#expire());
    every("compact", () => this.#compactSome());
    every("collect", () => this.#collector.collectSoon());
    const ephemeral = () => this.#contentTables.ephemeral.sweep();
    this.#background.every("ephemeral", BACKGROUND_MS, ephemeral);
  }

  async append(request: AppendRequest, condition?: AppendCondition): Promise<string> {
    const isPlain = condition?.expectLast === undefined && !condition?.idempotencyKey;
    if (isPlain && !request.content) {
      return this.#write((transaction) => this.#append(transaction, request));
    }
    const [line = ""] = await this.appendAll([request], condition);
    return line;
  }

  async appendAll(
    requests: readonly AppendRequest[],
    { expectLast, idempotencyKey }: AppendCondition = {},
  ): Promise<string[]> {
    try {
      return await this.#write((transaction) => {
        const append = () => {
          if (expectLast !== undefined) {
            const topic = requests[0]?.topic ?? "";
            checkLast(topic, this.#log.newest(transaction, topic) ?? null, expectLast);
          }
          for (const { content } of requests)
            if (content?.known) this.#checkKnown(transaction, content.hash);
          return requests.map((request) => this.#append(transaction, request));
        };
        return idempotencyKey === undefined
          ? append()
          : this.#idempotency.once(transaction, idempotencyKey, requests, append);
      });
    } finally {
      for (const { content } of requests) this.content.unpin(content);
    }
  }

  async apply(changes: readonly Change[]): Promise<string[]> {
    try {
      return await this.#write((transaction) => {
        const lines: string[] = [];
        for (const change of changes) {
          if ("append" in change) lines.push(this.#append(transaction, change.append));
          else if ("delete" in change)
            this.kv.deleteNow(transaction, change.delete, change.writer ?? null);
          else this.kv.putNow(transaction, { ...change.put, writer: change.writer ?? null });
        }
        return lines;
      });
    } finally {
      for (const change of changes)
        if ("append" in change) this.content.unpin(change.append.content);
    }
  }

  beginImport(options: ImportOptions = {}): Import {
    return new SqliteImport(
      {
        directory: this.path,
        content: this.content,
        log: this.#log,
        kv: this.kv,
        now: this.#clock.now,
        write: (run) => this.#write(run),
        keep: (...contents) => this.keep(...contents),
        holdContent: () => this.holdContent(),
        checkWritable: () => this.checkWritable(),
        has: (id) => this.#health.guard(() => this.#tables.find(id)) !== undefined,
      },
      options,
    );
  }

  remove(id: string): Promise<boolean> {
    return this.#write((transaction) => this.#log.remove(transaction, id, this.#clock.now()));
  }

  async keep(...contents: readonly TakenContent[]): Promise<void> {
    try {
      if (!contents.some(({ bytes }) => bytes)) return;
      await this.#write((transaction) => {
        for (const content of contents) this.#stage(transaction, content);
      });
    } finally {
      for (const content of contents) this.content.unpin(content);
    }
  }

  get(id: string): string | undefined {
    return this.#health.guard(() => this.#pages.line(id));
  }

  neighbour(id: string, direction: Direction, topics?: readonly string[]): string | undefined {
    return this.#health.guard(() => this.#neighbour(id, direction, topics, false));
  }

  async newestDurable(
    id: string,
    direction: Direction,
    topics?: readonly string[],
  ): Promise<string | undefined> {
    const line = this.neighbour(id, direction, topics);
    if (line !== undefined || this.#horizon.visible === undefined) return line;
    // As that commit has it: when it is durable the next may have taken it away again.
    return this.#write((transaction) => {
      this.#retention.trim(transaction);
      transaction.settle();
      return this.#neighbour(id, direction, topics, true);
    });
  }

  #neighbour(
    id: string,
    direction: Direction,
    topics: readonly string[] | undefined,
    evenBeyondHorizon: boolean,
  ): string | undefined {
    const order = direction === "next" ? "asc" : "desc";
    for (let after = { id }; ; ) {
      const page = this.#pages.page({ after, order, topics, rows: 1, evenBeyondHorizon });
      if (page.rows > 0) return linesIn(page.bytes)[0];
      if (!page.more || !page.cursor) return undefined;
      after = page.cursor;
    }
  }

  placeOf(id: string): Place {
    const { position } = this.#health.guard(() => this.#pages.placeOf(id));
    return placeOf(id, position);
  }

  newestPlace(topics?: readonly string[]): Place | undefined {
    return this.#health.guard(() => {
      const line = this.#neighbour("~", "previous", topics, false);
      const newest = line === undefined ? undefined : this.placeOf(idInLine(line));
      const late = this.#tables.hasLate ? this.#pages.newestLate(topics) : undefined;
      return newest === undefined ? late : later(newest, late);
    });
  }

  read(options: ReadOptions): Reader {
    const pages = this.#pages;
    const { guard } = this.#health;
    const reader = new Reader(
      {
        live: this.#live,
        page: (query) => guard(() => pages.page(query)),
        boundOfLast: (count, query) => guard(() => pages.boundOfLast(count, query)),
        placeOf: (id) => guard(() => pages.placeOf(id)),
        end: () => guard(() => pages.end()),
        ends: () => pages.ends(),
        hasLate: this.#tables.hasLate,
        nextId: () => this.#horizon.idBelowHorizon(),
        now: this.#clock.now,
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
    return this.#growing.has(id);
  }

  async snapshot(): Promise<Snapshot> {
    const release = await this.holdContent();
    try {
      return new Snapshot(this.#database, this.#clock.now(), release);
    } catch (error) {
      release();
      throw this.#health.translate(error as Error);
    }
  }

  holdContent(): Promise<() => void> {
    return this.#collector.hold();
  }

  get space(): Space {
    return this.#health.guard(() => this.#giveBack.space());
  }

  async compact(): Promise<number> {
    this.checkWritable();
    while (await this.#write(() => this.#giveBack.step()));
    // Only a checkpoint shortens the file.
    this.#health.guard(() => this.#db.run("PRAGMA wal_checkpoint(PASSIVE)"));
    return this.space.size;
  }

  async #compactSome(): Promise<void> {
    if (this.#commits && this.#giveBack.isDue()) await this.#write(() => this.#giveBack.step());
  }

  async collect(dryRun?: boolean): Promise<Collected> {
    if (!dryRun) this.checkWritable();
    return this.#collector.collect(dryRun);
  }

  async forgetRemovals(age: number, dryRun?: boolean): Promise<number> {
    const until = Math.max(0, this.#clock.now() - age);
    const count = () => this.#tombstones.count(until) + this.kv.countDeleted(until);
    if (dryRun) return this.#health.guard(count);
    return this.#write((transaction) => {
      transaction.settle();
      const found = count();
      if (found > 0) transaction.add({ kind: "sweep", tombstones: until });
      return found;
    });
  }

  async check(
    report: CheckListener["report"],
    how: Omit<CheckListener, "report"> = {},
  ): Promise<CheckResult> {
    if (this.#commits) await this.#write(() => {});
    // A content that is freed meanwhile would seem to be missing.
    const release = await this.holdContent();
    try {
      return await checkStore(this.#database, this.content, this.#integrity, { ...how, report });
    } finally {
      release();
    }
  }

  get metrics(): StoreMetrics {
    return this.#health.guard(() =>
      this.#tally.metrics({
        frames: this.#topics.total(),
        kv: this.kv,
        content: this.content,
        followers: this.#followers,
        pages: this.#pages,
        background: this.#background,
        commits: this.#commits?.counts,
      }),
    );
  }

  async keepThreads(): Promise<void> {
    this.#flushes.keepThread();
    this.#integrity.keep();
    // Those of asynchronous calls to the file system, one for each processor.
    await Promise.all(Array.from({ length: 4 * availableParallelism() }, () => stat(this.path)));
  }

  checkWritable(): void {
    this.#health.checkWritable();
  }

  get isInPlace(): boolean {
    return this.#health.isInPlace;
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
      if (this.#health.failed) return;
      await this.#collector.idle();
      await this.#write((transaction) => this.#retention.sweepAll(transaction));
      await this.#flushes.finish(FLUSH_ON_CLOSE_MS);
      // The last of all writes: when it is durable, so are the others.
      await this.#write(() => {});
      // Another process may still read the log: the checkpoint must not wait for it.
      this.#db.run("PRAGMA busy_timeout = 0");
      this.#db.run("PRAGMA wal_checkpoint(TRUNCATE)");
    } catch (error) {
      // On a full disk, or where a page is damaged, all stays as it is until the next open; nothing is lost by that.
      const failure = this.#health.translate(error as Error);
      if (!(failure instanceof XsError) || !LEAVES_ALL.has(failure.code)) throw failure;
    } finally {
      this.#flushes.stop();
      this.#integrity.stop();
      this.#commits?.close();
      this.#place.close();
      this.#health.failed ??= new XsError("store_closed", "the store is closed");
      this.#db.close();
      this.#lock.release();
    }
  }

  #write<T>(run: (transaction: Transaction) => T): Promise<T> {
    if (!this.#commits) return Promise.reject(this.#health.failed);
    return this.#commits.write(run);
  }

  #append(transaction: Transaction, request: AppendRequest): string {
    const line = this.#log.append(transaction, request);
    if (request.content) this.#stage(transaction, request.content);
    const { appended } = transaction;
    appended.frames++;
    appended.bytes += Buffer.byteLength(line) + 1;
    appended.contentBytes += request.content?.size ?? 0;
    return line;
  }

  #stage(transaction: Transaction, content: TakenContent): void {
    const { hash, bytes, ephemeral } = content;
    if (!bytes) return;
    if (ephemeral) this.#contentTables.stage(content);
    else transaction.add({ kind: "content", hash, bytes });
  }

  #checkKnown(transaction: Transaction, hash: string): void {
    if (!this.content.has(hash)) transaction.settle();
    if (this.content.has(hash)) return;
    throw new XsError("content_not_found", `there is no content ${hash} in this store`);
  }

  #rolledBack(error: Error): Error {
    this.#horizon.isRolledBack();
    this.#clock.rolledBack();
    this.#retention.rolledBack();
    const failure = this.#health.translate(error);
    if (this.#health.failed) return failure;
    this.#applier.rolledBack();
    return failure;
  }

  async #inBackground(run: () => unknown): Promise<void> {
    if (this.#health.failed) return;
    try {
      await run();
    } catch (error) {
      // A full disk passes and the next run tries again; what does not pass stops the store.
      const failure = this.#health.translate(error as Error);
      if (!(failure instanceof XsError)) this.#health.stop(error as Error);
    }
  }

  async #expire(): Promise<void> {
    const hasAnswers = this.#idempotency.hasExpired();
    if (!this.#retention.hasExpired() && !hasAnswers) return;
    await this.#write((transaction) => {
      this.#retention.sweep(transaction);
      if (hasAnswers) transaction.add({ kind: "sweep", answers: this.#clock.now() });
    });
  }
}
