import type { Following, Journal } from "../../src/store/journal/journal.ts";
import { MemoryDamage } from "./memory-damage.ts";
import { MemoryFollowing } from "./memory-following.ts";
import { type MemoryLink, unreachable } from "./memory-link.ts";
import type { MemoryLog } from "./memory-log.ts";
import type { NetOptions } from "./memory-options.ts";
import type { Random } from "./random.ts";

/** The journal of one node: a log that all nodes share, behind the link of this one. */
export class MemoryJournal implements Journal {
  readonly maxRecord: number;
  /** See {@link NetOptions.lostAcks}; for this node alone. */
  lostAcks: number;
  /** See {@link NetOptions.refusals}; for this node alone. */
  refusals: number;
  readonly damage: MemoryDamage;
  readonly #log: MemoryLog;
  readonly #link: MemoryLink;
  readonly #random: Random;
  readonly #options: NetOptions;
  readonly #followings = new Set<Following>();

  constructor(log: MemoryLog, link: MemoryLink, random: Random, options: NetOptions) {
    this.#log = log;
    this.#link = link;
    this.#random = random;
    this.#options = options;
    this.maxRecord = options.maxRecord;
    this.lostAcks = options.lostAcks;
    this.refusals = options.refusals;
    this.damage = new MemoryDamage(log);
  }

  append(expected: number, record: Uint8Array): Promise<number> {
    // The caller may use its buffer again.
    const bytes = new Uint8Array(record);
    return this.#request(() => {
      if (this.#random.chance(this.refusals)) throw unreachable("it refuses");
      this.#meetRival(expected);
      const position = this.#log.put(expected, bytes);
      if (this.#random.chance(this.lostAcks)) throw unreachable("the acknowledgement was lost");
      return position;
    });
  }

  follow(
    after: number,
    each: (position: number, record: Uint8Array) => Promise<void> | void,
  ): Following {
    const following = new MemoryFollowing(this.#log, this.#link, this.damage, after, each);
    this.#followings.add(following);
    return following;
  }

  get(position: number): Promise<Uint8Array | undefined> {
    return this.#request(() => this.damage.shown(position));
  }

  extent(): Promise<{ first: number; last: number }> {
    return this.#request(() => ({ first: this.#log.first, last: this.#log.last }));
  }

  trim(upTo: number): Promise<void> {
    return this.#request(() => this.#log.trim(upTo));
  }

  async close(): Promise<void> {
    const open = [...this.#followings];
    for (const following of open) following.stop();
    await Promise.allSettled(open.map(({ ended }) => ended));
  }

  /** Another writer may be first. */
  #meetRival(expected: number): void {
    const { rival } = this.#options;
    if (!rival || expected !== this.#log.last || !this.#random.chance(rival.share)) return;
    this.#log.put(expected, rival.record(this.#log.at(expected)));
  }

  #request<T>(act: () => T): Promise<T> {
    return this.#link.request(this.#options.deadlineMs, act);
  }
}
