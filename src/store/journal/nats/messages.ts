import { createInbox, type Msg } from "@nats-io/transport-node";
import { XsError } from "../../../core/error.ts";
import type { Messages } from "../journal.ts";
import { Collector, countOf, KEEP_MS, OpenBodies, Sender } from "./body-parts.ts";
import { HEADER_ROOM } from "./framing.ts";
import { type Link, unreachable } from "./link.ts";

/** A body goes in parts of at most this size, in bytes. */
const PART_BYTES = 1_048_576;
/** How often to look whether there is a connection again, in ms. */
const GAP_MS = 50;

/** The answer of a node that takes no more, to what still reaches it. No part is as short. */
const NOBODY = Uint8Array.of(0);

type Answer = (body: Uint8Array) => Promise<Uint8Array>;

/** Requests between nodes over core NATS. Nothing of them is stored. */
export class NatsMessages implements Messages {
  readonly #link: Link;
  readonly #prefix: string;
  /** How many answer for a node here. */
  readonly #answering = new Map<string, number>();

  constructor(link: Link) {
    this.#link = link;
    this.#prefix = `xs.${link.address.name}`;
  }

  async ask(node: string, body: Uint8Array, ms: number): Promise<Uint8Array> {
    const { nc } = this.#link;
    const nobody = (): XsError =>
      new XsError("node_unreachable", `node ${node} is not connected to NATS`);
    const end = performance.now() + ms;
    // Most gaps are short; what the client keeps for later may be sent after its time.
    while (!this.#link.isConnected) {
      if (performance.now() > end) throw unreachable(`node ${node}: no connection to NATS`);
      await Bun.sleep(Math.min(GAP_MS, ms));
    }
    const inbox = createInbox();
    const outcome = Promise.withResolvers<Uint8Array>();
    const collector = new Collector((whole) => outcome.resolve(whole));
    const sender = new Sender(body, this.#partBytes);
    const send = (part: Uint8Array): void =>
      nc.publish(this.#subjectOf(node), part, { reply: inbox });
    const subscription = nc.subscribe(inbox, {
      callback: (error, message) => {
        if (error) return outcome.reject(unreachable(`node ${node}: ${error.message}`, error));
        // One part found nobody, so that the body never became whole.
        if (message.headers?.code === 503 || message.data.length === NOBODY.length) {
          return outcome.reject(nobody());
        }
        if (message.data.length === 0) return sender.confirm(send);
        this.#confirm(message);
        collector.take(message.data);
      },
    });
    const timer = setTimeout(
      () => outcome.reject(unreachable(`node ${node}: no answer within ${ms} ms`)),
      end - performance.now(),
    );
    try {
      sender.start(send);
      return await outcome.promise;
    } finally {
      clearTimeout(timer);
      if (!nc.isClosed()) subscription.unsubscribe();
    }
  }

  answer(node: string, answer: Answer): () => void {
    const { nc } = this.#link;
    const open = new OpenBodies();
    let isOver = false;
    const count = (by: number): void => {
      this.#answering.set(node, (this.#answering.get(node) ?? 0) + by);
    };
    count(1);
    const subscription = nc.subscribe(this.#subjectOf(node), {
      callback: (error, message) => {
        const { reply } = message ?? {};
        if (error || !reply) return;
        if (isOver) {
          // Where another has begun already, this is one of two copies.
          if (!this.#answering.get(node)) nc.publish(reply, NOBODY);
          return;
        }
        this.#confirm(message);
        open.take(reply, message.data, (body) => void this.#respond(reply, body, answer));
      },
    });
    return () => {
      if (isOver) return;
      isOver = true;
      count(-1);
      // What the server has sent already still gets its answer.
      if (!nc.isClosed()) void subscription.drain().catch(() => {});
    };
  }

  tell(body: Uint8Array): void {
    if (!this.#link.isConnected) return;
    const { nc } = this.#link;
    // Names the body that a part belongs to. Nobody answers there.
    const reply = createInbox();
    new Sender(body, this.#partBytes).sendAll((part) =>
      nc.publish(`${this.#prefix}.e`, part, { reply }),
    );
  }

  hear(each: (body: Uint8Array) => void): () => void {
    const { nc } = this.#link;
    const open = new OpenBodies();
    const subscription = nc.subscribe(`${this.#prefix}.e`, {
      callback: (error, message) => {
        if (!error && message.reply) open.take(message.reply, message.data, each);
      },
    });
    return () => {
      if (!nc.isClosed()) subscription.unsubscribe();
    };
  }

  async #respond(to: string, body: Uint8Array, answer: Answer): Promise<void> {
    const { nc } = this.#link;
    const sender = new Sender(await answer(body), this.#partBytes);
    if (nc.isClosed()) return;
    if (sender.isOnePart) return sender.start((part) => nc.publish(to, part));
    const inbox = createInbox();
    const send = (part: Uint8Array): void => {
      if (!nc.isClosed()) nc.publish(to, part, { reply: inbox });
    };
    const over = (): void => {
      clearTimeout(forget);
      if (!nc.isClosed()) subscription.unsubscribe();
    };
    const forget = setTimeout(() => over(), KEEP_MS);
    const subscription = nc.subscribe(inbox, {
      callback: (error, message) => {
        if (error || message.headers?.code === 503) return over();
        sender.confirm(send);
        if (sender.isConfirmed) over();
      },
    });
    sender.start(send);
  }

  /** A part of several is confirmed, so that the next is sent. */
  #confirm({ data, reply }: Msg): void {
    if (reply && countOf(data) > 1) this.#link.nc.publish(reply, new Uint8Array());
  }

  get #partBytes(): number {
    return Math.min(PART_BYTES, this.#link.maxPayload - HEADER_ROOM);
  }

  #subjectOf(node: string): string {
    return `${this.#prefix}.w.${node}`;
  }
}
