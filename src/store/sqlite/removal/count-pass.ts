import type { FrameRow } from "../log/frame-row.ts";
import { afterRow, type LogPart } from "../log/topic-rows.ts";
import { BATCH_ROWS, Candidates } from "./candidates.ts";
import type { Pass, PassParts, PassScope, Progress } from "./pass.ts";
import { Taker } from "./taker.ts";

/** A topic that has more frames than a rule keeps. */
interface Excess {
  readonly name: string;
  /** The frames at which is still to be looked. */
  left: number;
  /** Those after the ones at which was looked. */
  part: LogPart;
}

/** Leaves the newest frames of each topic, up to a count: of the topics to which frames came since an earlier pass. */
export class CountPass implements Pass {
  readonly #parts: PassParts;
  readonly #count: number;
  readonly taker: Taker;
  readonly progress: Progress;
  readonly #names: Generator<readonly string[], void>;
  readonly #part: LogPart;
  readonly #excesses: Excess[] = [];
  #isNamed = false;

  constructor(
    parts: PassParts,
    { topics, count, since, ends, needed }: PassScope & { readonly count: number },
  ) {
    this.#parts = parts;
    this.#count = count;
    this.taker = new Taker(parts, { topics, needed });
    // Nothing newer goes: the runtime may need it.
    this.#part = { after: 0, end: ends.seq, lateAfter: "", lateBelow: "~", lateEnd: ends.late };
    this.progress = { seq: ends.seq, lateSeq: ends.late, lateId: "" };
    const news = { ...this.#part, after: since.seq };
    this.#names = new Candidates(parts, topics).topicsIn(news, since.lateSeq);
  }

  next(): ReturnType<Pass["next"]> {
    if (this.#excesses.length === 0 && !this.#isNamed) this.#nameMore();
    const taken: FrameRow[] = [];
    for (let budget = BATCH_ROWS; budget > 0; ) {
      const excess = this.#excesses.at(-1);
      if (!excess) return { rows: taken, isLast: this.#isNamed };
      const rows = this.#oldest(excess, budget);
      for (const row of rows) if (this.taker.fateOf(row) === "taken") taken.push(row);
      budget -= Math.max(1, rows.length);
      if (rows.length === 0 || excess.left <= 0) this.#excesses.pop();
    }
    return { rows: taken, isLast: false };
  }

  #nameMore(): void {
    const { value: names = [], done } = this.#names.next();
    this.#isNamed = done === true;
    const { topics } = this.#parts;
    for (const name of names) {
      const topic = topics.find(name);
      const left = topic === undefined ? 0 : topics.frames(topic) - this.#count;
      if (left > 0) this.#excesses.push({ name, left, part: this.#part });
    }
  }

  /** The oldest frames of a topic that are too many, and at which was not looked. */
  #oldest(excess: Excess, most: number): readonly FrameRow[] {
    const topic = this.#parts.topics.find(excess.name);
    if (topic === undefined) return [];
    const rows = this.#parts.rows.oldest(topic, Math.min(most, excess.left), excess.part);
    for (const row of rows) excess.part = afterRow(excess.part, row);
    excess.left -= rows.length;
    return rows;
  }
}
