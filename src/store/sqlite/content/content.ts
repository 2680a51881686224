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
import { MAX_PASSING, PassingContent } from "./ephemeral.ts";
import { ContentFiles } from "./files.ts";
import { type SettleRange, settleNext } from "./flush.ts";
import { Settler } from "./flusher.ts";
import { Staged } from "./staging.ts";

/** Content up to this size, in bytes, rides in the commit of its frame. */
export const STAGED_MAX = 64 * 1024;
/** Staged bytes at which new content waits until some of them have settled. */
const STAGED_FULL = 64 * 1024 * 1024;
/** Staged bytes at which settling starts at once. */
const STAGED_MUCH = 24 * 1024 * 1024;
/**
 * Otherwise content settles when it is between one and two times so old, in ms. A burst is over by
 * then, and what is only kept for a moment is gone and never makes a file.
 */
const SETTLE_AFTER_MS = 2000;
/** After a full disk, or without a descriptor, settling is tried again so much later, in ms. */
const RETRY_MS = 5000;

/** Codes of a full disk, the system's and ours. */
const FULL = new Set(["ENOSPC", "EDQUOT", "disk_full"]);

/** What the content needs of the store around it. */
export interface ContentHost {
  readonly db: Database;
  /** Runs a write in the next commit. */
  write<T>(run: () => T): Promise<T>;
  /** Runs a read, and gives its failure as an error of ours. */
  guard<T>(run: () => T): T;
  /** Reports a failure that no caller waits for. */
  failed(error: Error): void;
  /** There is much staged: frees what can be freed. Gives the end of that, if it is under way. */
  crowded(): Promise<void> | undefined;
  /** Told of everything that is written and may name content. */
  touch(text: string): void;
  /** Told of what something that was removed had named. */
  lost(hashes: readonly string[]): void;
  /** Before and after files are made. @throws XsError where the store is not in its place any more */
  checkPlace(): void;
  /** The directory of cacache is there, and has to stay. */
  prepared(root: string): void;
}

/**
 * Content by its hash, in two homes: small content is committed with its frame, in the table
 * `staged`, and settles into files in the background; large content goes to a file at once. Readers
 * never know which.
 */
export class ContentStore {
  readonly files: ContentFiles;
  readonly #root: string;
  readonly #host: ContentHost;
  readonly #passing = new PassingContent();
  readonly #settler: Settler;
  readonly #staged: Staged;
  readonly #free: ReturnType<Database["query"]>;
  readonly #dontFree: ReturnType<Database["query"]>;
  /** Content in files whose frame is not committed yet. */
  readonly #pinned = new Map<string, number>();
  #ready: Promise<void> | undefined;
  #settling: Promise<void> | undefined;
  #timer: ReturnType<typeof setTimeout> | undefined;
  /** The last row that is to settle now. */
  #due = 0;
  /** The last row there was when the timer was set: it is old enough when it fires. */
  #ageing = 0;
  /** Resolves when the next contents have settled, or settling has ended. */
  #batch = Promise.withResolvers<void>();
  /** Why nothing settles at the moment: the disk is full, or the database is damaged. */
  #settleError: XsError | undefined;
  /** What was removed while a batch was settling: it may be making their files. */
  readonly #removed = new Set<string>();
  #stopped = false;

  /** @param paths the database, and the directory of cacache */
  constructor(host: ContentHost, paths: { database: string; root: string }) {
    this.#host = host;
    this.#root = paths.root;
    this.files = new ContentFiles(paths.root);
    this.#settler = new Settler(paths);
    this.#staged = new Staged(host.db);
    this.#free = host.db.query("INSERT OR IGNORE INTO freed (hash) VALUES (?)");
    this.#dontFree = host.db.query("DELETE FROM freed WHERE hash = ?");
    this.#ageing = this.#staged.newest;
    if (this.#staged.weight > 0) this.#settleSoon();
  }

  /**
   * Takes a body in: null if it is empty. Small content comes back with its bytes and is durable
   * only when an append or `keep` has it; large content is durable now, and kept until then or until
   * {@link unpin}.
   *
   * Rejects, keeping nothing, if the body breaks off.
   *
   * @param passing for an ephemeral frame: to be kept in memory only
   * @throws XsError `body_too_large` where passing content is larger than memory should hold
   */
  async take(
    body: ReadableStream<Uint8Array> | null,
    passing = false,
  ): Promise<TakenContent | null> {
    if (!body) return null;
    const most = passing ? MAX_PASSING : STAGED_MAX;
    const reader = body.getReader();
    const head: Uint8Array[] = [];
    let size = 0;
    while (size <= most) {
      const { value, done } = await reader.read();
      if (done) return this.takeBytes(Buffer.concat(head), passing);
      head.push(value);
      size += value.length;
    }
    if (passing) {
      await reader.cancel();
      throw tooLargeToPass();
    }
    return await this.#putFile(rest(head, reader));
  }

  /** Takes in content that is in memory: null if it is empty. @throws as {@link take} */
  async takeBytes(bytes: Uint8Array, passing = false): Promise<TakenContent | null> {
    if (bytes.length === 0) return null;
    if (passing && bytes.length > MAX_PASSING) throw tooLargeToPass();
    if (!passing && bytes.length > STAGED_MAX) return this.#putFile([bytes]);
    const content = { hash: hashOf(bytes), size: bytes.length, bytes };
    if (passing) return { ...content, passing };
    // Content that comes faster than it settles waits here, instead of filling the database.
    while (this.#staged.weight > STAGED_FULL) {
      if (this.#settleError) throw this.#settleError;
      if (this.#staged.usedWeight > STAGED_MUCH) {
        this.startSettling();
        await this.#batch.promise;
        continue;
      }
      // Most was removed. It goes unless something holds it, and that is not to be waited for.
      const before = this.#staged.weight;
      await this.#host.crowded();
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
    const passing = this.#passing.get(hash);
    if (passing) return new Blob([passing as Uint8Array<ArrayBuffer>]);
    const staged = this.#openStaged(hash);
    if (staged) return staged;
    // It may settle while the file is looked for, but it is never in neither place.
    return (await this.files.open(hash)) ?? this.#openStaged(hash) ?? (await this.files.open(hash));
  }

  /** Tells whether there is content of a hash, without reading it. */
  has(hash: string): boolean {
    return this.sizeOf(hash) !== undefined;
  }

  /** Its size in bytes, or undefined where there is none. */
  sizeOf(hash: string): number | undefined {
    return this.#staged.sizeOf(hash) ?? this.files.stateOf(hash)?.size;
  }

  /** Tells whether it is on its way to a file. */
  isStaged(hash: string): boolean {
    return this.#staged.has(hash);
  }

  /** How many contents are on their way to cacache, and their bytes. */
  staged(): { contents: number; bytes: number } {
    return this.#staged.waiting();
  }

  /** Stages content; to be called inside a write. */
  stage(content: TakenContent): void {
    if (!content.bytes) return;
    if (content.passing) {
      this.#passing.put(content.hash, content.bytes);
      return;
    }
    this.#staged.add(content.hash, content.bytes);
    if (this.#staged.usedWeight > STAGED_MUCH) this.startSettling();
    else this.#settleSoon();
  }

  /** Tells whether much is staged that only waits for the collector. */
  get hasMuchUnused(): boolean {
    return this.#staged.weight - this.#staged.usedWeight > STAGED_MUCH;
  }

  /** A frame that named these hashes was removed; to be called inside a write. */
  release(hashes: readonly string[]): void {
    // Of staged content its row tells; one here as well would be a write at a random place.
    for (const hash of hashes) if (!this.#staged.dropUse(hash)) this.#free.run(hash);
    this.#host.lost(hashes);
  }

  /** The hashes of staged content that what used it is gone of. */
  unused(): Iterable<string> {
    return this.#staged.unused();
  }

  /** Tells whether some content is one of those. */
  isUnused(hash: string): boolean {
    return this.#staged.isUnused(hash);
  }

  /**
   * Leaves content that is about to come to the collector, which frees it unless something names it
   * by then; until {@link keepFromCollector}.
   */
  leaveToCollector(hashes: readonly string[]): Promise<void> {
    return this.#host.write(() => {
      for (const hash of hashes) this.#free.run(hash);
    });
  }

  /** Content that came this way is like any other from now on. */
  keepFromCollector(hashes: readonly string[]): Promise<void> {
    return this.#host.write(() => {
      for (const hash of hashes) this.#dontFree.run(hash);
    });
  }

  /** This text was written, and may name content. */
  touch(text: string): void {
    this.#host.touch(text);
  }

  /** Content that was to be freed has a use: it may settle. Inside a write. */
  settleAfterAll(hash: string): void {
    this.#staged.setUsed(hash);
  }

  /** Removes content; inside a write. Gives its size and where it was; undefined for nowhere. */
  remove(hash: string): { size: number; inFile: boolean } | undefined {
    const staged = this.#staged.sizeOf(hash);
    this.#staged.remove(hash);
    const filed = this.files.remove(hash);
    if (this.#settling !== undefined) this.#removed.add(hash);
    this.#endBatch();
    const size = filed ?? staged;
    return size === undefined ? undefined : { size, inFile: filed !== undefined };
  }

  /** Tells whether some content is staged, large and without its frame, or just freed. */
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

  /** Drops passing content that is due. */
  sweep(): void {
    this.#passing.sweep();
  }

  /** Settles what is staged by now. */
  startSettling(): void {
    this.#settleUpTo(this.#staged.newest);
  }

  #settleUpTo(row: number): void {
    // What is under way is not cut short by the timer.
    this.#due = this.#settling === undefined ? row : Math.max(this.#due, row);
    if (this.#settling !== undefined || this.#stopped) return;
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#settling = this.#settleAll((range) => this.#settler.next(range))
      .catch((error: { code?: string } & Error) => {
        this.#host.checkPlace();
        throw error;
      })
      .catch((error: { code?: string } & Error) => {
        if (!staysStaged(error)) return this.#host.failed(error);
        // What is staged is as safe as it was, and settles later.
        this.#settleError = isFull(error)
          ? diskFull(error)
          : isOutOfFiles(error)
            ? outOfFiles(error)
            : databaseDamaged(error);
        this.#settleSoon(RETRY_MS);
      })
      .finally(() => {
        this.#settling = undefined;
        this.#removed.clear();
        this.#settler.rest();
        this.#endBatch();
        // What came after the last look.
        if (this.#staged.weight > 0) this.#settleSoon();
      });
  }

  /** Has the thread ready that settles. */
  keepThread(): void {
    this.#settler.keep();
  }

  /** Ends what goes on in the background. */
  stop(): void {
    this.#stopped = true;
    clearTimeout(this.#timer);
    this.#settler.stop();
  }

  /** Settles what is staged, as the last thing before the store closes, for `ms` at most. */
  async finish(ms: number): Promise<void> {
    this.#stopped = true;
    clearTimeout(this.#timer);
    await this.#settling;
    this.#settler.stop();
    const end = performance.now() + ms;
    this.#due = this.#staged.newest;
    try {
      // Nobody waits for this thread any more.
      await this.#settleAll(
        (range) => settleNext(this.#host.db, this.files, range),
        () => performance.now() > end,
      );
    } catch (error) {
      if (!staysStaged(error as { code?: string })) throw error;
    }
  }

  #settleSoon(ms = SETTLE_AFTER_MS): void {
    if (this.#timer !== undefined) return;
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      this.#settleError = undefined;
      const aged = this.#ageing;
      this.#ageing = this.#staged.newest;
      this.#settleUpTo(aged);
    }, ms);
    this.#timer.unref();
  }

  async #settleAll(
    next: (range: SettleRange) => ReturnType<typeof settleNext>,
    stop: () => boolean = () => this.#stopped,
  ): Promise<void> {
    for (let after = 0; !stop(); ) {
      if (!this.#staged.hasNext(after, this.#due)) return;
      await this.#prepare();
      this.#removed.clear();
      const { settled, last, done } = await next({ after, upTo: this.#due });
      after = last;
      const leftOver: string[] = [];
      await this.#host.write(() => {
        for (const { seq, hash } of settled) {
          if (!this.#removed.has(hash)) {
            // It has lost its frame meanwhile, and its row that told of that goes.
            if (this.#staged.isUnused(hash)) this.#free.run(hash);
            this.#staged.remove(hash, seq);
          } else if (!this.#staged.has(hash)) {
            // It was freed while its file was made. Appended again, it has a row again.
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
        // What was wrong may pass.
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

function tooLargeToPass(): XsError {
  return new XsError(
    "body_too_large",
    `the content of an ephemeral frame is at most ${MAX_PASSING} bytes: give it another ttl`,
  );
}

/** A full disk passes, a lack of descriptors as well, and a damaged page is no reason to stop: the rest of the store is sound. */
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
