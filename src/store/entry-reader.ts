import { changeLine } from "../core/entry.ts";
import { XsError } from "../core/error.ts";
import { encodeSynthetic, pageOf } from "../core/frame.ts";
import type { LineReader } from "./frame-reader.ts";
import type { EntryData, KvInfo, KvReadOptions, KvScope } from "./kv.ts";
import type { LiveFeed } from "./live.ts";

/** An entry in a listing. */
export interface ListedEntry extends KvInfo {
  /** Of the value, in bytes; null for a deleted entry. */
  readonly size: number | null;
}

/** The part of the key/value store that a reader uses. */
export interface KvSource {
  readonly live: LiveFeed;
  /** Rows in the order of their keys. */
  page(from: string, inclusive: boolean, rows: number): ListedEntry[];
  row(key: string): EntryData | undefined;
  /** The newest revision that a reader may return. */
  newestId(): string;
  /** A new id for a threshold or pulse. */
  nextId(): string;
  /** Called when the reader has closed. */
  closed(): void;
}

const PAGE_BYTES = 256 * 1024;
const PAGE_ROWS = 1000;

/**
 * A listing or a watch in progress; it never holds more than a page. A watch reads the entries once, returns its
 * threshold, and then takes the changes that all watchers share. The feed keeps only the newest changes: a watch that
 * misses some reads the entries again, and returns the newest state of each changed key, but not every change.
 */
export class KvReader implements LineReader {
  readonly #source: KvSource;
  readonly #scope: KvScope;
  readonly #follow: boolean;
  readonly #hasValues: boolean;
  readonly #pulse: number;
  /** The revisions that a pass through the entries returns: above the first, up to the second. */
  #above = "";
  #upTo: string;
  /** The position of the pass: undefined before the first entry, a key after that entry, null at the end. */
  #cursor: string | null | undefined;
  #batch: number;
  #crossed = false;
  #nextPulse = Infinity;
  #closed = false;
  #stopWaiting: (() => void) | undefined;

  constructor(source: KvSource, scope: KvScope, options: KvReadOptions) {
    this.#source = source;
    this.#scope = scope;
    this.#follow = options.follow ?? false;
    this.#hasValues = this.#follow && !options.withoutValues;
    this.#pulse = options.pulse ?? Infinity;
    this.#upTo = source.newestId();
    this.#batch = source.live.head;
  }

  /** The reader has seen every change up to this revision. */
  get position(): string {
    return this.#cursor === null ? this.#upTo : this.#above;
  }

  /** Resolves to the next lines as NDJSON, or undefined at the end. Allows one call at a time. */
  async next(): Promise<Uint8Array | undefined> {
    while (!this.#closed) {
      if (this.#cursor !== null) {
        const lines = this.#fromEntries();
        if (lines.length > 0) return pageOf(lines);
        continue;
      }
      if (!this.#follow) break;
      const live = this.#cross() ?? this.#fromLive();
      if (live) return pageOf(live);
      if (this.#cursor !== null) continue;
      if (this.#source.live.closed) break;
      await this.#source.live.wait(this.#nextPulse - performance.now(), (stop) => {
        this.#stopWaiting = stop;
      });
    }
    this.close();
    return undefined;
  }

  /** Ends the read; a `next` that waits resolves to undefined. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#source.closed();
    this.#stopWaiting?.();
  }

  #start(): string {
    return "key" in this.#scope ? this.#scope.key : this.#scope.prefix;
  }

  #isInScope(key: string): boolean {
    return "key" in this.#scope ? key === this.#scope.key : key.startsWith(this.#scope.prefix);
  }

  /** The lines of the next page of the pass. */
  #fromEntries(): string[] {
    const inclusive = this.#cursor === undefined;
    const rows = this.#source.page(this.#cursor ?? this.#start(), inclusive, PAGE_ROWS);
    const lines: string[] = [];
    let bytes = 0;
    for (const row of rows) {
      if (!this.#isInScope(row.key)) {
        this.#cursor = null;
        return lines;
      }
      // Values may be large, so this reads them one by one and stops when the page is full.
      if (bytes > PAGE_BYTES) return lines;
      this.#cursor = row.key;
      if (row.rev <= this.#above || row.rev > this.#upTo) continue;
      if (row.size === null && this.#above === "") continue;
      const line = this.#hasValues ? this.#changeOf(row.key) : infoLine(row);
      lines.push(line);
      bytes += line.length;
    }
    if (rows.length < PAGE_ROWS) this.#cursor = null;
    return lines;
  }

  #changeOf(key: string): string {
    const row = this.#source.row(key);
    // No write runs between the read of the page and this one.
    if (!row) throw new XsError("internal", "an entry disappeared while it was read");
    return changeLine(row);
  }

  #cross(): string[] | undefined {
    if (this.#crossed) return undefined;
    this.#crossed = true;
    this.#nextPulse = performance.now() + this.#pulse;
    return [this.#synthetic("stream.cross.threshold")];
  }

  #fromLive(): string[] | undefined {
    const { live } = this.#source;
    const lines: string[] = [];
    for (let size = 0; size < PAGE_BYTES && this.#batch < live.head; ) {
      const batch = live.batch(this.#batch);
      if (!batch) {
        this.#passAgain();
        return lines.length > 0 ? lines : undefined;
      }
      this.#batch++;
      this.#upTo = batch.lastId;
      for (const { topic, line } of batch.frames) {
        if (!this.#isInScope(topic)) continue;
        lines.push(this.#hasValues ? line : withoutValue(line));
        size += line.length;
      }
    }
    if (this.#batch === live.head && performance.now() >= this.#nextPulse) {
      lines.push(this.#synthetic("stream.cross.pulse"));
      this.#nextPulse = performance.now() + this.#pulse;
    }
    return lines.length > 0 ? lines : undefined;
  }

  /** Starts another pass, for the changes that the feed does not keep any more. */
  #passAgain(): void {
    this.#above = this.#upTo;
    this.#upTo = this.#source.newestId();
    this.#batch = this.#source.live.head;
    this.#cursor = undefined;
  }

  #synthetic(topic: string): string {
    return encodeSynthetic(this.#source.nextId(), topic);
  }
}

/** The JSON line of an entry without its value. */
function infoLine({ key, rev, type, size, writer }: ListedEntry): string {
  const by = writer !== null && { by: writer };
  if (size === null) return JSON.stringify({ key, rev, deleted: true, ...by });
  return JSON.stringify({ key, rev, size, type, ...by });
}

/** The line of a change, as a watch without values has it. */
function withoutValue(line: string): string {
  const { value: _, base64: __, ...rest } = JSON.parse(line) as Record<string, unknown>;
  return JSON.stringify(rest);
}
