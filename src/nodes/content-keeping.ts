import type { ContentPolicy } from "../store/content-policy.ts";
import type { Blobs } from "../store/journal/journal.ts";
import type { SqliteStore } from "../store/sqlite/engine.ts";
import type { Replica } from "../store/sqlite/replica/replica.ts";
import { ContentCopies } from "./content-copies.ts";
import { ignoreUnreachable, SpentBlobs } from "./spent-blobs.ts";

/** How often a node looks for content that nothing needs, in ms. */
const SWEEP_EVERY_MS = 60 * 60 * 1000;

/** What a node does with large content in the background. */
export class ContentKeeping {
  readonly spent: SpentBlobs;
  readonly copies: ContentCopies | undefined;
  readonly #timer: ReturnType<typeof setInterval>;

  constructor(
    uses: {
      readonly store: SqliteStore;
      readonly blobs: Blobs;
      readonly content: ContentPolicy | undefined;
    },
    replica: Replica,
    now: () => number,
  ) {
    const { store, blobs, content } = uses;
    this.spent = new SpentBlobs(blobs, replica);
    this.copies = content && new ContentCopies(store, content);
    replica.blobsChanged = (added, freed) => {
      this.spent.freed(freed);
      this.copies?.added(added);
    };
    const sweep = async (): Promise<void> => {
      await this.copies?.sweep(now());
      await this.copies?.evict();
      await this.spent.sweep(now());
    };
    this.#timer = setInterval(() => void sweep().catch(ignoreUnreachable), SWEEP_EVERY_MS);
    this.#timer.unref();
  }

  async stop(): Promise<void> {
    clearInterval(this.#timer);
    await this.copies?.stop();
  }
}
