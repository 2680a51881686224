import type { ContentFiles } from "./cacache-files.ts";
import type { Staged } from "./staging.ts";

/** The two homes of content, for questions that need not know which. */
export class Homes {
  readonly #staged: Staged;
  readonly #files: ContentFiles;

  constructor(staged: Staged, files: ContentFiles) {
    this.#staged = staged;
    this.#files = files;
  }

  /** The size of a content in bytes; undefined where there is none. Does not read it. */
  sizeOf(hash: string): number | undefined {
    return this.#staged.sizeOf(hash) ?? this.#files.stateOf(hash)?.size;
  }

  /** Removes content. Call it inside a commit. Returns its size, and whether it had a file; undefined where there is none. */
  remove(hash: string): { size: number; inFile: boolean } | undefined {
    const staged = this.#staged.sizeOf(hash);
    this.#staged.remove(hash);
    const filed = this.#files.remove(hash);
    const size = filed ?? staged;
    return size === undefined ? undefined : { size, inFile: filed !== undefined };
  }
}
