import { digestOf, hashesIn } from "../../../core/hash.ts";
import { firstIdAt } from "../../../core/id.ts";
import { takesProcessors } from "../../../core/taken-topics.ts";
import type { ForgetRequest, Forgotten } from "../../removal.ts";
import type { Transaction } from "../commit/transaction.ts";
import type { Parts } from "../parts.ts";
import { Candidates, type CandidatesParts } from "./candidates.ts";
import { rest } from "./rest.ts";
import { Taker } from "./taker.ts";

/** What forgetting uses. */
export interface ForgetUses extends Pick<CandidatesParts, "db"> {
  readonly parts: Parts;
  write<T>(run: (transaction: Transaction) => T): Promise<T>;
  /** Runs a read. Throws its failure as an XsError. */
  guard<T>(run: () => T): T;
  /** The size of a content in bytes; undefined where there is none. */
  sizeOf(hash: string): number | undefined;
}

/**
 * Removes the frames of some topics that are there when it begins, in steps of one commit each, and yields the counts
 * after each. A caller that asks for no further step ends it there.
 *
 * @throws XsError
 */
export async function* forget(
  uses: ForgetUses,
  { topics, until, needed, dryRun = false }: ForgetRequest,
): AsyncGenerator<Readonly<Forgotten>> {
  const { parts, write, guard } = uses;
  const below = until === undefined ? undefined : firstIdAt(until);
  // What comes from now on is not taken. What the runtime needs is looked up after that.
  const part = guard(() => {
    const { seq: end, late: lateEnd } = parts.search.ends;
    const first = below === undefined ? end : parts.search.firstFrom(below) - 1;
    return {
      after: 0,
      end: Math.min(end, first),
      lateAfter: "",
      lateBelow: below ?? "~",
      lateEnd,
    };
  });
  const taken = {
    topics,
    below,
    needed: takesProcessors(topics) ? await needed?.() : undefined,
    tombstone: parts.clock.now(),
  };
  const taker = new Taker(parts, taken);
  const batches = new Candidates({ ...parts, db: uses.db }, topics).in(part);
  const done: Forgotten = { frames: 0, kept: 0, damaged: 0 };
  const contents = dryRun ? new Contents(uses, done) : undefined;
  for (let isOver = false; !isOver; ) {
    const start = performance.now();
    const { value: rows = [], done: isLast = false } = guard(() => batches.next());
    const fates = guard(() => rows.map((row) => taker.fateOf(row)));
    const gone = rows.filter((_, at) => fates[at] === "taken");
    if (contents) for (const { line } of gone) contents.add(line);
    else if (gone.length > 0) await write((transaction) => taker.remove(transaction, gone));
    done.frames += gone.length;
    for (const fate of fates) if (fate === "kept" || fate === "damaged") done[fate]++;
    isOver = isLast;
    yield done;
    await rest(performance.now() - start);
  }
}

/** Counts the contents that frames name, each once. */
class Contents {
  readonly #uses: Pick<ForgetUses, "sizeOf">;
  readonly #done: Forgotten;
  /** 48 bits of each hash: two of a million contents share them once in hundreds of times. */
  readonly #seen = new Set<number>();

  constructor(uses: Pick<ForgetUses, "sizeOf">, done: Forgotten) {
    this.#uses = uses;
    this.#done = done;
    done.contents = 0;
    done.bytes = 0;
  }

  add(line: string): void {
    for (const hash of hashesIn(line)) {
      const key = digestOf(hash).readUIntBE(0, 6);
      if (this.#seen.has(key)) continue;
      this.#seen.add(key);
      const size = this.#uses.sizeOf(hash);
      if (size === undefined) continue;
      this.#done.contents = (this.#done.contents ?? 0) + 1;
      this.#done.bytes = (this.#done.bytes ?? 0) + size;
    }
  }
}
