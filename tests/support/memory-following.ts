import type { Following } from "../../src/store/journal/journal.ts";
import type { MemoryDamage } from "./memory-damage.ts";
import type { MemoryLink } from "./memory-link.ts";
import type { MemoryLog } from "./memory-log.ts";

/** One node follows the journal in memory. */
export class MemoryFollowing implements Following {
  readonly ended: Promise<void>;
  readonly #log: MemoryLog;
  readonly #link: MemoryLink;
  readonly #damage: MemoryDamage;
  readonly #stopped = Promise.withResolvers<void>();
  #isStopped = false;

  constructor(
    log: MemoryLog,
    link: MemoryLink,
    damage: MemoryDamage,
    after: number,
    each: (position: number, record: Uint8Array) => Promise<void> | void,
  ) {
    this.#log = log;
    this.#link = link;
    this.#damage = damage;
    this.ended = this.#run(after, each);
    // Whoever follows may look at it later.
    this.ended.catch(() => {});
  }

  stop(): void {
    this.#isStopped = true;
    this.#stopped.resolve();
  }

  /** Once stopped it ends as soon as `each` has returned, even if the link is cut. */
  async #run(
    after: number,
    each: (position: number, record: Uint8Array) => Promise<void> | void,
  ): Promise<void> {
    let position = after;
    while (!this.#isStopped) {
      await this.#orStop(this.#link.pass());
      const next = this.#log.after(position);
      if (!next) {
        await this.#orStop(this.#log.changed.wait());
        continue;
      }
      if (this.#isStopped) return;
      ({ position } = next);
      const shown = this.#damage.shown(position);
      if (shown) await each(position, shown);
    }
  }

  async #orStop(wait: Promise<void>): Promise<void> {
    await Promise.race([wait, this.#stopped.promise]);
  }
}
