import { firstIdAt } from "../../../core/id.ts";
import type { FrameRow } from "../log/frame-row.ts";
import { Candidates } from "./candidates.ts";
import type { Pass, PassParts, PassScope, Progress } from "./pass.ts";
import { Taker } from "./taker.ts";

/** Removes the frames of some topics that are older than an age, and at which no earlier pass has looked. */
export class AgePass implements Pass {
  readonly #batches: Generator<readonly FrameRow[], void>;
  readonly taker: Taker;
  readonly progress: Progress;

  /** @param age in ms */
  constructor(
    parts: PassParts,
    { topics, age, since, ends, needed }: PassScope & { readonly age: number },
  ) {
    // The system's clock: where it was set back, rules wait.
    const below = firstIdAt(Math.max(0, parts.clock.real() - age));
    const end = Math.min(ends.seq, parts.search.firstFrom(below) - 1);
    // A late frame may be below those at which the last pass has looked.
    const lateAfter = ends.late < since.lateSeq ? "" : since.lateId;
    this.taker = new Taker(parts, { topics, below, needed });
    this.#batches = new Candidates(parts, topics).in({
      after: since.seq,
      end,
      lateAfter,
      lateBelow: below,
      lateEnd: ends.late,
    });
    this.progress = { seq: Math.max(end, since.seq), lateSeq: ends.late, lateId: below };
  }

  next(): ReturnType<Pass["next"]> {
    const { value: rows = [], done = false } = this.#batches.next();
    return { rows: rows.filter((row) => this.taker.fateOf(row) === "taken"), isLast: done };
  }
}
