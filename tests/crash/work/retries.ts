import { expect } from "bun:test";
import type { Frame } from "../../../src/core/frame.ts";
import { type Answering, askFor } from "../../support/ask.ts";
import type { Random } from "../../support/random.ts";
import type { Log, Work } from "../work.ts";

/** Appends with an Idempotency-Key: one that got no answer is sent again to the next server. */
export class Retries implements Work {
  readonly writers = 4;
  readonly counts = { "appends with a key": 0, "sent again": 0 };
  readonly #acknowledged = new Map<number, Frame>();
  /** What each writer has no answer to. */
  readonly #open = new Map<number, number>();
  #next = 0;

  async write(server: Answering, _random: Random, writer: number): Promise<void> {
    for (;;) {
      const unanswered = this.#open.get(writer);
      const n = unanswered ?? this.#next++;
      this.#open.set(writer, n);
      if (unanswered !== undefined) this.counts["sent again"]++;
      const frame = await this.#send(server, n);
      this.#acknowledged.set(n, frame);
      this.#open.delete(writer);
      this.counts["appends with a key"]++;
      if (n % 10 === 0) expect(await this.#send(server, n)).toEqual(frame);
    }
  }

  async #send(server: Answering, n: number): Promise<Frame> {
    const { text } = await askFor(server, "/stream/retries", {
      method: "POST",
      body: `content ${n}`,
      headers: { "idempotency-key": `key-${n}`, "xs-meta": String(n) },
    });
    return JSON.parse(text) as Frame;
  }

  async check(_server: Answering, log: Log): Promise<void> {
    const frames = log.below("retries");
    const numbers = frames.map(({ meta }) => meta);
    expect(new Set(numbers).size).toBe(numbers.length);
    for (const frame of this.#acknowledged.values()) expect(log.byId.get(frame.id)).toEqual(frame);
  }
}
