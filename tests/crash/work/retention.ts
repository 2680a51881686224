import { expect } from "bun:test";
import type { Frame } from "../../../src/core/frame.ts";
import { type Answering, askFor } from "../../support/ask.ts";
import type { Random } from "../../support/random.ts";
import type { Log, Work } from "../work.ts";

const KEPT = 5;

/** Frames that go by themselves: `last:`, `time:` and ephemeral ones. */
export class Retention implements Work {
  readonly writers = 8;
  readonly counts = { "with a ttl": 0 };
  readonly #last = new Map<string, string[]>();
  readonly #long = new Map<string, Frame>();
  readonly #ephemeral = new Set<string>();

  async write(server: Answering, random: Random, writer: number): Promise<void> {
    for (;;) {
      const ttl = random.pick([
        `last:${KEPT}`,
        `last:${KEPT}`,
        "time:30",
        "time:3600000",
        "ephemeral",
      ]);
      const kind = ttl.split(":")[0] as string;
      const topic = `retention.${kind}.${writer}`;
      const { text } = await askFor(server, `/stream/${topic}?ttl=${ttl}`, {
        method: "POST",
        body: `content ${random.next()}`,
      });
      const frame = JSON.parse(text) as Frame;
      if (kind === "last") this.#last.set(topic, [...(this.#last.get(topic) ?? []), frame.id]);
      if (kind === "ephemeral") this.#ephemeral.add(frame.id);
      if (ttl === "time:3600000") this.#long.set(frame.id, frame);
      this.counts["with a ttl"]++;
    }
  }

  async check(_server: Answering, log: Log): Promise<void> {
    for (const [topic, acknowledged] of this.#last) {
      const found = log.below(topic).map(({ id }) => id);
      expect(found.length).toBeLessThanOrEqual(KEPT);
      expect(found.length).toBeGreaterThanOrEqual(Math.min(KEPT, acknowledged.length));
      // What is not there any more is older than all that is.
      const gone = acknowledged.filter((id) => !found.includes(id));
      expect(gone.every((id) => id < (found[0] ?? ""))).toBe(true);
    }
    for (const [id, frame] of this.#long) expect(log.byId.get(id)).toEqual(frame);
    for (const id of this.#ephemeral) expect(log.byId.has(id)).toBe(false);
  }
}
