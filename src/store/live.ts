import { matchesKeys } from "../core/pattern.ts";

/** A frame, or a change of the k/v store, as live readers get it. */
export interface LiveFrame {
  readonly id: string;
  /** What it is found under: a frame's scopes, a pair's key. */
  readonly scopes: readonly string[];
  /** The JSON line, without its newline. */
  readonly line: string;
  readonly expires: number | null;
}

/** Frames of one commit, with the bytes that all unfiltered readers share. */
export class LiveBatch {
  readonly frames: readonly LiveFrame[];
  readonly lastId: string;
  readonly size: number;
  /** When the first of the frames expires; Infinity if none does. */
  readonly expires: number;
  #bytes: Uint8Array | undefined;

  constructor(frames: readonly LiveFrame[]) {
    this.frames = frames;
    this.lastId = frames.at(-1)?.id ?? "";
    this.size = frames.reduce((sum, frame) => sum + frame.line.length + 1, 0);
    this.expires = frames.reduce((min, f) => Math.min(min, f.expires ?? Infinity), Infinity);
  }

  /** All frames as NDJSON, encoded once. */
  get bytes(): Uint8Array {
    this.#bytes ??= Buffer.from(`${this.frames.map((frame) => frame.line).join("\n")}\n`);
    return this.#bytes;
  }

  /** The lines of at most `most` frames that a reader wants, of any topic if it names none, and that live at `now`. */
  matching(wanted: ReadonlySet<string> | undefined, now: number, most: number): string[] {
    const lines: string[] = [];
    for (const { scopes, line, expires } of this.frames) {
      if (lines.length >= most) break;
      if (wanted && !matchesKeys(wanted, scopes)) continue;
      if (expires === null || expires > now) lines.push(line);
    }
    return lines;
  }
}

/** Bytes of recent commits that are kept for readers that lag a little. */
const RING_BYTES = 4 * 1024 * 1024;

/** Readers that are woken in one turn of the event loop. */
const WAKE_AT_ONCE = 100;

/** A reader that has had all. */
interface Waiter {
  /** The batch it waits for. */
  readonly seq: number;
  done(): void;
}

/**
 * The newest commits, shared by all live readers. A reader keeps only the number of the next batch
 * it wants; one that falls behind what is kept here goes back to reading from the store.
 */
export class LiveFeed {
  #batches: LiveBatch[] = [];
  #first = 0;
  #size = 0;
  /** In the order in which they began to wait, so those that wait for less come first. */
  readonly #waiting = new Set<Waiter>();
  #isWaking = false;
  #closed = false;

  /** The number of the batch that the next commit will get. */
  get head(): number {
    return this.#first + this.#batches.length;
  }

  get closed(): boolean {
    return this.#closed;
  }

  publish(frames: readonly LiveFrame[]): void {
    const batch = new LiveBatch(frames);
    this.#batches.push(batch);
    this.#size += batch.size;
    let drop = 0;
    while (this.#size > RING_BYTES && drop < this.#batches.length - 1) {
      this.#size -= this.#batches[drop++]?.size ?? 0;
    }
    if (drop > 0) {
      this.#batches.splice(0, drop);
      this.#first += drop;
    }
    this.#wake();
  }

  /** Batch number `seq`; undefined when it is not there any more, or not yet. */
  batch(seq: number): LiveBatch | undefined {
    return this.#batches[seq - this.#first];
  }

  /**
   * Waits for the next commit or close, for `ms` at most, or until the function that `stoppable` is
   * given is called.
   */
  wait(ms: number, stoppable: (stop: () => void) => void): Promise<void> {
    return new Promise((resolve) => {
      let timer: ReturnType<typeof setTimeout> | undefined;
      const done = () => {
        clearTimeout(timer);
        this.#waiting.delete(waiter);
        resolve();
      };
      const waiter = { seq: this.head, done };
      this.#waiting.add(waiter);
      stoppable(done);
      if (ms !== Infinity) timer = setTimeout(done, Math.max(0, ms));
    });
  }

  close(): void {
    this.#closed = true;
    this.#wake();
  }

  /**
   * Wakes those that wait for what is there, some in each turn of the event loop: a writer does not
   * wait for all of them, and one that is woken later takes all that came meanwhile in one piece.
   */
  #wake(): void {
    if (this.#isWaking) return;
    this.#isWaking = true;
    this.#wakeSome();
  }

  #wakeSome(): void {
    let woken = 0;
    for (const { seq, done } of this.#waiting) {
      if (seq >= this.head && !this.#closed) break;
      if (woken++ === WAKE_AT_ONCE) {
        setImmediate(() => this.#wakeSome());
        return;
      }
      done();
    }
    this.#isWaking = false;
  }
}
