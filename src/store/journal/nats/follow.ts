import { XsError } from "../../../core/error.ts";
import type { Following } from "../journal.ts";
import { isEnd, isFramed, join } from "./framing.ts";
import { type Link, unreachable } from "./link.ts";
import { Served } from "./served.ts";
import { findMessage, fromReplica } from "./stored.ts";
import { askInfo, gone, haveAnotherLead } from "./stream.ts";

/** How long a question may take, in ms. */
const ASK_MS = 1000;
/** How often to look, with nothing coming, whether something should have come, in ms. */
const LOOK_MS = 3000;
/** Between two tries to be served, in ms. */
const PAUSE_MS = 200;
/** After so many times of trying to repair, nothing having come, it is a problem: servers that elect a leader take some seconds. */
const HELD_UP = 1.5;
/** So many servers are asked to lead in place of one that has lost the end of the stream. */
const OTHER_LEADERS = 3;

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
  /** When it looked, or a message came, and when it had all that there was. */
  #looked = performance.now();
  #well = performance.now();
  /** What holds it up since then. */
  #heldUp: string | undefined;
  /** A record is with whoever follows, who may take long. */
  #isTaking = false;
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

  get problem(): XsError | undefined {
    const ms = performance.now() - this.#well;
    if (
      this.#heldUp === undefined ||
      ms < HELD_UP * this.#repairMs ||
      this.#isTaking ||
      this.#isOver
    )
      return undefined;
    return unreachable(
      `no record has come from the journal for ${Math.round(ms / 1000)} s: ${this.#heldUp}; it is asked for again and again; see  xs nodes check`,
    );
  }

  /** Whether it is to end: by whoever follows, or as the connection was closed. */
  get #isOver(): boolean {
    return this.#isStopped || this.#link.nc.isClosed();
  }

  async #run(): Promise<void> {
    while (!this.#isOver) {
      await this.#checkExtent();
      // Where no server serves, or each one is lost again at once, the records come one by one.
      await this.#lookIfDue();
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
    while (!this.#isOver) {
      const message = server.take();
      if (message) {
        if (message.seq < this.#next) continue;
        await this.#fill(message.seq);
        if (this.#isOver || message.seq !== this.#next) return;
        await this.#accept(message.data);
        continue;
      }
      if (server.isLost) return;
      await server.more();
      // A server that lags, or that skips what it has lost, is left for another one.
      if (server.isEmpty && (await this.#lookIfDue(server)) && server.isEmpty) return;
    }
  }

  /**
   * Looks, with nothing coming for a while, whether something should have come, and fetches it from whichever replica
   * has it: the last message may be the one that a server skips, with no later one to show it. Resolves to whether
   * there is more than this server tells.
   */
  async #lookIfDue(server?: Served): Promise<boolean> {
    if (performance.now() - this.#looked < LOOK_MS) return false;
    this.#looked = performance.now();
    const info = await askInfo(this.#link, this.#stream, ASK_MS);
    if (!info || info === "gone") {
      this.#heldUp = "no server of NATS says how far it goes";
      return false;
    }
    if (server?.isEmpty === false) return false;
    const { last_seq: last } = info.state;
    const began = this.#next;
    if (last < began - 1) return true;
    await this.#fill(last + 1);
    // A leader that has lost the end does not know of it; another replica hands it out.
    await this.#takeAhead();
    if (this.#next > last) this.#isWell();
    return this.#next > began;
  }

  /** Takes what replicas have, beyond what the leader knows of: they have only what a majority had. */
  async #takeAhead(): Promise<void> {
    while (!this.#isOver) {
      const ahead = await fromReplica(this.#link, this.#stream, { seq: this.#next }, ASK_MS);
      if (!ahead || ahead === "late") return;
      await this.#accept(ahead.data);
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
      if (found === "late") {
        this.#heldUp = `no server of NATS hands out record ${this.#next}`;
        return;
      }
      if (found === "trimmed") throw trimmed(this.#next);
      if (!found) throw damaged(this.#next, "no replica has it any more");
      await this.#accept(found);
    }
  }

  #isWell(): void {
    this.#well = performance.now();
    this.#heldUp = undefined;
  }

  async #accept(message: Uint8Array): Promise<void> {
    const position = this.#next;
    if (!isFramed(message)) throw damaged(position, "it is not a record");
    this.#next++;
    this.#looked = performance.now();
    this.#parts.push(message);
    if (!isEnd(message)) return;
    const record = join(this.#parts);
    this.#parts = [];
    this.#isTaking = true;
    try {
      await this.#each(position, record);
    } finally {
      this.#isTaking = false;
      this.#isWell();
    }
  }

  /** Whether what is wanted can still come. */
  async #checkExtent(): Promise<void> {
    const began = performance.now();
    let others = 0;
    while (!this.#isOver) {
      const info = await askInfo(this.#link, this.#stream, ASK_MS);
      const tries = (performance.now() - began) / this.#repairMs;
      if (!info || info === "gone") {
        this.#heldUp = "no server of NATS says how far it goes";
        // A server that just starts may not know it yet.
        if (info && tries > 1) throw gone(this.#stream);
        await Bun.sleep(PAUSE_MS);
        continue;
      }
      const { first_seq: first, last_seq: last } = info.state;
      if (first > this.#next) throw trimmed(this.#next);
      if (last >= this.#next - 1) return;
      this.#heldUp = `it now ends at record ${last}, and ${this.#next - 1} was read from it`;
      // A leader that was cut off may be behind for a while; it does not stay so. One that has lost the end does.
      if (tries > OTHER_LEADERS) {
        throw damaged(this.#next - 1, `it was read from here, and the journal now ends at ${last}`);
      }
      if (tries > others + 0.5) {
        others++;
        await haveAnotherLead(this.#link, this.#stream, ASK_MS);
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
