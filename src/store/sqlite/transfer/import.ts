import { checkAhead } from "../../../core/id.ts";
import { SCHEDULED_PREFIX } from "../../../core/scheduled.ts";
import { RUNTIME_PREFIX } from "../../../core/topic.ts";
import type { Import, ImportOptions, ImportPart, ImportResult } from "../../import.ts";
import type { EntryData } from "../../kv.ts";
import type { ImportFrame } from "../../types.ts";
import type { Transaction } from "../commit/transaction.ts";
import type { ContentStore } from "../content/content.ts";
import type { KvStore } from "../kv/kv.ts";
import type { Log } from "../log/log.ts";
import { ImportSpace } from "./import-space.ts";
import { ImportedContent } from "./imported-content.ts";
import { frameBytes, STEP_BYTES, STEP_ROWS } from "./steps.ts";

/** The parts of a store that an import uses. */
export interface ImportHost {
  /** Of the store. */
  readonly directory: string;
  readonly content: ContentStore;
  readonly log: Log;
  readonly kv: KvStore;
  /** The clock, in ms since 1970. */
  now(): number;
  write<T>(run: (transaction: Transaction) => T): Promise<T>;
  /** Lets the database keep more in memory until the result is disposed. */
  withLargerCache(): Disposable;
  holdContent(): Promise<() => void>;
  /** @throws XsError the reason why the store takes no writes */
  checkWritable(): void;
  /** Whether a frame is here, be it damaged. */
  has(id: string): boolean;
}

/**
 * Collects what an import brings, and brings it in, in the order of ids and in steps of one commit. As many frames as
 * one commit takes stay in memory; all the rest is in an {@link ImportSpace}.
 */
export class SqliteImport implements Import {
  readonly #host: ImportHost;
  readonly #options: ImportOptions;
  readonly #counts = { frames: 0, added: 0, stayRemoved: 0, missing: 0, scheduled: 0 };
  #done = 0;
  /** The newest frames, which are not in the space yet. */
  #frames: ImportFrame[] = [];
  #bytes = 0;
  #space: ImportSpace | undefined;
  #content: ImportedContent | undefined;
  /** Lets the collector free content again. */
  #release: (() => void) | undefined;

  constructor(host: ImportHost, options: ImportOptions) {
    this.#host = host;
    this.#options = options;
  }

  get inMemory(): number {
    return this.#bytes;
  }

  get done(): number {
    return this.#done;
  }

  note(name: string): boolean {
    return this.#open().addName(name);
  }

  add(part: ImportPart): void {
    if ("frame" in part) {
      this.#addFrame(part.frame);
    } else if ("position" in part) {
      this.#checkAhead(part.position.position);
      this.#open().addPosition(part.position);
    } else if ("tombstone" in part) {
      this.#open().addTombstone(part.tombstone);
    } else {
      this.#checkAhead(part.entry.rev);
      this.#open().addEntry(part.entry);
    }
  }

  async addContent(
    hash: string,
    size: number,
    bytes: AsyncGenerator<Uint8Array>,
  ): Promise<boolean> {
    this.#release ??= await this.#host.holdContent();
    this.#content ??= new ImportedContent(this.#host.content, this.#open());
    return this.#content.add(hash, size, bytes);
  }

  async commit(): Promise<ImportResult> {
    const { log, write, content } = this.#host;
    await this.#content?.finish();
    if (!this.#space) {
      await this.#importFrames(this.#frames, { intoEmpty: log.isEmpty });
      return this.#counts;
    }
    this.#putAside();
    using _ = this.#host.withLargerCache();
    const space = this.#space;
    const name = space.nameOfFrames();
    // An import into an empty store that was interrupted goes on as one when it is repeated.
    const intoEmpty = log.isEmpty || log.isFilling(name);
    // There the entries come first: as long as there is no frame, the keys of the runtime come in. Elsewhere their
    // revisions would make frames late that are not.
    if (intoEmpty) await this.#importEntries(space, intoEmpty);
    const how = intoEmpty ? { intoEmpty, filling: name } : { intoEmpty };
    for (const step of space.frames()) await this.#importFrames(step, how);
    if (!intoEmpty) await this.#importEntries(space, intoEmpty);
    for (const step of space.tombstones()) {
      await write((transaction) => log.importTombstones(transaction, step));
    }
    // Content that no frame names is kept, like content that a client stores by itself.
    for (const step of space.fresh()) await content.keepFromCollector(step);
    if (intoEmpty) await write((transaction) => log.noteFilling(transaction, null));
    return this.#counts;
  }

  [Symbol.dispose](): void {
    this.#space?.close();
    this.#release?.();
  }

  async #importFrames(
    frames: readonly ImportFrame[],
    { intoEmpty, filling }: { readonly intoEmpty: boolean; readonly filling?: string },
  ): Promise<void> {
    const { log, write } = this.#host;
    const { restore = false } = this.#options;
    const { added, stayRemoved } = await write((transaction) => {
      const result = log.import(transaction, frames, { restore, intoEmpty });
      if (filling !== undefined) log.noteFilling(transaction, filling);
      return result;
    });
    this.#done += frames.length;
    this.#counts.added += added;
    this.#counts.stayRemoved += stayRemoved;
    for (const { id, hash } of frames) {
      // The store may have dropped the frame because of its ttl.
      if (hash === null || this.#host.content.has(hash) || !this.#host.has(id)) continue;
      this.#counts.missing++;
    }
  }

  async #importEntries(space: ImportSpace, intoEmpty: boolean): Promise<void> {
    const { kv } = this.#host;
    for (const step of space.entries()) {
      // A cursor or a state of another store does not fit to the frames of this one.
      const wanted = intoEmpty ? step : step.filter(({ key }) => !key.startsWith(RUNTIME_PREFIX));
      await this.#host.write((transaction) => {
        for (const entry of wanted) kv.importNow(transaction, entry);
      });
      const isScheduled = ({ key, value }: EntryData) => value && key.startsWith(SCHEDULED_PREFIX);
      this.#counts.scheduled += wanted.filter(isScheduled).length;
    }
  }

  #checkAhead(id: string): void {
    checkAhead(id, this.#host.now(), this.#options.ahead);
  }

  #addFrame(frame: ImportFrame): void {
    this.#checkAhead(frame.id);
    this.#frames.push(frame);
    this.#bytes += frameBytes(frame);
    this.#counts.frames++;
    if (this.#frames.length >= STEP_ROWS || this.#bytes >= STEP_BYTES) this.#putAside();
  }

  /** Moves the frames in memory into the space. */
  #putAside(): void {
    this.#open().addFrames(this.#frames);
    this.#frames = [];
    this.#bytes = 0;
  }

  #open(): ImportSpace {
    if (!this.#space) this.#host.checkWritable();
    this.#space ??= new ImportSpace(this.#host.directory);
    return this.#space;
  }
}
