import type { Subscription } from "@nats-io/transport-node";
import { createInbox } from "@nats-io/transport-node";
import { XsError } from "../../../core/error.ts";
import type { Following } from "../journal.ts";
import { isEnd, isFramed, join } from "./framing.ts";
import type { Link } from "./link.ts";
import { findMessage } from "./stored.ts";
import { askInfo } from "./stream.ts";

/** How often a server says that it is still there, in ms, and after how many silent ones it is left. */
const HEARTBEAT_MS = 1000;
const SILENT_BEATS = 3;
/** How long one request for messages lasts, in ms. */
const PULL_MS = 30_000;
/** Up to how many messages wait here, in number and in bytes: a slow reader slows the server, not our memory. */
const WINDOW = 512;
const WINDOW_BYTES = 4_194_304;
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
        const info = await askInfo(this.#link, this.#stream, HEARTBEAT_MS);
        if (info && server.isEmpty) await this.#fill(info.state.last_seq + 1);
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
      const info = await askInfo(this.#link, this.#stream, HEARTBEAT_MS);
      if (!info) {
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

interface Coming {
  readonly seq: number;
  readonly data: Uint8Array;
}

/** A consumer on one server, and what it has sent. */
class Served {
  readonly #link: Link;
  readonly #stream: string;
  readonly #consumer: string;
  readonly #inbox: string;
  readonly #subscription: Subscription;
  readonly #beat: Timer;
  #queue: Coming[] = [];
  #taken = 0;
  /** Of those in the queue. */
  #bytes = 0;
  /** A request for messages is out; how many have come by it. */
  #isPulling = false;
  #came = 0;
  /** The next request is for one message, however large it is. */
  #isForOne = false;
  #silent = 0;
  isLost = false;
  #signal = Promise.withResolvers<void>();
  readonly wake = (): void => this.#signal.resolve();

  private constructor(link: Link, stream: string, consumer: string) {
    this.#link = link;
    this.#stream = stream;
    this.#consumer = consumer;
    this.#inbox = createInbox();
    this.#subscription = link.nc.subscribe(this.#inbox, {
      callback: (error, message) => {
        this.#silent = 0;
        if (error) this.#lose();
        else if (message.headers?.code && message.data.length === 0) {
          this.#heed(message.headers.code, message.headers.description);
        } else this.#receive(message.reply ?? "", message.data);
        this.wake();
      },
    });
    this.#beat = setInterval(() => {
      // Ticks count, not time: where this process was busy, what came meanwhile is still to be read.
      if (this.#isPulling && ++this.#silent > SILENT_BEATS) this.#lose();
    }, HEARTBEAT_MS);
  }

  /** Undefined where no server can serve now. */
  static async open(link: Link, stream: string, from: number): Promise<Served | undefined> {
    const config = {
      deliver_policy: "by_start_sequence",
      opt_start_seq: from,
      ack_policy: "none",
      replay_policy: "instant",
      inactive_threshold: PULL_MS * 1e6,
      mem_storage: true,
      num_replicas: 1,
    };
    const made = await link.api<{ name: string }>(
      `CONSUMER.CREATE.${stream}`,
      { stream_name: stream, config },
      HEARTBEAT_MS * SILENT_BEATS,
    );
    return made && !made.error ? new Served(link, stream, made.name) : undefined;
  }

  get #name(): string {
    return `${this.#stream}.${this.#consumer}`;
  }

  get isEmpty(): boolean {
    return this.#taken >= this.#queue.length;
  }

  take(): Coming | undefined {
    const message = this.#queue[this.#taken];
    if (!message) return undefined;
    // Its bytes are not to be kept until the queue is through.
    this.#queue[this.#taken++] = EMPTY;
    this.#bytes -= message.data.length;
    if (this.isEmpty) {
      this.#queue = [];
      this.#taken = 0;
    }
    const left = this.#queue.length - this.#taken;
    if (left < WINDOW / 2 && this.#bytes < WINDOW_BYTES / 2) this.#pull();
    return message;
  }

  /** Waits until something is there or the server is lost, or for a heartbeat. */
  async more(): Promise<void> {
    this.#pull();
    if (!this.isEmpty || this.isLost) return;
    await this.#signal.promise;
    this.#signal = Promise.withResolvers<void>();
  }

  close(): void {
    clearInterval(this.#beat);
    this.#queue = [];
    if (this.#link.nc.isClosed()) return;
    this.#subscription.unsubscribe();
    // Else it lasts until it was idle for long.
    if (this.#link.isConnected) {
      this.#link.nc.publish(this.#link.apiSubject(`CONSUMER.DELETE.${this.#name}`));
    }
  }

  #pull(): void {
    if (this.#isPulling || this.isLost) return;
    this.#isPulling = true;
    this.#came = 0;
    const ns = (ms: number): number => ms * 1_000_000;
    const request = {
      expires: ns(PULL_MS),
      idle_heartbeat: ns(HEARTBEAT_MS),
      ...(this.#isForOne ? { batch: 1 } : { batch: WINDOW, max_bytes: WINDOW_BYTES }),
    };
    this.#isForOne = false;
    try {
      const subject = this.#link.apiSubject(`CONSUMER.MSG.NEXT.${this.#name}`);
      this.#link.nc.publish(subject, JSON.stringify(request), { reply: this.#inbox });
    } catch {
      this.#lose();
    }
  }

  #receive(reply: string, data: Uint8Array): void {
    // $JS.ACK.[DOMAIN.ACCOUNT.]STREAM.CONSUMER.DELIVERED.SEQUENCE.….TIME.PENDING[.TOKEN]
    const tokens = reply.split(".");
    const seq = Number(tokens[tokens.length > 9 ? 7 : 5]);
    if (!Number.isSafeInteger(seq)) {
      this.#lose();
      return;
    }
    this.#queue.push({ seq, data });
    this.#bytes += data.length;
    if (++this.#came === WINDOW) this.#isPulling = false;
  }

  /** What a server says instead of a message. */
  #heed(code: number, description: string): void {
    if (code === 100) return;
    this.#isPulling = false;
    if (code === 404 || code === 408) return;
    if (code === 409 && /exceeds maxbytes/i.test(description)) {
      this.#isForOne = this.#came === 0;
      return;
    }
    if (code === 409 && /batch completed/i.test(description)) return;
    this.#lose();
  }

  #lose(): void {
    this.isLost = true;
    this.wake();
  }
}

const EMPTY: Coming = { seq: 0, data: new Uint8Array() };

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
