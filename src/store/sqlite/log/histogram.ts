import type { Database } from "bun:sqlite";
import { firstIdAt } from "../../../core/id.ts";
import { nextTurn } from "../../../lib/next-turn.ts";
import type { HistogramRange } from "../../types.ts";
import type { FrameSearch } from "./frame-search.ts";
import type { Selector } from "./selection.ts";
import type { Topics } from "./topics.ts";

/** How long the counting may hold the event loop, in ms. */
const TURN_MS = 4;
/** Where a topic has more frames a step than this, SQLite counts each step; else its rows are read once. */
const FEW = 20;
/** How many rows are read at once. */
const PART = 2000;

/** What the counting uses. */
interface HistogramParts {
  readonly search: FrameSearch;
  readonly topics: Topics;
  readonly selector: Selector;
}

/**
 * Counts frames by their times, by the index of topics: it reads no frame. It works in turns, so that a server goes on
 * meanwhile. A frame that has expired counts until its row is removed.
 */
export class Histogram {
  readonly #parts: HistogramParts;
  readonly #sql: ReturnType<typeof statements>;

  constructor(db: Database, parts: HistogramParts) {
    this.#parts = parts;
    this.#sql = statements(db);
  }

  /**
   * Counts the frames of each step.
   *
   * @param guard runs a read, and throws its failure as an XsError
   * @throws the reason of the signal
   */
  async count(
    { topics: filter, since, step, steps }: HistogramRange,
    guard: <T>(run: () => T) => T,
    signal: AbortSignal,
  ): Promise<number[]> {
    const { search, topics, selector } = this.#parts;
    const counts = new Array<number>(steps).fill(0);
    const add = (at: number, frames: number) => {
      counts[at] = (counts[at] ?? 0) + frames;
    };
    const turns = new Turns(signal);
    const bounds: number[] = [];
    for (let at = 0; at <= steps; at++) {
      bounds.push(guard(() => search.firstFrom(firstIdAt(since + at * step))));
      await turns.pause();
    }
    const numbers = guard(() => selector.numbersOf(filter));
    for (const topic of numbers) {
      const isLarge = topics.frames(topic) > FEW * steps;
      const parts = isLarge ? this.#counted(topic, bounds) : this.#read(topic, bounds);
      for (let part = guard(() => parts.next()); !part.done; part = guard(() => parts.next())) {
        for (const [at, frames] of part.value) add(at, frames);
        await turns.pause();
      }
      if (!search.hasLate) continue;
      for (const ms of guard(() => this.#late(topic, since, since + step * steps))) {
        add(Math.floor((ms - since) / step), 1);
      }
      await turns.pause();
    }
    return counts;
  }

  /** Lets SQLite count each step. */
  *#counted(topic: number, bounds: readonly number[]): Generator<readonly StepCount[]> {
    for (let at = 0; at + 1 < bounds.length; at++) {
      const [low = 0, high = 0] = bounds.slice(at, at + 2);
      if (low >= high) continue;
      const { frames } = this.#sql.count.get(topic, low, high) as { frames: number };
      yield [[at, frames]];
    }
  }

  /** Reads the rows of all steps. */
  *#read(topic: number, bounds: readonly number[]): Generator<readonly StepCount[]> {
    const end = bounds.at(-1) ?? 0;
    for (let next = bounds[0] ?? 0; next < end; ) {
      const rows = this.#sql.rows.values(topic, next, end, PART) as [number][];
      yield rows.map(([seq]) => [stepOf(bounds, seq), 1] as const);
      next = rows.length < PART ? end : (rows.at(-1)?.[0] ?? end) + 1;
    }
  }

  /** The times of late frames. */
  #late(topic: number, since: number, until: number): number[] {
    const rows = this.#sql.late.values(topic, firstIdAt(since), firstIdAt(until)) as [number][];
    return rows.map(([ms]) => ms);
  }
}

/** A step, and how many frames more it has. */
type StepCount = readonly [at: number, frames: number];

/** Lets the event loop run now and then. */
class Turns {
  readonly #signal: AbortSignal;
  #since = performance.now();

  constructor(signal: AbortSignal) {
    this.#signal = signal;
  }

  async pause(): Promise<void> {
    if (performance.now() - this.#since < TURN_MS) return;
    await nextTurn();
    this.#signal.throwIfAborted();
    this.#since = performance.now();
  }
}

/** The step of a row: the last whose first row is not behind it. */
function stepOf(bounds: readonly number[], seq: number): number {
  let low = 0;
  let high = bounds.length - 2;
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if ((bounds[middle] ?? 0) <= seq) low = middle;
    else high = middle - 1;
  }
  return low;
}

function statements(db: Database) {
  return {
    count: db.query(
      "SELECT count(*) AS frames FROM by_topic WHERE topic = ? AND seq >= ? AND seq < ?",
    ),
    rows: db.query(
      "SELECT seq FROM by_topic WHERE topic = ? AND seq >= ? AND seq < ? ORDER BY seq LIMIT ?",
    ),
    late: db.query("SELECT ms FROM late WHERE topic = ? AND id >= ? AND id < ?"),
  };
}
