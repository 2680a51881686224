import type { Cluster } from "../../src/store/journal/journal.ts";
import { type KeptBlob, MemoryBlobs } from "./memory-blobs.ts";
import { MemoryJournal } from "./memory-journal.ts";
import { MemoryLink } from "./memory-link.ts";
import { MemoryLog } from "./memory-log.ts";
import { MemoryMessages, MemoryPost } from "./memory-messages.ts";
import { DEFAULTS, type NetOptions } from "./memory-options.ts";
import { Random } from "./random.ts";

/** Journal, blobs and messages in memory, for the nodes of one test. Delays and faults are chosen by a seed. */
export class MemoryNet {
  readonly options: NetOptions;
  readonly log: MemoryLog;
  readonly blobs = new Map<string, KeptBlob>();
  readonly post = new MemoryPost();
  readonly #random: Random;

  constructor(options: Partial<NetOptions> & Pick<NetOptions, "seed">) {
    this.options = { ...DEFAULTS, ...options };
    this.log = new MemoryLog(this.options.maxRecord);
    this.#random = new Random(options.seed);
  }

  /** The way of one more node to all of it. */
  cluster(): MemoryCluster {
    return new MemoryCluster(this, this.#random.fork());
  }
}

/** What one node has of a {@link MemoryNet}. */
export class MemoryCluster implements Cluster {
  readonly journal: MemoryJournal;
  readonly blobs: MemoryBlobs;
  readonly messages: MemoryMessages;
  readonly #link: MemoryLink;

  constructor({ options, log, blobs, post }: MemoryNet, random: Random) {
    this.#link = new MemoryLink(random.fork(), options.delayMs);
    this.journal = new MemoryJournal(log, this.#link, random, options);
    this.blobs = new MemoryBlobs(blobs, this.#link, options.deadlineMs);
    this.messages = new MemoryMessages(post, this.#link);
  }

  /** See {@link MemoryLink.cut}. */
  cut(): void {
    this.#link.cut();
  }

  /** See {@link MemoryLink.heal}. */
  heal(): void {
    this.#link.heal();
  }

  /** See {@link MemoryLink.slow}. */
  slow(ms: number): void {
    this.#link.slow(ms);
  }

  /** Ends what follows, answers and hears. */
  async close(): Promise<void> {
    this.messages.close();
    await this.journal.close();
  }
}
