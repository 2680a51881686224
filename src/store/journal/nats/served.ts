import { createInbox, type Subscription } from "@nats-io/transport-node";
import type { Link } from "./link.ts";

/** How often a server says that it is still there, in ms, and after how many silent ones it is left. */
const HEARTBEAT_MS = 1000;
const SILENT_BEATS = 3;
/** How long one request for messages lasts, in ms. */
const PULL_MS = 30_000;
/** Up to how many messages wait here, in number and in bytes: a slow reader slows the server, not our memory. */
const WINDOW = 512;
const WINDOW_BYTES = 4_194_304;

/** A message that has come. */
export interface Coming {
  readonly seq: number;
  readonly data: Uint8Array;
}

/** A consumer on one server, and what it has sent. */
export class Served {
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
