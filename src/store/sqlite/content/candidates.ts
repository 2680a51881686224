import type { Database } from "bun:sqlite";
import { isHash } from "../../../core/hash.ts";
import type { Staged } from "./staging.ts";

/**
 * The content that the collector is to look at, because it lost a reference or may never get one. That of files is in
 * the table `gc_candidates`; of staged content its row tells. Call what writes inside a commit.
 */
export class Candidates {
  readonly #sql: ReturnType<typeof statements>;
  readonly #staged: Staged;

  constructor(db: Database, staged: Staged) {
    this.#sql = statements(db);
    this.#staged = staged;
  }

  /** Adds content that lost a reference. Staged content becomes a candidate only with its last one. */
  release(hashes: readonly string[]): void {
    // A row here for staged content would be a write at a random place.
    for (const hash of hashes) if (!this.#staged.dropUse(hash)) this.#sql.add.run(hash);
  }

  /** Adds content, or a hash whose content is about to come. */
  add(hashes: readonly string[]): void {
    for (const hash of hashes) this.#sql.add.run(hash);
  }

  /** Drops what {@link add} added. */
  drop(hashes: readonly string[]): void {
    for (const hash of hashes) this.#sql.drop.run(hash);
  }

  has(hash: string): boolean {
    return this.#staged.isUnused(hash) || this.#sql.has.get(hash) !== null;
  }

  /** All staged ones, and up to `most` others. Skips a damaged hash, which a check reports. */
  list(most = -1): string[] {
    const rows = this.#sql.list.all(most) as { hash: string }[];
    return [...this.#staged.unused(), ...rows.map(({ hash }) => hash).filter(isHash)];
  }
}

function statements(db: Database) {
  return {
    add: db.query("INSERT OR IGNORE INTO gc_candidates (hash) VALUES (?)"),
    drop: db.query("DELETE FROM gc_candidates WHERE hash = ?"),
    has: db.query("SELECT 1 FROM gc_candidates WHERE hash = ?"),
    list: db.query("SELECT hash FROM gc_candidates LIMIT ?"),
  };
}
