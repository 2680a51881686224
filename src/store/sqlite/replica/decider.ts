import type { Database } from "bun:sqlite";
import { XsError } from "../../../core/error.ts";
import type { Outcome, Write } from "../commit/commits.ts";
import type { Effect } from "../commit/record.ts";
import type { Transaction } from "../commit/transaction.ts";
import { effectSize } from "./effect-size.ts";

/** The functions that a decision calls. */
export interface DecisionHooks {
  /** Called when the effects of some writes are to be decided, inside a transaction that is rolled back. */
  begins(): Transaction;
  /** Called last inside that transaction. */
  decided(transaction: Transaction): void;
  /** Called when that transaction is rolled back. */
  undone(transaction: Transaction): void;
  /** Called when it failed and was rolled back, with the reason. Returns the store's own error. */
  applyFailed(error: Error): Error;
}

/** What some writes come to. */
export interface Decided {
  readonly transaction: Transaction;
  readonly outcomes: readonly (readonly [Write, Outcome])[];
  /**
   * One of them is answered with what others have written: that there is no such frame, or another revision. That is
   * true only if this node is not out of date, which a record shows that goes into the journal.
   */
  readonly needsProof: boolean;
}

/** Decides the effects of writes, in a transaction that it rolls back. */
export class Decider {
  readonly #db: Database;
  readonly #hooks: DecisionHooks;
  readonly #begin: ReturnType<Database["query"]>;
  readonly #rollback: ReturnType<Database["query"]>;

  constructor(db: Database, hooks: DecisionHooks) {
    this.#db = db;
    this.#hooks = hooks;
    this.#begin = db.query("BEGIN");
    this.#rollback = db.query("ROLLBACK");
  }

  /**
   * Takes writes off a queue until their effects have a size, in bytes. Rejects all that it took, and returns undefined,
   * if one of them fails.
   */
  decide(writes: Write[], size: number): Decided | undefined {
    const hooks = this.#hooks;
    const outcomes: [Write, Outcome][] = [];
    const transaction = hooks.begins();
    const { effects } = transaction.record;
    const taken: Write[] = [];
    let needsProof = false;
    let room = size;
    try {
      this.#begin.run();
      while (writes.length > 0 && room > 0) {
        const write = writes.shift() as Write;
        taken.push(write);
        const before = effects.length;
        const outcome = outcomeOf(write, transaction);
        outcomes.push([write, outcome]);
        if (effects.length === before) needsProof = true;
        for (const effect of effects.slice(before)) room -= effectSize(effect as Effect);
      }
      hooks.decided(transaction);
    } catch (error) {
      this.#undo(transaction);
      const failure = hooks.applyFailed(error as Error);
      for (const write of taken) write.reject(failure);
      return undefined;
    }
    this.#undo(transaction);
    return { transaction, outcomes, needsProof };
  }

  #undo(transaction: Transaction): void {
    if (this.#db.inTransaction) this.#rollback.run();
    this.#hooks.undone(transaction);
  }
}

function outcomeOf(write: Write, transaction: Transaction): Outcome {
  try {
    return { value: write.run(transaction) };
  } catch (error) {
    if (error instanceof XsError) return { refusal: error };
    throw error;
  }
}
