import { type IdSequence, packId, unpackId } from "../../../core/id.ts";

/**
 * The commits that are made but not synced, in their order. Readers are given nothing of them, and
 * ids of thresholds and pulses lie before them.
 */
export class CommitHorizon {
  readonly #ids: IdSequence;
  /** Each has an id between what was before it and what is in it. */
  readonly #commits: { readonly boundary: string; given: number }[] = [];

  constructor(ids: IdSequence) {
    this.#ids = ids;
  }

  /** Everything from this id on is not durable; undefined where all is. */
  get from(): string | undefined {
    return this.#commits[0]?.boundary;
  }

  /** Another commit begins. */
  begins(): void {
    this.#commits.push({ boundary: this.#ids.next(), given: 0 });
  }

  /** The oldest is durable now. */
  isDurable(): void {
    this.#commits.shift();
  }

  /** The newest will never be. */
  isRolledBack(): void {
    this.#commits.pop();
  }

  /** A new id above all that readers were given and below all that they were not. */
  idBelowHorizon(): string {
    const [commit] = this.#commits;
    if (!commit) return this.#ids.next();
    // The counters of the boundary are its own, so all its 32 random bits are free to count with.
    const node = (commit.given++).toString(16).padStart(8, "0");
    return packId({ ...unpackId(commit.boundary), node });
  }
}
