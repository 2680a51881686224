import { firstIdAt, type IdSequence, successor } from "../../../core/id.ts";
import { later } from "../../../core/place.ts";
import type { Ends } from "../../read-source.ts";

const LOWEST_ID = firstIdAt(0);

/**
 * The commits that are made but not synced, in their order. Readers see nothing of them, and ids of thresholds and
 * pulses lie before them.
 */
export class CommitHorizon {
  readonly #ids: IdSequence;
  readonly #commits: { readonly newest: string; readonly ends: Ends }[] = [];
  /** The newest id that was counted up from the newest before a commit. */
  #counted = "";
  /** The newest id of the records that are applied; undefined where the store is not replicated. */
  #applied: string | undefined;

  constructor(ids: IdSequence) {
    this.#ids = ids;
  }

  /** Where the tables ended before the first commit that is not durable; undefined where all is. */
  get visible(): Ends | undefined {
    return this.#commits[0]?.ends;
  }

  /** The newest id before that commit; undefined where all is durable. */
  get newestVisible(): string | undefined {
    return this.#commits[0]?.newest ?? this.#applied;
  }

  /**
   * A record of a replicated store is applied: its tables have durable records alone. Ids that this node makes up for
   * its readers count from there, whatever its clock says: those of the next record, of any node, are above them.
   *
   * @param newest the newest id that the store has given with it
   */
  applied(newest: string): void {
    this.#applied = newest || LOWEST_ID;
  }

  /** Another commit begins. @param ends of the tables before it */
  begins(ends: Ends): void {
    // To a new id, the frames of the first commit that have passed times would be late.
    const newest = this.#ids.newest || LOWEST_ID;
    // The ids of the commit begin far enough above it to count up from it.
    this.#ids.skip();
    this.#commits.push({ newest, ends });
  }

  /** The oldest is durable now. */
  isDurable(): void {
    this.#commits.shift();
  }

  /** The newest will never be. */
  isRolledBack(): void {
    this.#commits.pop();
  }

  /** A new id above all that readers have and below all that they do not have yet. */
  idBelowHorizon(): string {
    const newest = this.newestVisible;
    if (newest === undefined) return this.#ids.next();
    this.#counted = successor(later(this.#counted, newest));
    return this.#counted;
  }
}
