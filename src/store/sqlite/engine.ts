import type { Database } from "bun:sqlite";
import { existsSync } from "node:fs";
import { stat } from "node:fs/promises";
import { availableParallelism } from "node:os";
import { join } from "node:path";
import { type ErrorCode, shellWord, XsError } from "../../core/error.ts";
import type { IdBounds } from "../../core/id-bounds.ts";
import type { Place } from "../../core/place.ts";
import type { ReadOptions } from "../../core/read-options.ts";
import type { LineReader } from "../frame-reader.ts";
import type { Import, ImportOptions } from "../import.ts";
import { DATABASE, NODE_NAME } from "../is-store.ts";
import type { Ends } from "../read-source.ts";
import type { Reader } from "../reader.ts";
import type { OpenStore } from "../store.ts";
import type { TraceDirection, TraceOptions } from "../trace.ts";
import type {
  AppendCondition,
  AppendRequest,
  Change,
  CheckListener,
  CheckResult,
  Direction,
  HistogramRange,
  StoreInfo,
  StoreMetrics,
} from "../types.ts";
import type { Upkeep } from "../upkeep.ts";
import { Appends } from "./appends.ts";
import { Background } from "./background.ts";
import { Writer } from "./commit/writer.ts";
import { openForReading, openForWriting, withLargerCache } from "./connection.ts";
import type { Collector } from "./content/collector.ts";
import type { ContentStore } from "./content/content.ts";
import type { FlushSchedule } from "./content/flush-schedule.ts";
import { openContent } from "./content/open-content.ts";
import type { ContentReaders } from "./content/readers.ts";
import { Health } from "./health.ts";
import { InPlace } from "./in-place.ts";
import { KvStore } from "./kv/kv.ts";
import { Tracer } from "./links/tracer.ts";
import type { StoreLock } from "./lock.ts";
import { topicReader } from "./log/topic-reader.ts";
import { Maintenance } from "./maintenance.ts";
import { Tally } from "./metrics.ts";
import { awaitsJournal, needsJournal } from "./needs-journal.ts";
import { closeTreeToOthers } from "./own-files.ts";
import { openParts, type Parts } from "./parts.ts";
import { Reads } from "./reads.ts";
import { scrubDatabase } from "./replica/copy.ts";
import { Replica, type ReplicaOptions } from "./replica/replica.ts";
import { replicaIn } from "./replica/replica-state.ts";
import { ScheduleKeeper } from "./scheduled/schedule-keeper.ts";
import { ScheduledRows } from "./scheduled/scheduled-rows.ts";
import { SCHEMA } from "./schema.ts";
import { Searches } from "./search/searches.ts";
import { SqliteImport } from "./transfer/import.ts";
import { Snapshot } from "./transfer/snapshot.ts";
import { checkStore } from "./verify/check.ts";
import { Integrity } from "./verify/integrity.ts";

/** How long a close waits for content to be flushed; the rest is flushed after the next open. */
const FLUSH_ON_CLOSE_MS = 2000;

/** Failures of a close that leave the store as safe as it was. */
const LEAVES_ALL = new Set<ErrorCode>(["disk_full", "frame_damaged", "too_many_files"]);

/** The engine on `bun:sqlite`, in WAL mode, every commit synced. */
export class SqliteStore implements OpenStore {
  readonly path: string;
  readonly content: ContentStore;
  readonly kv: KvStore;
  readonly schedules: ScheduleKeeper;
  readonly search: Searches;
  /** Of a store on several machines. */
  readonly replica: Replica | undefined;
  /** The last record that is here, of a node that is open without its journal. */
  readonly record: number | undefined;
  readonly #db: Database;
  readonly #lock: StoreLock;
  /** The database, as others open it to read. */
  readonly #database: string;
  readonly #place: InPlace;
  readonly #health: Health;
  readonly #parts: Parts;
  readonly #writer: Writer;
  readonly #appends: Appends;
  readonly #reads: Reads;
  readonly #tracer: Tracer;
  readonly #flushes: FlushSchedule;
  readonly #collector: Collector;
  readonly #readers: ContentReaders;
  readonly #maintenance: Maintenance;
  readonly #background = new Background();
  readonly #integrity = new Integrity();
  readonly #tally: Tally;
  #closing: Promise<void> | undefined;
  /** Aborted when what goes on in the background is to end. */
  readonly #ending = new AbortController();

  /**
   * @param still where it cannot be written: what to read, and why what writes is refused
   * @param replica makes it one of several directories of a store
   */
  constructor(
    path: string,
    lock: StoreLock,
    now: () => number = Date.now,
    still?: { readonly database: string; readonly refusal: XsError },
    replica?: ReplicaOptions,
  ) {
    this.path = path;
    this.#lock = lock;
    this.#place = new InPlace(path);
    this.#health = new Health(this.#place, still?.refusal);
    const database = still?.database ?? join(path, DATABASE);
    this.#database = database;
    const db = still ? openForReading(database) : openForWriting(database);
    this.#db = db;
    this.#tally = new Tally(join(path, DATABASE));
    this.#parts = openParts(db, now);
    this.replica = replica && new Replica(db, replica);
    // What the parts above the database share.
    const shared = {
      path,
      db,
      database,
      parts: this.#parts,
      place: this.#place,
      health: this.#health,
      tally: this.#tally,
      background: this.#background,
      replica: this.replica,
    };
    this.#writer = new Writer(shared);
    const { write, local } = this.#writer;
    const { guard, taskFailed: failed } = this.#health;
    const { content, flushes, collector, readers } = openContent({
      ...shared,
      root: join(path, "cacache"),
      tables: this.#parts.contentTables,
      write,
      local,
      guard,
      checkWritable: () => this.#health.checkWritable(),
      failed,
    });
    this.content = content;
    this.#flushes = flushes;
    this.#collector = collector;
    this.#readers = readers;
    const { ids, horizon, answers } = this.#parts;
    this.kv = new KvStore({ db, ids, horizon, answers, write, guard });
    const rows = new ScheduledRows(db, this.kv);
    this.#appends = new Appends(this.#parts, this.#writer, content, this.kv, rows);
    const { clock } = this.#parts;
    this.schedules = new ScheduleKeeper({
      ...shared,
      rows,
      appends: this.#appends,
      content,
      writer: this.#writer,
      clock,
    });
    this.#reads = new Reads(this.#parts, this.#health, this.#writer);
    this.#tracer = new Tracer({ ...shared, writer: this.#writer });
    this.search = new Searches({
      ...shared,
      files: content.files.folder,
      isStill: still !== undefined,
      writer: this.#writer,
    });
    this.#maintenance = new Maintenance({
      ...shared,
      tracer: this.#tracer,
      search: this.search,
      kv: this.kv,
      content,
      collector,
      writer: this.#writer,
    });
    const kept = replica ? undefined : replicaIn(db);
    this.record = kept?.applied;
    if (kept) content.away = (hash) => isAway(db, path, kept.journal, hash);
    if (kept && !still) this.#health.failed = needsJournal(path, kept.journal);
    // It has no record yet: what is written here would be in no journal.
    else if (!replica && !still && existsSync(join(path, NODE_NAME))) {
      this.#health.failed = awaitsJournal(path);
    }
    if (this.#health.failed) {
      // The store is read-only: staged content stays staged.
      flushes.stop();
    } else {
      this.#writer.open(this.kv, content);
      void closeTreeToOthers(join(path, "cacache"), this.#ending.signal).catch(() => {});
    }
    this.#maintenance.start();
  }

  get failure(): Promise<Error> {
    return this.#health.failure;
  }

  get refusal(): Error | undefined {
    return this.#health.failed;
  }

  append(request: AppendRequest, condition?: AppendCondition): Promise<string> {
    return this.#appends.append(request, condition);
  }

  apply(changes: readonly Change[], condition?: AppendCondition): Promise<string[]> {
    return this.#appends.apply(changes, condition);
  }

  beginImport(options: ImportOptions = {}): Import {
    return new SqliteImport(
      {
        directory: this.path,
        content: this.content,
        log: this.#parts.log,
        kv: this.kv,
        now: this.#parts.clock.now,
        write: this.#writer.write,
        withLargerCache: () => withLargerCache(this.#db),
        holdContent: () => this.holdContent(),
        checkWritable: () => this.#health.checkWritable(),
        has: (id) => this.#health.guard(() => this.#parts.search.find(id)) !== undefined,
      },
      options,
    );
  }

  remove(id: string): Promise<boolean> {
    return this.#writer.write((transaction) =>
      this.#parts.log.remove(transaction, id, this.#parts.clock.now()),
    );
  }

  get(id: string): string | undefined {
    return this.#reads.get(id);
  }

  neighbour(id: string, direction: Direction, topics?: readonly string[]): string | undefined {
    return this.#reads.neighbour(id, direction, topics);
  }

  newestDurable(
    id: string,
    direction: Direction,
    topics?: readonly string[],
    bounds?: IdBounds,
  ): Promise<string | undefined> {
    return this.#reads.newestDurable(id, direction, topics, bounds);
  }

  placeOf(id: string): Place {
    return this.#reads.placeOf(id);
  }

  newestPlace(topics?: readonly string[]): Place | undefined {
    return this.#reads.newestPlace(topics);
  }

  trace(id: string, direction: TraceDirection, options?: TraceOptions) {
    return this.#tracer.trace(id, direction, options);
  }

  /** How far the index of links goes; undefined where nobody has asked for effects. */
  get linked(): Ends | undefined {
    return this.#parts.links.stored;
  }

  read(options: ReadOptions): Reader {
    return this.#reads.read(options);
  }

  topics(patterns?: readonly string[]): LineReader {
    const { list } = this.#parts;
    const { guard } = this.#health;
    return topicReader({ list, guard, whenDurable: () => this.whenDurable() }, patterns);
  }

  histogram(range: HistogramRange, signal: AbortSignal): Promise<number[]> {
    return this.#parts.histogram.count(range, this.#health.guard, signal);
  }

  async whenDurable(): Promise<void> {
    if (this.#parts.horizon.visible) await this.#writer.write(() => {});
  }

  isFollowed(topic: string): boolean {
    return this.#reads.isFollowed(topic);
  }

  isGrowing(id: string): boolean {
    return this.#parts.growing.has(id);
  }

  /** The first frames of the chunked contents that still grow. */
  growing(): string[] {
    return this.#health.guard(() => this.#parts.growing.list());
  }

  /** Appends the last frames of chunked contents that nobody feeds any more. */
  async endGrowing(ids: readonly string[]): Promise<void> {
    const { growing, log } = this.#parts;
    await this.#writer.write((transaction) => {
      transaction.settle();
      for (const request of growing.endings(ids)) log.append(transaction, request);
      // Also where its first frame is gone.
      for (const id of ids) transaction.add({ kind: "growing", id, ended: true });
    });
  }

  async snapshot(): Promise<Snapshot> {
    const release = await this.holdContent();
    try {
      return new Snapshot(this.#database, this.content, this.#parts.clock.now(), release);
    } catch (error) {
      release();
      throw this.#health.translate(error as Error);
    }
  }

  /** Stops the collector from freeing content. Resolves to the function that ends this. */
  holdContent(): Promise<() => void> {
    return this.#collector.hold();
  }

  /** Whether an export, an import or a check needs all content that is here. */
  get holdsContent(): boolean {
    return this.#collector.isHeld;
  }

  /** Forgets the answers of appends with an Idempotency-Key whose frames are gone. */
  forgetAnswers(): Promise<void> {
    const { answers, search } = this.#parts;
    return this.#writer.write((transaction) => {
      transaction.settle();
      const keys = answers.keysOfGone((id) => search.find(id) !== undefined);
      for (const key of keys) {
        transaction.answer({ key, expires: 0, request: "", frames: [] });
      }
      if (keys.length > 0) transaction.add({ kind: "sweep", answers: 0 });
    });
  }

  /** Of a store on several machines: sees to it that nothing of what was removed is in a file of this directory. */
  async scrub(): Promise<void> {
    this.#health.checkWritable();
    await this.search.purge();
    await this.content.settled();
    try {
      await this.replica?.commits.alone(() => scrubDatabase(this.#database));
    } catch (error) {
      throw this.#health.translate(error as Error);
    }
  }

  get upkeep(): Upkeep {
    return this.#maintenance;
  }

  async check(
    report: CheckListener["report"],
    how: Omit<CheckListener, "report"> = {},
  ): Promise<CheckResult> {
    if (this.#writer.counts) await this.#writer.local(() => {});
    // A content that is freed meanwhile would seem to be missing.
    const release = await this.holdContent();
    try {
      const result = await checkStore(this.#database, this.content, this.#integrity, {
        ...how,
        report,
      });
      for (const problem of await this.search.check()) {
        result.problems++;
        await report(
          `the index of the search is damaged (${problem}): nothing else is, and it is made anew`,
        );
      }
      return result;
    } finally {
      release();
    }
  }

  get info(): StoreInfo {
    const { failed } = this.#health;
    const refusal = failed instanceof XsError ? { refusal: failed } : {};
    return this.#health.guard(() => ({
      schema: SCHEMA,
      ...this.#parts.list.totals(),
      entries: this.kv.count(),
      databaseBytes: this.#tally.databaseBytes,
      freeBytes: this.#maintenance.space.free,
      hasEffects: this.#parts.facts.linked !== undefined,
      ...refusal,
    }));
  }

  get metrics(): StoreMetrics {
    return this.#health.guard(() =>
      this.#tally.metrics({
        frames: this.#parts.topics.total(),
        kv: this.kv,
        content: this.content,
        followers: this.#reads.followers,
        pages: this.#parts.pages,
        background: this.#background,
        commits: this.#writer.counts,
      }),
    );
  }

  async keepThreads(): Promise<void> {
    this.#flushes.keepThread();
    this.#integrity.keep();
    // Those of asynchronous calls to the file system, one for each processor.
    await Promise.all(Array.from({ length: 4 * availableParallelism() }, () => stat(this.path)));
  }

  startSchedules(): void {
    this.schedules.start();
  }

  startIndexing(): void {
    this.search.start();
  }

  /** Stops the store for a reason outside it: it acknowledges nothing any more. */
  stopFor(reason: Error): void {
    this.#health.stop(reason);
  }

  get isInPlace(): boolean {
    return this.#health.isInPlace;
  }

  endReads(): void {
    this.#parts.live.close();
    this.kv.close();
  }

  close(finishing?: (contents: number) => void): Promise<void> {
    const { contents } = this.content.staged();
    if (contents > 0) finishing?.(contents);
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    this.endReads();
    this.#ending.abort();
    this.#background.stop();
    await this.search.close();
    try {
      if (this.#health.failed) return;
      await this.#collector.idle();
      if (!this.replica) {
        await this.#writer.write((transaction) => this.#parts.retention.sweepAll(transaction));
      }
      await this.content.remote?.stop();
      await this.#flushes.finish(FLUSH_ON_CLOSE_MS);
      // The last of all writes: when it is durable, so are the others.
      await this.#writer.local(() => {});
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
      this.#readers.stop();
      this.#writer.close();
      this.#place.close();
      this.#health.failed ??= new XsError("store_closed", "the store is closed");
      this.#db.close();
      this.#lock.release();
    }
  }
}

/** The reason why a large content is not here, of a node that is read without its journal. */
function isAway(db: Database, path: string, journal: string, hash: string): XsError | undefined {
  if (db.query("SELECT 1 FROM blobs WHERE hash = ?").get(hash) === null) return undefined;
  return new XsError(
    "content_not_found",
    `the content ${hash} is in the journal ${journal}, and not in ${path}: start the node with  xs serve ${shellWord(path)} --journal nats://HOST,HOST,HOST/${journal}  to read it`,
  );
}
