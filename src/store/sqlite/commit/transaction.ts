import type { AnswerEffect, CommitRecord, Effect, RemovalEffect } from "./record.ts";

/** What puts effects into the tables. */
export interface Applier {
  /** Applies the effects of a record from the one with this number on, inside a transaction of the database. */
  apply(effects: readonly Effect[], from: number): void;
}

/**
 * A commit in the making: its record, and how much of that is in the tables. It is passed down to the log, the
 * key/value entries and the content, which add their effects. The tables get them when somebody has to read, and
 * otherwise all at once at the end: rows that come together are cheaper.
 */
export class Transaction {
  readonly record: CommitRecord & { readonly effects: Effect[] } = { version: 1, effects: [] };
  readonly #applier: Applier;
  /** Made where they are needed: most commits free nothing and answer nothing. */
  #freed: Set<string> | undefined;
  #keys: Set<string> | undefined;
  #applied = 0;
  /** Whether it gave an id that no frame keeps, which has to be written down. */
  usesIds = false;
  /** The content of ephemeral frames, which goes into no table. */
  readonly ephemeral: { readonly hash: string; readonly bytes: Uint8Array }[] = [];
  /** What it appends, for metrics: frames, their bytes, and those of their content. */
  readonly appended = { frames: 0, bytes: 0, contentBytes: 0 };

  constructor(applier: Applier) {
    this.#applier = applier;
  }

  add(effect: Effect): void {
    this.record.effects.push(effect);
  }

  /**
   * Adds the removal of a frame. Its id is not given again, even where no frame above it is left.
   *
   * @param newest the newest id of a frame
   */
  remove(removal: Omit<RemovalEffect, "kind">, newest: string): void {
    if (removal.id >= newest) this.usesIds = true;
    this.add({ kind: "remove", ...removal });
  }

  /** Whether the tables have any of its effects. */
  get isSettled(): boolean {
    return this.#applied > 0;
  }

  /** Adds what is answered when a write with this Idempotency-Key comes again. */
  answer(answer: Omit<AnswerEffect, "kind">): void {
    this.#keys ??= new Set();
    this.#keys.add(answer.key);
    this.add({ kind: "answer", ...answer });
  }

  /** Whether it says what the answer to an Idempotency-Key is, which is in the tables once it is settled. */
  answers(key: string): boolean {
    return this.#keys?.has(key) ?? false;
  }

  /** Adds that content goes to which nothing refers. */
  free(hashes: readonly string[]): void {
    this.#freed ??= new Set();
    for (const hash of hashes) this.#freed.add(hash);
    this.add({ kind: "freed", hashes });
  }

  /** Whether it takes a content away, so that a write after it must not count on that. */
  frees(hash: string): boolean {
    return this.#freed?.has(hash) ?? false;
  }

  /** Brings the tables to the state that this commit has so far. Call it before a read that must see that. */
  settle(): void {
    const { effects } = this.record;
    if (this.#applied === effects.length) return;
    const from = this.#applied;
    this.#applied = effects.length;
    this.#applier.apply(effects, from);
  }
}
