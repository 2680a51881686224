import { changeLine } from "../core/entry.ts";
import { XsError } from "../core/error.ts";
import { encodeFrame } from "../core/frame.ts";
import type { LiveFeed } from "./live.ts";
import { infoLine, type KvInfoRow, type KvRow } from "./sqlite/kv/entry-row.ts";

/** One key, or all that begin with a prefix. */
export type KvScope = { readonly key: string } | { readonly prefix: string };

/** What a reader needs of the k/v store. */
export interface KvSource {
  readonly live: LiveFeed;
  /** Rows in the order of their keys. */
  page(from: string, inclusive: boolean, rows: number): KvInfoRow[];
  row(key: string): KvRow | undefined;
  /** The newest revision that may be given. */
  newestId(): string;
  nextId(): string;
  closed(): void;
}

const PAGE_BYTES = 256 * 1024;
const PAGE_ROWS = 1000;

/**
 * A listing or a watch in progress; it never holds more than a page. A watch goes through the pairs
 * once, sends its threshold, and then takes the changes that all watchers share. One that falls
 * behind what is kept of those goes through the pairs again, for what changed since: it gets the
 * newest state of every key, but not each one in between.
 */
export class KvReader {
  readonly #source: KvSource;
  readonly #scope: KvScope;
  readonly #follow: boolean;
  readonly #pulse: number;
  /** Revisions that a pass through the pairs gives: above the first, up to the second. */
  #above = "";
  #upTo: string;
  /** Where the pass is: at the scope's start, after a key, or through. */
  #cursor: string | null | undefined;
  #batch: number;
  #crossed = false;
  #nextPulse = Infinity;
  #closed = false;
  #stopWaiting: (() => void) | undefined;

  constructor(source: KvSource, scope: KvScope, options: { follow?: boolean; pulse?: number }) {
    this.#source = source;
    this.#scope = scope;
    this.#follow = options.follow ?? false;
    this.#pulse = options.pulse ?? Infinity;
    this.#upTo = source.newestId();
    this.#batch = source.live.head;
  }

  /** The reader knows of every change up to this revision. */
  get position(): string {
    return this.#cursor === null ? this.#upTo : this.#above;
  }

  /** The next lines as NDJSON, or undefined at the end. One call at a time. */
  async next(): Promise<Uint8Array | undefined> {
    while (!this.#closed) {
      if (this.#cursor !== null) {
        const lines = this.#fromPairs();
        if (lines.length > 0) return encode(lines);
        continue;
      }
      if (!this.#follow) break;
      const live = this.#cross() ?? this.#fromLive();
      if (live) return encode(live);
      if (this.#cursor !== null) continue;
      if (this.#source.live.closed) break;
      await this.#source.live.wait(this.#nextPulse - performance.now(), (stop) => {
        this.#stopWaiting = stop;
      });
    }
    this.close();
    return undefined;
  }

  /** Ends the read; a `next` that waits gives undefined. */
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

  /** A page of the pass. */
  #fromPairs(): string[] {
    const inclusive = this.#cursor === undefined;
    const rows = this.#source.page(this.#cursor ?? this.#start(), inclusive, PAGE_ROWS);
    const lines: string[] = [];
    let bytes = 0;
    for (const row of rows) {
      if (!this.#isInScope(row.key)) {
        this.#cursor = null;
        return lines;
      }
      // Values are read one by one, as some of them may be large.
      if (bytes > PAGE_BYTES) return lines;
      this.#cursor = row.key;
      if (row.rev <= this.#above || row.rev > this.#upTo) continue;
      if (row.size === null && this.#above === "") continue;
      const line = this.#follow ? this.#changeOf(row.key) : infoLine(row);
      lines.push(line);
      bytes += line.length;
    }
    if (rows.length < PAGE_ROWS) this.#cursor = null;
    return lines;
  }

  #changeOf(key: string): string {
    const row = this.#source.row(key);
    // Nothing can have removed it since its page was read.
    if (!row) throw new XsError("internal", "a pair went away while it was read");
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
      for (const { scopes, line } of batch.frames) {
        if (!this.#isInScope(scopes[0] ?? "")) continue;
        lines.push(line);
        size += line.length;
      }
    }
    if (this.#batch === live.head && performance.now() >= this.#nextPulse) {
      lines.push(this.#synthetic("stream.cross.pulse"));
      this.#nextPulse = performance.now() + this.#pulse;
    }
    return lines.length > 0 ? lines : undefined;
  }

  /** What was missed is not kept any more: look at all pairs for what is newer. */
  #passAgain(): void {
    this.#above = this.#upTo;
    this.#upTo = this.#source.newestId();
    this.#batch = this.#source.live.head;
    this.#cursor = undefined;
  }

  #synthetic(topic: string): string {
    return encodeFrame(this.#source.nextId(), {
      topic,
      hash: null,
      meta: "null",
      ttl: "ephemeral",
    });
  }
}

function encode(lines: readonly string[]): Uint8Array {
  return Buffer.from(`${lines.join("\n")}\n`);
}
