import { XsError } from "../../../core/error.ts";
import { hashOf } from "../../../core/hash.ts";
import { type Content, type InlinedPage, MAX_SMALL_CONTENT } from "../../content.ts";
import type { TakenContent } from "../../types.ts";
import type { Transaction } from "../commit/transaction.ts";
import type { ContentFiles } from "./cacache-files.ts";
import { indexedSize } from "./cacache-index.ts";
import type { Collector } from "./collector.ts";
import { MAX_EPHEMERAL_BYTES } from "./ephemeral.ts";
import type { FlushSchedule } from "./flush-schedule.ts";
import type { ContentFolder } from "./folder.ts";
import type { FreedFiles } from "./freed-files.ts";
import type { Homes } from "./homes.ts";
import { InlineContent } from "./inline.ts";
import type { Pins } from "./pins.ts";
import type { ContentReaders } from "./readers.ts";
import type { RemoteContent } from "./remote.ts";
import type { ContentTables } from "./tables.ts";

/** Content up to this size, in bytes, is in the commit of its frame. */
export const STAGED_MAX = MAX_SMALL_CONTENT;

/** The part of the store that the content uses. */
export interface ContentUses {
  readonly tables: ContentTables;
  readonly files: ContentFiles;
  readonly folder: ContentFolder;
  readonly homes: Homes;
  readonly pins: Pins;
  readonly flushes: FlushSchedule;
  readonly freedFiles: FreedFiles;
  readonly collector: Collector;
  readonly readers: ContentReaders;
  /** Of a store on several machines. */
  readonly remote: RemoteContent | undefined;
  /** Runs a write in the next commit. */
  write<T>(run: (transaction: Transaction) => T): Promise<T>;
  /** Runs a read. Throws its failure as an XsError. */
  guard<T>(run: () => T): T;
  /** @throws XsError where the store takes no writes any more */
  checkWritable(): void;
}

/**
 * Content by its hash, in two homes: small content is committed with its frame, in the table
 * `staged`, and is flushed into files in the background; large content goes to a file at once. Readers
 * never know which.
 */
export class ContentStore implements Content {
  readonly files: ContentFiles;
  readonly tables: ContentTables;
  /** The large content of a store on several machines. */
  readonly remote: RemoteContent | undefined;
  /** Why a content that is not here may be elsewhere; undefined where it is nowhere. */
  away: (hash: string) => XsError | undefined = () => undefined;
  readonly #uses: ContentUses;
  readonly #inline: InlineContent;

  constructor(uses: ContentUses) {
    this.#uses = uses;
    this.tables = uses.tables;
    this.files = uses.files;
    this.remote = uses.remote;
    this.#inline = new InlineContent({
      readers: uses.readers,
      bytesAtHand: (hash) => this.#bytesAtHand(hash),
      open: (hash) => this.open(hash),
      sizeOf: (hash) => this.sizeOf(hash),
      writtenSize: (hash) => indexedSize(uses.files.root, hash),
    });
  }

  take(
    body: ReadableStream<Uint8Array> | Uint8Array | null,
    ephemeral = false,
  ): Promise<TakenContent | null> {
    if (!body) return Promise.resolve(null);
    if (body instanceof Uint8Array) return this.#takeBytes(body, ephemeral);
    return this.#takeStream(body, ephemeral);
  }

  async #takeStream(
    body: ReadableStream<Uint8Array>,
    ephemeral: boolean,
  ): Promise<TakenContent | null> {
    const most = ephemeral ? MAX_EPHEMERAL_BYTES : STAGED_MAX;
    const reader = body.getReader();
    const head: Uint8Array[] = [];
    let size = 0;
    while (size <= most) {
      const { value, done } = await reader.read();
      if (done) return this.#takeBytes(Buffer.concat(head), ephemeral);
      head.push(value);
      size += value.length;
    }
    if (ephemeral) {
      await reader.cancel();
      throw ephemeralTooLarge();
    }
    return await this.#putFile(rest(head, reader));
  }

  async #takeBytes(bytes: Uint8Array, ephemeral: boolean): Promise<TakenContent | null> {
    if (bytes.length === 0) return null;
    if (ephemeral && bytes.length > MAX_EPHEMERAL_BYTES) throw ephemeralTooLarge();
    if (!ephemeral && bytes.length > STAGED_MAX) return this.#putFile([bytes]);
    const content = { hash: hashOf(bytes), size: bytes.length, bytes };
    if (ephemeral) return { ...content, ephemeral };
    await this.#untilThereIsRoom();
    return content;
  }

  /** Content that comes faster than it is flushed waits here, instead of filling the database. */
  async #untilThereIsRoom(): Promise<void> {
    const { flushes, collector } = this.#uses;
    const { staged } = this.tables;
    while (staged.isFull) {
      if (flushes.problem) throw flushes.problem;
      if (staged.hasMuchToFlush) {
        flushes.start();
        await flushes.nextBatch();
        continue;
      }
      // Most was removed. It goes unless something holds it, and that is not to be waited for.
      const before = staged.weight;
      await collector.collectSoon(true);
      if (staged.weight >= before) return;
    }
  }

  async keep(...contents: readonly TakenContent[]): Promise<void> {
    try {
      if (!contents.some(({ bytes, blob }) => bytes || blob !== undefined)) return;
      await this.#uses.write((transaction) => {
        for (const content of contents) this.stage(transaction, content);
      });
    } finally {
      for (const content of contents) this.unpin(content);
    }
  }

  /** Adds content to the commit of its frame; large content is in its file already. Inside a write. */
  stage(transaction: Transaction, content: TakenContent): void {
    const { hash, size, bytes, ephemeral, blob } = content;
    if (blob !== undefined) transaction.add({ kind: "blob", hash, size, name: blob });
    if (!bytes) return;
    if (ephemeral) {
      this.tables.ephemeral.put(hash, bytes);
      transaction.ephemeral.push({ hash, bytes });
    } else {
      transaction.add({ kind: "content", hash, bytes });
    }
  }

  async open(hash: string): Promise<Blob | undefined> {
    if (this.remote?.has(hash)) return this.remote.open(hash);
    const bytes = this.#bytesAtHand(hash);
    if (bytes) return new Blob([bytes]);
    const file = await this.files.open(hash);
    if (file) return file;
    // It may be flushed while the file is looked for, but it is never in neither place.
    const staged = this.#bytesAtHand(hash);
    const found = staged ? new Blob([staged]) : await this.files.open(hash);
    const away = found ? undefined : this.away(hash);
    if (away) throw away;
    return found;
  }

  inline(page: Uint8Array): Promise<InlinedPage> {
    return this.#inline.add(page);
  }

  /** Whether the store has the content of a hash. Does not read it. */
  has(hash: string): boolean {
    return this.sizeOf(hash) !== undefined;
  }

  sizeOf(hash: string): number | undefined {
    return this.#uses.homes.sizeOf(hash);
  }

  /** Whether a content is staged, on its way to a file. */
  isStaged(hash: string): boolean {
    return this.tables.staged.has(hash);
  }

  /** How many contents are on their way to cacache, and their bytes. */
  staged(): { contents: number; bytes: number } {
    return this.tables.staged.waiting();
  }

  /** Whether a content is staged, or large and without its frame yet, or just freed. */
  isOnItsWay(hash: string): boolean {
    const { pins, flushes } = this.#uses;
    return pins.has(hash) || flushes.wasRemoved(hash) || this.isStaged(hash);
  }

  /** Keeps large content from the collector until {@link unpin}. */
  pin(content: TakenContent | null): void {
    if (content && !content.bytes) this.#uses.pins.add(content.hash);
  }

  unpin(content: TakenContent | null): void {
    if (content && !content.bytes) this.#uses.pins.drop(content.hash);
  }

  /** Call it after each commit. */
  committed(): void {
    this.tables.staged.committed();
    this.#uses.freedFiles.committed();
    this.#uses.flushes.committed();
  }

  /** Resolves when nothing is left of the files of freed content. */
  settled(): Promise<void> {
    return this.#uses.freedFiles.idle();
  }

  /** Flushes what is staged by now. */
  startFlushing(): void {
    this.#uses.flushes.start();
  }

  /**
   * Leaves content that is about to come to the collector, which frees it unless something names it
   * by then; until {@link keepFromCollector}.
   */
  leaveToCollector(hashes: readonly string[]): Promise<void> {
    return this.#uses.write((transaction) => transaction.add({ kind: "candidates", hashes }));
  }

  /** Content that came this way is like any other from now on. */
  keepFromCollector(hashes: readonly string[]): Promise<void> {
    return this.#uses.write((transaction) =>
      transaction.add({ kind: "candidates", hashes, kept: true }),
    );
  }

  async #putFile(chunks: AsyncIterable<Uint8Array> | Iterable<Uint8Array>): Promise<TakenContent> {
    const { checkWritable, folder, pins } = this.#uses;
    checkWritable();
    await folder.prepare();
    let pinned: string | undefined;
    try {
      return await this.files.put(chunks, (hash) => {
        pinned = hash;
        pins.add(hash);
      });
    } catch (error) {
      if (pinned !== undefined) pins.drop(pinned);
      checkWritable();
      throw error;
    }
  }

  /** The bytes of content that is in memory or staged, checked. @throws XsError `content_damaged` */
  #bytesAtHand(hash: string): Uint8Array<ArrayBuffer> | undefined {
    const { ephemeral, staged } = this.tables;
    const kept = ephemeral.get(hash);
    const bytes = kept ?? this.#uses.guard(() => staged.bytesOf(hash));
    if (bytes && !kept && hashOf(bytes) !== hash) {
      throw new XsError(
        "content_damaged",
        `the stored content of ${hash} is damaged, in the database; append it again to mend it`,
      );
    }
    return bytes as Uint8Array<ArrayBuffer> | undefined;
  }
}

function ephemeralTooLarge(): XsError {
  return new XsError(
    "body_too_large",
    `the content of an ephemeral frame is at most ${MAX_EPHEMERAL_BYTES} bytes: give it another ttl`,
  );
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
