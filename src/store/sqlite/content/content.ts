import type { Database } from "bun:sqlite";
import { XsError } from "../../../core/error.ts";
import { hashOf } from "../../../core/hash.ts";
import {
  databaseDamaged,
  diskFull,
  isOutOfFiles,
  onceThereAreFiles,
  outOfFiles,
} from "../../failures.ts";
import type { TakenContent } from "../../types.ts";
import type { Background } from "../background.ts";
import type { Transaction } from "../commit/transaction.ts";
import { ContentFiles } from "./cacache-files.ts";
import { EphemeralContent, MAX_EPHEMERAL_BYTES } from "./ephemeral.ts";
import { type FlushRange, flushNext } from "./flush.ts";
import { Flusher } from "./flusher.ts";
import { Staged } from "./staging.ts";

/** Content up to this size, in bytes, is in the commit of its frame. */
export const STAGED_MAX = 64 * 1024;
/** With this many bytes staged, new content waits until some of them are flushed. */
const STAGED_FULL_BYTES = 64 * 1024 * 1024;
/** With this many bytes staged, flushing starts at once. */
const STAGED_MUCH_BYTES = 24 * 1024 * 1024;
/**
 * Otherwise content is flushed when it is between one and two times so old, in ms. A burst is over by
 * then, and what is only kept for a moment is gone and never makes a file.
 */
const FLUSH_AFTER_MS = 2000;
/** The wait before the next flush after a full disk, or without a descriptor. */
const RETRY_MS = 5000;

/** Codes of a full disk, the system's and ours. */
const FULL = new Set(["ENOSPC", "EDQUOT", "disk_full"]);

/** The part of the store that the content uses. */
export interface ContentHost {
  readonly db: Database;
  /** Runs a write in the next commit. */
  write<T>(run: (transaction: Transaction) => T): Promise<T>;
  /** Runs a read. Throws its failure as an XsError. */
  guard<T>(run: () => T): T;
  /** Reports a failure that no caller waits for. */
  failed(error: Error): void;
  /** The clock of background tasks. */
  readonly background: Background;
  /** Called when much is staged: starts the collector. Resolves at its end; undefined where it does not run. */
  onBackpressure(): Promise<void> | undefined;
  /** Called with the hashes of removed frames and entries. */
  noteDereferenced(hashes: readonly string[]): void;
  /** Called before and after files are made. @throws XsError where the store is not in its place any more */
  checkPlace(): void;
  /** Called when the directory of cacache exists: from then on it must stay in place. */
  prepared(root: string): void;
}

/**
 * Content by its hash, in two homes: small content is committed with its frame, in the table
 * `staged`, and is flushed into files in the background; large content goes to a file at once. Readers
 * never know which.
 */
export class ContentStore {
  readonly files: ContentFiles;
  readonly #root: string;
  readonly #host: ContentHost;
  readonly #ephemeral = new EphemeralContent();
  readonly #flusher: Flusher;
  readonly #staged: Staged;
  readonly #free: ReturnType<Database["query"]>;
  readonly #dontFree: ReturnType<Database["query"]>;
  /** Content in files whose frame is not committed yet. */
  readonly #pinned = new Map<string, number>();
  #ready: Promise<void> | undefined;
  #flushing: Promise<void> | undefined;
  /** The last row to flush now. */
  #due = 0;
  /** The newest row when the timer was set: it is old enough when the timer fires. */
  #ageing = 0;
  /** Resolves when the next contents are flushed, or flushing has ended. */
  #batch = Promise.withResolvers<void>();
  /** Why no content is flushed at the moment: the disk is full, or the database is damaged. */
  #flushError: XsError | undefined;
  /** The hashes removed during the flush of a batch, which may be writing their files. */
  readonly #removed = new Set<string>();
  #stopped = false;

  /** @param paths the database, and the directory of cacache */
  constructor(host: ContentHost, paths: { database: string; root: string }) {
    this.#host = host;
    this.#root = paths.root;
    this.files = new ContentFiles(paths.root);
    this.#flusher = new Flusher(paths, host.background);
    this.#staged = new Staged(host.db);
    this.#free = host.db.query("INSERT OR IGNORE INTO gc_candidates (hash) VALUES (?)");
    this.#dontFree = host.db.query("DELETE FROM gc_candidates WHERE hash = ?");
    this.#ageing = this.#staged.newest;
    if (this.#staged.weight > 0) this.#flushSoon();
  }

  /**
   * Takes a body in: null if it is empty. Small content comes back with its bytes and is durable
   * only when an append or `keep` has it; large content is durable now, and kept until then or until
   * {@link unpin}.
   *
   * Rejects, keeping nothing, if the body breaks off.
   *
   * @param ephemeral for an ephemeral frame: to be kept in memory only
   * @throws XsError `body_too_large` where ephemeral content is larger than memory should hold
   */
  async take(
    body: ReadableStream<Uint8Array> | null,
    ephemeral = false,
  ): Promise<TakenContent | null> {
    if (!body) return null;
    const most = ephemeral ? MAX_EPHEMERAL_BYTES : STAGED_MAX;
    const reader = body.getReader();
    const head: Uint8Array[] = [];
    let size = 0;
    while (size <= most) {
      const { value, done } = await reader.read();
      if (done) return this.takeBytes(Buffer.concat(head), ephemeral);
      head.push(value);
      size += value.length;
    }
    if (ephemeral) {
      await reader.cancel();
      throw ephemeralTooLarge();
    }
    return await this.#putFile(rest(head, reader));
  }

  /** Takes in content that is in memory: null if it is empty. @throws as {@link take} */
  async takeBytes(bytes: Uint8Array, ephemeral = false): Promise<TakenContent | null> {
    if (bytes.length === 0) return null;
    if (ephemeral && bytes.length > MAX_EPHEMERAL_BYTES) throw ephemeralTooLarge();
    if (!ephemeral && bytes.length > STAGED_MAX) return this.#putFile([bytes]);
    const content = { hash: hashOf(bytes), size: bytes.length, bytes };
    if (ephemeral) return { ...content, ephemeral };
    // Content that comes faster than it is flushed waits here, instead of filling the database.
    while (this.#staged.weight > STAGED_FULL_BYTES) {
      if (this.#flushError) throw this.#flushError;
      if (this.#staged.usedWeight > STAGED_MUCH_BYTES) {
        this.startFlushing();
        await this.#batch.promise;
        continue;
      }
      // Most was removed. It goes unless something holds it, and that is not to be waited for.
      const before = this.#staged.weight;
      await this.#host.onBackpressure();
      if (this.#staged.weight >= before) break;
    }
    return content;
  }

  /**
   * The content of a hash, its bytes checked; undefined where there is none.
   *
   * @throws XsError `content_damaged`
   */
  async open(hash: string): Promise<Blob | undefined> {
    const ephemeral = this.#ephemeral.get(hash);
    if (ephemeral) return new Blob([ephemeral as Uint8Array<ArrayBuffer>]);
    const staged = this.#openStaged(hash);
    if (staged) return staged;
    // It may be flushed while the file is looked for, but it is never in neither place.
    return (await this.files.open(hash)) ?? this.#openStaged(hash) ?? (await this.files.open(hash));
  }

  /** Whether the store has the content of a hash. Does not read it. */
  has(hash: string): boolean {
    return this.sizeOf(hash) !== undefined;
  }

  /** Its size in bytes, or undefined where there is none. */
  sizeOf(hash: string): number | undefined {
    return this.#staged.sizeOf(hash) ?? this.files.stateOf(hash)?.size;
  }

  /** Whether a content is staged, on its way to a file. */
  isStaged(hash: string): boolean {
    return this.#staged.has(hash);
  }

  /** How many contents are on their way to cacache, and their bytes. */
  staged(): { contents: number; bytes: number } {
    return this.#staged.waiting();
  }

  /** Stages content. Call it inside a write. */
  stage(content: TakenContent): void {
    if (!content.bytes) return;
    if (content.ephemeral) {
      this.#ephemeral.put(content.hash, content.bytes);
      return;
    }
    this.#staged.add(content.hash, content.bytes);
    if (this.#staged.usedWeight > STAGED_MUCH_BYTES) this.startFlushing();
    else this.#flushSoon();
  }

  /** Whether much of the staged content only waits for the collector. */
  get hasMuchUnused(): boolean {
    return this.#staged.weight - this.#staged.usedWeight > STAGED_MUCH_BYTES;
  }

  /** Notes that a frame with these hashes was removed. Call it inside a write. */
  release(hashes: readonly string[]): void {
    // Of staged content its row tells; one here as well would be a write at a random place.
    for (const hash of hashes) if (!this.#staged.dropUse(hash)) this.#free.run(hash);
    this.#host.noteDereferenced(hashes);
  }

  /** The hashes of staged content that what used it is gone of. */
  unused(): Iterable<string> {
    return this.#staged.unused();
  }

  /** Whether a content is one of those. */
  isUnused(hash: string): boolean {
    return this.#staged.isUnused(hash);
  }

  /**
   * Leaves content that is about to come to the collector, which frees it unless something names it
   * by then; until {@link keepFromCollector}.
   */
  leaveToCollector(hashes: readonly string[]): Promise<void> {
    return this.#host.write((transaction) => transaction.add({ kind: "candidates", hashes }));
  }

  /** Content that came this way is like any other from now on. */
  keepFromCollector(hashes: readonly string[]): Promise<void> {
    return this.#host.write((transaction) =>
      transaction.add({ kind: "candidates", hashes, kept: true }),
    );
  }

  /** Applies that hashes are candidates of the collector, or not any more. Inside a commit. */
  setCandidates(hashes: readonly string[], are: boolean): void {
    for (const hash of hashes) (are ? this.#free : this.#dontFree).run(hash);
  }

  /** Content that was to be freed has a use: it may be flushed. Inside a write. */
  flushAfterAll(hash: string): void {
    this.#staged.setUsed(hash);
  }

  /** Removes content. Call it inside a write. Returns its size and its home; undefined where there is none. */
  remove(hash: string): { size: number; inFile: boolean } | undefined {
    const staged = this.#staged.sizeOf(hash);
    this.#staged.remove(hash);
    const filed = this.files.remove(hash);
    if (this.#flushing !== undefined) this.#removed.add(hash);
    this.#endBatch();
    const size = filed ?? staged;
    return size === undefined ? undefined : { size, inFile: filed !== undefined };
  }

  /** Whether a content is staged, or large and without its frame yet, or just freed. */
  isOnItsWay(hash: string): boolean {
    return this.isPinned(hash) || this.#removed.has(hash) || this.#staged.has(hash);
  }

  isPinned(hash: string): boolean {
    return this.#pinned.has(hash);
  }

  /** Taken content has its frame now, or will never have one. */
  unpin(content: TakenContent | null): void {
    if (!content || content.bytes) return;
    const count = this.#pinned.get(content.hash) ?? 0;
    if (count > 1) this.#pinned.set(content.hash, count - 1);
    else this.#pinned.delete(content.hash);
  }

  /** Takes up what the database has, after a commit that failed. */
  reload(): void {
    this.#staged.reload();
  }

  /** Drops ephemeral content that is due. */
  sweep(): void {
    this.#ephemeral.sweep();
  }

  /** Flushes what is staged by now. */
  startFlushing(): void {
    this.#flushUpTo(this.#staged.newest);
  }

  #flushUpTo(row: number): void {
    // The timer must not shorten a flush that runs.
    this.#due = this.#flushing === undefined ? row : Math.max(this.#due, row);
    if (this.#flushing !== undefined || this.#stopped) return;
    this.#host.background.cancel("flush");
    this.#flushing = this.#flushAll((range) => this.#flusher.next(range))
      .catch((error: { code?: string } & Error) => {
        this.#host.checkPlace();
        throw error;
      })
      .catch((error: { code?: string } & Error) => {
        if (!staysStaged(error)) return this.#host.failed(error);
        // Staged content is durable in the database, so a later flush is soon enough.
        this.#flushError = isFull(error)
          ? diskFull(error)
          : isOutOfFiles(error)
            ? outOfFiles(error)
            : databaseDamaged(error);
        this.#flushSoon(RETRY_MS);
      })
      .finally(() => {
        this.#flushing = undefined;
        this.#removed.clear();
        this.#flusher.rest();
        this.#endBatch();
        // Content may have come after the last batch.
        if (this.#staged.weight > 0) this.#flushSoon();
      });
  }

  /** Has the thread ready that flushes. */
  keepThread(): void {
    this.#flusher.keep();
  }

  /** Ends what goes on in the background. */
  stop(): void {
    this.#stopped = true;
    this.#host.background.cancel("flush");
    this.#flusher.stop();
  }

  /** Flushes what is staged, as the last thing before the store closes, for `ms` at most. */
  async finish(ms: number): Promise<void> {
    this.#stopped = true;
    this.#host.background.cancel("flush");
    await this.#flushing;
    this.#flusher.stop();
    const end = performance.now() + ms;
    this.#due = this.#staged.newest;
    try {
      // Nobody waits for this thread any more.
      await this.#flushAll(
        (range) => flushNext(this.#host.db, this.files, range),
        () => performance.now() > end,
      );
    } catch (error) {
      if (!staysStaged(error as { code?: string })) throw error;
    }
  }

  #flushSoon(ms = FLUSH_AFTER_MS): void {
    this.#host.background.after("flush", ms, () => {
      this.#flushError = undefined;
      const aged = this.#ageing;
      this.#ageing = this.#staged.newest;
      this.#flushUpTo(aged);
      return this.#flushing;
    });
  }

  async #flushAll(
    next: (range: FlushRange) => ReturnType<typeof flushNext>,
    stop: () => boolean = () => this.#stopped,
  ): Promise<void> {
    for (let after = 0; !stop(); ) {
      if (!this.#staged.hasNext(after, this.#due)) return;
      await this.#prepare();
      this.#removed.clear();
      const { flushed, last, done } = await next({ after, upTo: this.#due });
      after = last;
      const leftOver: string[] = [];
      await this.#host.write((transaction) => {
        transaction.settle();
        for (const { seq, hash } of flushed) {
          if (!this.#removed.has(hash)) {
            // It lost its last reference meanwhile: notes that for the collector, because the row goes.
            if (this.#staged.isUnused(hash)) this.#free.run(hash);
            this.#staged.remove(hash, seq);
          } else if (!this.#staged.has(hash)) {
            // It was freed during the flush. If it had been appended again, it would have a row.
            this.files.remove(hash);
            leftOver.push(hash);
          }
        }
      });
      this.#endBatch();
      await onceThereAreFiles(() => this.files.removeIndex(leftOver));
      if (done) return;
    }
  }

  async #putFile(chunks: AsyncIterable<Uint8Array> | Iterable<Uint8Array>): Promise<TakenContent> {
    this.#host.checkPlace();
    await this.#prepare();
    let pinned: string | undefined;
    try {
      return await this.files.put(chunks, (hash) => {
        pinned = hash;
        this.#pinned.set(hash, (this.#pinned.get(hash) ?? 0) + 1);
      });
    } catch (error) {
      if (pinned !== undefined) this.unpin({ hash: pinned, size: 0 });
      this.#host.checkPlace();
      throw error;
    }
  }

  #prepare(): Promise<void> {
    this.#ready ??= onceThereAreFiles(() => this.files.prepare()).then(
      () => this.#host.prepared(this.#root),
      (error) => {
        // The cause may pass, so the next call tries again.
        this.#ready = undefined;
        throw error;
      },
    );
    return this.#ready;
  }

  #endBatch(): void {
    this.#batch.resolve();
    this.#batch = Promise.withResolvers();
  }

  #openStaged(hash: string): Blob | undefined {
    const bytes = this.#host.guard(() => this.#staged.bytesOf(hash));
    if (!bytes) return undefined;
    if (hashOf(bytes) !== hash) {
      throw new XsError(
        "content_damaged",
        `the stored content of ${hash} is damaged, in the database; append it again to mend it`,
      );
    }
    return new Blob([bytes as Uint8Array<ArrayBuffer>]);
  }
}

function ephemeralTooLarge(): XsError {
  return new XsError(
    "body_too_large",
    `the content of an ephemeral frame is at most ${MAX_EPHEMERAL_BYTES} bytes: give it another ttl`,
  );
}

/** Whether content stays staged after this error: a full disk and a lack of descriptors pass, damage is elsewhere. */
function staysStaged(error: { code?: string }): boolean {
  const code = error.code ?? "";
  if (isFull(error) || isOutOfFiles(error)) return true;
  return code.startsWith("SQLITE_CORRUPT") || code === "frame_damaged";
}

function isFull({ code = "" }: { code?: string }): boolean {
  return FULL.has(code);
}

async function* rest(
  head: Uint8Array[],
  reader: { read(): Promise<{ done: boolean; value?: Uint8Array | undefined }> },
): AsyncGenerator<Uint8Array> {
  yield* head;
  for (;;) {
    const { value, done } = await reader.read();
    if (done || !value) return;
    yield value;
  }
}
