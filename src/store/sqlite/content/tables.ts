import type { Database } from "bun:sqlite";
import type { TakenContent } from "../../types.ts";
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
  /** That of ephemeral frames, which is in no table. */
  readonly ephemeral = new EphemeralContent();

  constructor(db: Database) {
    this.staged = new Staged(db);
    this.candidates = new Candidates(db, this.staged);
  }

  /** Stages content that has its bytes: other content is in a file already. */
  stage({ hash, bytes, ephemeral }: TakenContent): void {
    if (!bytes) return;
    if (ephemeral) this.ephemeral.put(hash, bytes);
    else this.staged.add(hash, bytes);
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

  /** Takes up what the database has, after a commit that failed. */
  reload(): void {
    this.staged.reload();
  }
}
