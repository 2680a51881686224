import { XsError } from "../../../core/error.ts";
import type { Following } from "../journal.ts";
import { isEnd, isFramed, join } from "./framing.ts";
import type { Link } from "./link.ts";
import { Served } from "./served.ts";
import { findMessage } from "./stored.ts";
import { askInfo, gone } from "./stream.ts";

/** How long a question may take, in ms. */
const ASK_MS = 1000;
/** How often to look, with nothing coming, whether something should have come, in ms. */
const LOOK_MS = 3000;
/** Between two tries to be served, in ms. */
const PAUSE_MS = 200;

type Each = (position: number, record: Uint8Array) => Promise<void> | void;

/** Follows a stream without a gap. */
export class Follower implements Following {
  readonly ended: Promise<void>;
  readonly #link: Link;
  readonly #stream: string;
  /** How long to ask for a message that does not come, in ms. */
  readonly #repairMs: number;
  readonly #each: Each;
  /** The message that comes next. */
  #next: number;
  /** The messages of a record whose last has not come. */
  #parts: Uint8Array[] = [];
  #isStopped = false;
  /** Ends the wait for a message. */
  #wake: () => void = () => {};

  constructor(link: Link, stream: string, repairMs: number, after: number, each: Each) {
    this.#link = link;
    this.#stream = stream;
    this.#repairMs = repairMs;
    this.#next = after + 1;
    this.#each = each;
    this.ended = this.#run();
    // Whoever does not wait for the end is not to be ended by it.
    this.ended.catch(() => {});
  }

  stop(): void {
    this.#isStopped = true;
    this.#wake();
  }

  /** Whether it is to end: by whoever follows, or as the connection was closed. */
  get #isOver(): boolean {
    return this.#isStopped || this.#link.nc.isClosed();
  }

  async #run(): Promise<void> {
    while (!this.#isOver) {
      await this.#checkExtent();
      const server = await Served.open(this.#link, this.#stream, this.#next);
      if (!server) {
        await Bun.sleep(PAUSE_MS);
        continue;
      }
      this.#wake = server.wake;
      try {
        await this.#takeFrom(server);
      } finally {
        server.close();
      }
    }
  }

  /** Takes messages until the server is to be left. */
  async #takeFrom(server: Served): Promise<void> {
    let looked = performance.now();
    while (!this.#isOver) {
      const message = server.take();
      if (message) {
        if (message.seq < this.#next) continue;
        await this.#fill(message.seq);
        if (this.#isOver || message.seq !== this.#next) return;
        await this.#accept(message.data);
        looked = performance.now();
        continue;
      }
      if (server.isLost) return;
      await server.more();
      if (server.isEmpty && performance.now() - looked > LOOK_MS) {
        looked = performance.now();
        // The last message may be the one that this server skips, with no later one to show it; or it lags.
        const info = await askInfo(this.#link, this.#stream, ASK_MS);
        if (info && info !== "gone" && server.isEmpty) await this.#fill(info.state.last_seq + 1);
      }
    }
  }

  /** Fetches what is missing before a message. */
  async #fill(seq: number): Promise<void> {
    while (this.#next < seq && !this.#isOver) {
      const found = await findMessage(
        this.#link,
        this.#stream,
        this.#next,
        this.#repairMs,
        () => this.#isOver,
      );
      if (this.#isOver) return;
      if (found === "late") return;
      if (found === "trimmed") throw trimmed(this.#next);
      if (!found) throw damaged(this.#next, "no replica has it any more");
      await this.#accept(found);
    }
  }

  async #accept(message: Uint8Array): Promise<void> {
    const position = this.#next;
    if (!isFramed(message)) throw damaged(position, "it is not a record");
    this.#next++;
    this.#parts.push(message);
    if (!isEnd(message)) return;
    const record = join(this.#parts);
    this.#parts = [];
    await this.#each(position, record);
  }

  /** Whether what is wanted can still come. */
  async #checkExtent(): Promise<void> {
    const end = performance.now() + this.#repairMs;
    while (!this.#isOver) {
      const info = await askInfo(this.#link, this.#stream, ASK_MS);
      if (!info || info === "gone") {
        // A server that just starts may not know it yet.
        if (info && performance.now() > end) throw gone(this.#stream);
        await Bun.sleep(PAUSE_MS);
        continue;
      }
      const { first_seq: first, last_seq: last } = info.state;
      if (first > this.#next) throw trimmed(this.#next);
      if (last >= this.#next - 1) return;
      // A leader that was cut off may be behind for a while; it does not stay so.
      if (performance.now() > end) {
        throw damaged(this.#next - 1, `it was read from here, and the journal now ends at ${last}`);
      }
      await Bun.sleep(PAUSE_MS);
    }
  }
}

function trimmed(position: number): XsError {
  return new XsError(
    "journal_trimmed",
    `record ${position} is no longer in the journal: start from a snapshot`,
  );
}

export function damaged(position: number, why: string): XsError {
  return new XsError("journal_damaged", `record ${position} of the journal: ${why}`, {
    members: { record: String(position) },
  });
}
