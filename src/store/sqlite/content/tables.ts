import type { Database } from "bun:sqlite";
import { Candidates } from "./candidates.ts";
import { EphemeralContent } from "./ephemeral.ts";
import { References } from "./references.ts";
import { Staged } from "./staging.ts";

/**
 * The part of the content that commits write: small content, the candidates of the collector, and what a collection
 * that runs must know of a write. It has no timers and no files. Call what writes inside a commit.
 */
export class ContentTables {
  readonly staged: Staged;
  readonly candidates: Candidates;
  readonly references = new References();
  /** The hashes that the commit under way has freed, whose files are to go after it. */
  readonly freed: string[] = [];
  /** That of ephemeral frames, which is in no table. */
  readonly ephemeral = new EphemeralContent();

  constructor(db: Database) {
    this.staged = new Staged(db);
    this.candidates = new Candidates(db, this.staged);
  }

  /** Notes that a frame with these hashes was removed. */
  release(hashes: readonly string[]): void {
    this.candidates.release(hashes);
    this.references.noteLost(hashes);
  }

  /** Notes a text that was written and may refer to content. */
  noteReferences(text: string | Uint8Array): void {
    this.references.note(text);
  }

  /** Takes content away. Its file goes after the commit. */
  free(hash: string): void {
    this.staged.remove(hash);
    this.candidates.drop([hash]);
    this.freed.push(hash);
  }

  /** Notes that content is no candidate of the collector: something refers to it. */
  keep(hashes: readonly string[]): void {
    this.candidates.drop(hashes);
    for (const hash of hashes) this.staged.setUsed(hash);
  }

  /** Takes up what the database has, after a commit that failed. */
  reload(): void {
    this.freed.length = 0;
    this.staged.reload();
  }
}
