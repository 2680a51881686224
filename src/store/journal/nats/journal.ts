import type { Following, Journal } from "../journal.ts";
import { Appender } from "./append.ts";
import { damaged, Follower } from "./follow.ts";
import { HEADER_ROOM, isEnd, isFramed, join, LAST_PART, PART } from "./framing.ts";
import { type Link, unreachable } from "./link.ts";
import { findMessage, fromReplica } from "./stored.ts";
import { journalStream, MAX_FILE_BYTES, streamInfo } from "./stream.ts";

/** A journal in a stream of JetStream. */
export class NatsJournal implements Journal {
  readonly #link: Link;
  readonly #stream: string;
  readonly #appender: Appender;
  readonly #following = new Set<Follower>();
  /** How long to try before it is unreachable, in ms. */
  readonly #ms: number;
  /** How long to ask for a record that a replica has lost, in ms. */
  readonly #repairMs: number;

  constructor(link: Link, ms: number, repairMs: number) {
    const { name, subject } = journalStream(link.address.name);
    this.#link = link;
    this.#stream = name;
    this.#ms = ms;
    this.#repairMs = repairMs;
    this.#appender = new Appender(link, name, subject, ms);
  }

  get fileBytes(): number {
    return MAX_FILE_BYTES;
  }

  get maxRecord(): number {
    return this.#room - 1;
  }

  get #room(): number {
    return this.#link.maxPayload - HEADER_ROOM;
  }

  async append(expected: number, record: Uint8Array): Promise<number> {
    return await this.#appender.append(expected, record, this.#room);
  }

  follow(
    after: number,
    each: (position: number, record: Uint8Array) => Promise<void> | void,
  ): Following {
    const follower = new Follower(this.#link, this.#stream, this.#repairMs, after, each);
    this.#following.add(follower);
    const forget = (): void => {
      this.#following.delete(follower);
    };
    follower.ended.then(forget, forget);
    return follower;
  }

  async get(position: number): Promise<Uint8Array | undefined> {
    const last = await this.#message(position);
    if (!last || !isEnd(last)) return undefined;
    if (last[0] !== LAST_PART) return join([last]);
    const parts = [last];
    for (let at = position - 1; ; at--) {
      const part = await this.#message(at);
      if (part?.[0] !== PART) break;
      parts.unshift(part);
    }
    return join(parts);
  }

  async extent(): Promise<{ readonly first: number; readonly last: number }> {
    const { state } = await streamInfo(this.#link, this.#stream, this.#ms);
    const { first_seq: first, last_seq: last } = state;
    // An empty stream says 0, or what its first would be.
    return { first: first === 0 || first > last ? last + 1 : first, last };
  }

  async trim(upTo: number): Promise<void> {
    if (upTo < 1) return;
    await this.#link.persist(`the removal up to record ${upTo}`, this.#ms, async (ms) => {
      const done = await this.#link.api(`STREAM.PURGE.${this.#stream}`, { seq: upTo + 1 }, ms);
      if (!done || done.error?.code === 503) return undefined;
      if (done.error) throw unreachable(`NATS removes no records: ${done.error.description}`);
      return true;
    });
  }

  async close(): Promise<void> {
    for (const follower of this.#following) follower.stop();
    await Promise.allSettled([...this.#following].map(({ ended }) => ended));
  }

  async #message(seq: number): Promise<Uint8Array | undefined> {
    if (!Number.isSafeInteger(seq) || seq < 1) return undefined;
    const found = await fromReplica(this.#link, this.#stream, { seq });
    if (found && found !== "late") return framed(seq, found.data);
    const { state } = await streamInfo(this.#link, this.#stream, this.#ms);
    if (seq < state.first_seq || seq > state.last_seq) return undefined;
    const message = await findMessage(this.#link, this.#stream, seq, this.#repairMs);
    if (message === "trimmed") return undefined;
    if (message === "late") throw unreachable(`record ${seq}: no answer from NATS`);
    if (!message) throw damaged(seq, "no replica has it any more");
    return framed(seq, message);
  }
}

function framed(seq: number, message: Uint8Array): Uint8Array {
  if (!isFramed(message)) throw damaged(seq, "it is not a record");
  return message;
}
