import { onceThereAreFiles } from "../../failures.ts";
import type { ContentFiles } from "./cacache-files.ts";
import type { FlushSchedule } from "./flush-schedule.ts";
import type { Pins } from "./pins.ts";
import type { ContentTables } from "./tables.ts";

/** What removes the files of freed content. */
interface FreedUses {
  readonly tables: ContentTables;
  readonly files: ContentFiles;
  readonly flushes: FlushSchedule;
  readonly pins: Pins;
  /** Reports a failure that no caller waits for. */
  failed(error: Error): void;
}

/**
 * Removes the files of content that a commit has freed, in the step that made the commit, so that no write can refer to
 * them in between; and not before it, as a commit may be rolled back.
 */
export class FreedFiles {
  readonly #uses: FreedUses;
  #removing: Promise<void> = Promise.resolve();
  #holds = 0;
  /** Freed while files were held. */
  readonly #held = new Set<string>();

  constructor(uses: FreedUses) {
    this.#uses = uses;
  }

  /** Keeps all files until {@link release}: an export reads them. Where another node leads, it frees nevertheless. */
  hold(): void {
    this.#holds++;
  }

  /** Ends one {@link hold}. */
  release(): void {
    if (--this.#holds > 0) return;
    this.#remove([...this.#held]);
    this.#held.clear();
  }

  /** Call it after each commit. */
  committed(): void {
    const { freed, staged } = this.#uses.tables;
    if (this.#held.size > 0) {
      // What came again in this commit is flushed into the same file.
      for (const hash of this.#held) if (staged.has(hash)) this.#held.delete(hash);
    }
    if (freed.length === 0) return;
    const hashes = freed.splice(0);
    if (this.#holds === 0) this.#remove(hashes);
    else for (const hash of hashes) if (!staged.has(hash)) this.#held.add(hash);
  }

  #remove(hashes: readonly string[]): void {
    const { files, flushes, pins, failed } = this.#uses;
    // Content that was only staged has no index entry, or loses it when it is flushed.
    const inFiles: string[] = [];
    for (const hash of hashes) {
      // Another node has freed what this one has just taken again.
      if (pins.has(hash)) continue;
      if (files.remove(hash) !== undefined) inFiles.push(hash);
      flushes.removed(hash);
    }
    this.#removing = this.#removing
      .then(() => onceThereAreFiles(() => files.removeIndex(inFiles)))
      .catch(failed);
  }

  /** Resolves when the index of cacache has no entry of them any more. */
  idle(): Promise<void> {
    return this.#removing;
  }
}
