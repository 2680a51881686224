import { expect } from "bun:test";
import type { Frame } from "../../../src/core/frame.ts";
import { type Answering, ask } from "../../support/ask.ts";
import type { Random } from "../../support/random.ts";
import type { Log, Work } from "../work.ts";

const CHAINS = 2;

/** Conditional appends: each frame names the one that it follows, and several writers compete. */
export class Chains implements Work {
  readonly writers = 6;
  readonly counts = { "conditional appends": 0, refused: 0 };
  readonly #acknowledged = new Map<string, Frame>();

  async write(server: Answering, _random: Random, writer: number): Promise<void> {
    const topic = `chains.${writer % CHAINS}`;
    for (let after: string | null = null; ; ) {
      const { status, text } = await ask(server, `/stream/${topic}`, {
        method: "POST",
        headers: { "xs-expect-last": after ?? "none", "xs-meta": JSON.stringify({ after }) },
      });
      if (status === 409) {
        this.counts.refused++;
        after = (JSON.parse(text) as { actual: string | null }).actual;
        continue;
      }
      expect([status, text]).toEqual([200, text]);
      const frame = JSON.parse(text) as Frame;
      this.#acknowledged.set(frame.id, frame);
      this.counts["conditional appends"]++;
      after = frame.id;
    }
  }

  async check(_server: Answering, log: Log): Promise<void> {
    for (let chain = 0; chain < CHAINS; chain++) {
      const frames = log.below(`chains.${chain}`);
      const named = frames.map(({ meta }) => (meta as { after: string | null }).after);
      expect(named).toEqual(frames.map((_, n) => frames[n - 1]?.id ?? null));
    }
    for (const [id, frame] of this.#acknowledged) expect(log.byId.get(id)).toEqual(frame);
  }
}
