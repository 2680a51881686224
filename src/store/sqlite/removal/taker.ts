import { idInLine } from "../../../core/frame.ts";
import { topicInLine } from "../../../core/index-keys.ts";
import { firstChunkOf } from "../../../core/links.ts";
import { type TakenTopics, takerOf } from "../../../core/taken-topics.ts";
import { processorEvent } from "../../../core/topic.ts";
import type { Transaction } from "../commit/transaction.ts";
import { type FrameRow, isSound } from "../log/frame-row.ts";
import type { FrameSearch } from "../log/frame-search.ts";
import type { Growing } from "../log/growing.ts";

/** What becomes of a row: it is another frame than its table says, or damaged, or stays, or goes. */
export type Fate = "other" | "damaged" | "kept" | "taken";

/** What a taker needs of a store. */
export interface TakerParts {
  readonly search: FrameSearch;
  readonly growing: Growing;
}

/** Which frames are taken. */
export interface Taken {
  readonly topics: TakenTopics;
  /** Only frames with ids below this one. */
  readonly below?: string | undefined;
  /** The spawns, and requests to end one, that the runtime needs; undefined where that is unknown: then all stay. */
  readonly needed?: ReadonlySet<string> | undefined;
  /** In ms, where a user removes them: an import must not bring them back. */
  readonly tombstone?: number | undefined;
}

/** The events of a processor after which its spawn does not run any more, or runs in another way, with the next start. */
const ANSWERS = new Set(["active", "invalid", "finished", "failed", "terminated", "replaced"]);

/**
 * Takes frames out of the log, and leaves what must stay: chunks of content that still grows, spawns that the runtime
 * needs, and the answers to a spawn as long as that is there (without its end it would run again).
 */
export class Taker {
  readonly #parts: TakerParts;
  readonly #taken: Taken;
  readonly #takes: (topic: string) => boolean;
  /** The spawns that are taken. */
  readonly #spawns = new Set<string>();
  /** The first ids of contents of which a chunk stayed because they grow, each with the lowest `seq` of one. */
  readonly grew = new Map<string, number>();

  constructor(parts: TakerParts, taken: Taken) {
    this.#parts = parts;
    this.#taken = taken;
    this.#takes = takerOf(taken.topics);
  }

  /**
   * Tells what becomes of a row. Rows come in the order in which they go: an answer may go when its spawn is taken. A frame
   * that is not growing, or needed, now is neither later.
   */
  fateOf(row: FrameRow): Fate {
    // A damaged line may be that of another frame.
    if (!isSound(row)) return "damaged";
    const { below } = this.#taken;
    const id = idInLine(row.line);
    const topic = topicInLine(row.line);
    if (!this.#takes(topic) || (below !== undefined && id >= below)) return "other";
    return this.#grows(id, row) || this.#isNeeded(topic, id, row.line) ? "kept" : "taken";
  }

  /** Removes rows that are taken, inside a write. */
  remove(transaction: Transaction, rows: readonly FrameRow[]): void {
    const { tombstone } = this.#taken;
    const { newest } = this.#parts.search;
    for (const { seq, line } of rows) {
      const id = idInLine(line);
      transaction.remove({ id, seq, ...(tombstone !== undefined && { tombstone }) }, newest);
    }
  }

  #grows(id: string, { seq, line }: FrameRow): boolean {
    if (!line.includes('"chunk":{')) return false;
    const first = firstChunkOf(line) ?? id;
    if (!this.#parts.growing.has(first)) return false;
    this.grew.set(first, Math.min(seq, this.grew.get(first) ?? seq));
    return true;
  }

  #isNeeded(topic: string, id: string, line: string): boolean {
    const event = processorEvent(topic);
    if (event === undefined) return false;
    if (event === "spawn" || event === "terminate") {
      const { needed } = this.#taken;
      if (!needed || needed.has(id)) return true;
      this.#spawns.add(id);
      return false;
    }
    if (!ANSWERS.has(event)) return false;
    const spawn = /"spawn_id":"([0-9a-z]{25})"/.exec(line)?.[1];
    if (spawn === undefined || this.#spawns.has(spawn)) return false;
    return this.#parts.search.find(spawn) !== undefined;
  }
}
