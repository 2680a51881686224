import { expect } from "bun:test";
import type { Frame } from "../../../src/core/frame.ts";
import { type Answering, askFor } from "../../support/ask.ts";
import type { Random } from "../../support/random.ts";
import { parseLines } from "../../support/server.ts";
import type { Log, Work } from "../work.ts";

interface Place {
  batch: number;
  n: number;
  of: number;
}

/** Batches: each of them is there whole or not at all. */
export class Batches implements Work {
  readonly writers = 8;
  readonly counts = { batches: 0 };
  readonly #acknowledged = new Map<number, Frame[]>();
  #next = 0;

  async write(server: Answering, random: Random, writer: number): Promise<void> {
    for (;;) {
      const batch = this.#next++;
      const of = 2 + random.below(20);
      const lines = Array.from({ length: of }, (_, n) =>
        JSON.stringify({
          topic: `batches.${writer}`,
          meta: { batch, n, of } satisfies Place,
          ...(n % 3 === 0 && { content: `content of ${batch}, ${n}`.repeat(1 + (n % 50)) }),
        }),
      );
      const { text } = await askFor(server, "/stream", { method: "POST", body: lines.join("\n") });
      this.#acknowledged.set(batch, parseLines(text));
      this.counts.batches++;
    }
  }

  async check(_server: Answering, log: Log): Promise<void> {
    const found = Map.groupBy(log.below("batches"), ({ meta }) => (meta as unknown as Place).batch);
    for (const frames of found.values()) {
      const places = frames.map(({ meta }) => meta as unknown as Place);
      expect(places.map(({ n }) => n)).toEqual(
        Array.from({ length: places[0]?.of ?? 0 }, (_, n) => n),
      );
    }
    for (const [batch, frames] of this.#acknowledged) expect(found.get(batch)).toEqual(frames);
  }
}
