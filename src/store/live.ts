import { pageOf } from "../core/frame.ts";
import { keysOf } from "../core/index-keys.ts";
import type { TopicFilter } from "../core/pattern.ts";

/** A frame, or a change of a key/value entry, as live readers get it. */
export interface LiveFrame {
  readonly id: string;
  /** The topic of the frame, or the key of the entry. */
  readonly topic: string;
  /** The JSON line, without its newline. */
  readonly line: string;
  /** When the frame expires, in ms since 1970; null for never. */
  readonly expires: number | null;
  /** Of a frame that arrived late: the id of the frame that reports it. */
  readonly position?: string | undefined;
}

/** Frames of one commit and, if they arrived late, of one position, with the bytes that all unfiltered readers share. */
class LiveBatch {
  readonly frames: readonly LiveFrame[];
  readonly lastId: string;
  /** The position of late frames; undefined for others. */
  readonly position: string | undefined;
  readonly size: number;
  /** When the first of the frames expires, in ms since 1970; Infinity if none does. */
  readonly expires: number;
  #bytes: Uint8Array | undefined;
  /** The keys of each frame, once a reader selects by them. */
  #keys: readonly string[][] | undefined;

  constructor(frames: readonly LiveFrame[]) {
    this.frames = frames;
    this.lastId = frames.at(-1)?.id ?? "";
    this.position = frames.at(-1)?.position;
    this.size = frames.reduce((sum, frame) => sum + frame.line.length + 1, 0);
    this.expires = frames.reduce((min, f) => Math.min(min, f.expires ?? Infinity), Infinity);
  }

  /** All frames as NDJSON, encoded once. */
  get bytes(): Uint8Array {
    this.#bytes ??= pageOf(this.frames.map((frame) => frame.line));
    return this.#bytes;
  }

  /** The lowest id: the frames of a batch are in the order of ids. */
  get firstId(): string {
    return this.frames[0]?.id ?? "";
  }

  /**
   * The lines of at most `most` frames that a reader wants, of any topic if it names none, and that live at `now`.
   *
   * @param from the lowest id that it wants
   */
  matching(wanted: TopicFilter | undefined, now: number, most: number, from?: string): string[] {
    const lines: string[] = [];
    if (wanted) this.#keys ??= this.frames.map(({ topic, line }) => keysOf(topic, line));
    for (const [at, { id, line, expires }] of this.frames.entries()) {
      if (lines.length >= most) break;
      if (from !== undefined && id < from) continue;
      if (wanted && !wanted.takesScopes(this.#keys?.[at] ?? [])) continue;
      if (expires === null || expires > now) lines.push(line);
    }
    return lines;
  }
}

/** Bytes of recent commits that the feed keeps for readers that lag a little. */
const RING_BYTES = 4 * 1024 * 1024;

/** Readers that the feed wakes in one turn of the event loop. */
const WAKES_A_TURN = 100;

/** A reader that waits because it has taken every batch. */
interface Waiter {
  /** The number of the batch it waits for. */
  readonly seq: number;
  done(): void;
}

/**
 * The newest commits, which all live readers share. A reader keeps only the number of its next batch. A reader that
 * needs a batch which the feed has dropped reads from the store again.
 */
export class LiveFeed {
  #batches: LiveBatch[] = [];
  #first = 0;
  #size = 0;
  /** In the order in which they began to wait, which is the order of the batches they wait for. */
  readonly #waiting = new Set<Waiter>();
  #isWaking = false;
  #closed = false;

  /** The batch number of the next commit. */
  get head(): number {
    return this.#first + this.#batches.length;
  }

  get closed(): boolean {
    return this.#closed;
  }

  /** Publishes the frames of a commit, in the order of arrival. */
  publish(frames: readonly LiveFrame[]): void {
    for (const batch of batchesOf(frames)) {
      this.#batches.push(batch);
      this.#size += batch.size;
    }
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

  /** The batch with a number; undefined where the feed has dropped it, or does not have it yet. */
  batch(seq: number): LiveBatch | undefined {
    return this.#batches[seq - this.#first];
  }

  /**
   * Waits for the next commit or close.
   *
   * @param ms the longest wait; Infinity for no limit
   * @param stoppable receives a function that ends the wait
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
   * Wakes the readers whose batch has come, some in each turn of the event loop: the writer need not wait for all of
   * them, and a reader that wakes later takes all batches since then in one piece.
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
      if (woken++ === WAKES_A_TURN) {
        setImmediate(() => this.#wakeSome());
        return;
      }
      done();
    }
    this.#isWaking = false;
  }
}

/** One batch for a commit, or for each of its parts with frames of one position. */
function batchesOf(frames: readonly LiveFrame[]): LiveBatch[] {
  const batches: LiveBatch[] = [];
  for (let start = 0; start < frames.length; ) {
    const { position } = frames[start] as LiveFrame;
    let end = start + 1;
    while (end < frames.length && frames[end]?.position === position) end++;
    batches.push(
      new LiveBatch(start === 0 && end === frames.length ? frames : frames.slice(start, end)),
    );
    start = end;
  }
  return batches;
}
