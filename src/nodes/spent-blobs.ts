import { XsError } from "../core/error.ts";
import type { Blobs } from "../store/journal/journal.ts";
import { CONTENT_PREFIX } from "../store/sqlite/content/remote.ts";
import type { Replica } from "../store/sqlite/replica/replica.ts";
import { GRACE_MS } from "./content-copies.ts";

/**
 * Deletes blobs that nothing needs: those whose content a record has freed, after that record; and those of writes that
 * never came. Only the node that leads does, and each name is given once, so that none is needed again.
 */
export class SpentBlobs {
  readonly #blobs: Blobs;
  readonly #replica: Replica;
  #running: Promise<void> = Promise.resolve();

  constructor(blobs: Blobs, replica: Replica) {
    this.#blobs = blobs;
    this.#replica = replica;
  }

  /** Deletes blobs whose content a record has just freed. */
  freed(names: readonly string[]): void {
    const { epoch } = this.#replica;
    if (epoch === undefined || names.length === 0) return;
    this.#running = this.#running.then(() => this.#delete(names, epoch)).catch(ignoreUnreachable);
  }

  /** Deletes the blobs of writes that never came, and those that a leader which died has left. */
  async sweep(now: number, graceMs = GRACE_MS): Promise<void> {
    const { epoch } = this.#replica;
    if (epoch === undefined) return;
    const old: string[] = [];
    for await (const { name, ms } of this.#blobs.list(CONTENT_PREFIX)) {
      if (ms <= now - graceMs) old.push(name);
    }
    const known = new Set(this.#replica.blobs.all().map(({ name }) => name));
    await this.#blobs.sweep?.(now - graceMs);
    await this.#delete(
      old.filter((name) => !known.has(name)),
      epoch,
    );
  }

  /** Resolves when what was freed by now is deleted, or the node does not lead any more. */
  async idle(): Promise<void> {
    await this.#running;
  }

  async #delete(names: readonly string[], epoch: number): Promise<void> {
    for (const name of names) {
      if (this.#replica.epoch !== epoch) return;
      await this.#blobs.delete(name);
    }
  }
}

/** A sweep finds what is left. */
export function ignoreUnreachable(error: unknown): void {
  if (!(error instanceof XsError)) throw error;
}
