import { MAX_SMALL_CONTENT } from "../../content.ts";
import type { BlobRows } from "../replica/blob-rows.ts";
import type { ContentFiles } from "./cacache-files.ts";
import type { Staged } from "./staging.ts";

/** The homes of content, for questions that need not know which. */
export class Homes {
  readonly #staged: Staged;
  readonly #files: ContentFiles;
  readonly #blobs: Pick<BlobRows, "find"> | undefined;

  /** @param blobs those of a store on several machines, which a node fetches when it needs them */
  constructor(staged: Staged, files: ContentFiles, blobs?: Pick<BlobRows, "find">) {
    this.#staged = staged;
    this.#files = files;
    this.#blobs = blobs;
  }

  /** The size of a content in bytes; undefined where there is none. Does not read it. */
  sizeOf(hash: string): number | undefined {
    const staged = this.#staged.sizeOf(hash);
    if (staged !== undefined) return staged;
    const size = this.#files.stateOf(hash)?.size;
    if (!this.#blobs || (size !== undefined && size <= MAX_SMALL_CONTENT)) return size;
    // A large file without a blob is here alone: the other nodes do not know it.
    return this.#blobs.find(hash)?.size;
  }
}
