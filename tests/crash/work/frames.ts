import { expect } from "bun:test";
import type { Frame } from "../../../src/core/frame.ts";
import { type Answering, ask, askFor } from "../../support/ask.ts";
import type { Random } from "../../support/random.ts";
import type { Log, Work } from "../work.ts";

/**
 * The content of the frame with this number: small, large (a file before the frame commits), none,
 * or one that many frames share.
 */
function contentOf(n: number): string {
  if (n % 9 === 0) return `large ${n} `.repeat(10_000);
  if (n % 9 === 1) return `staged ${n} `.repeat(5_000);
  if (n % 9 === 2) return "";
  if (n % 9 < 5) return `shared ${n % 7}`;
  return `small ${n} `.repeat(1 + (n % 40));
}

/** Frames with content of all sizes, and removals. */
export class Frames implements Work {
  readonly writers = 24;
  readonly counts = { appends: 0, removals: 0 };
  readonly #frames = new Map<string, Frame>();
  readonly #removed = new Set<string>();
  /** Their removal was asked for but not acknowledged: they may be there or not. */
  readonly #unsure = new Set<string>();
  #next = 0;
  #checkedContent = "";

  async write(server: Answering, random: Random, writer: number): Promise<void> {
    for (;;) {
      const n = this.#next++;
      const temporary = random.chance(0.2);
      const { text } = await askFor(server, `/stream/frames.${writer}`, {
        method: "POST",
        body: contentOf(n),
        headers: { "xs-meta": JSON.stringify(temporary ? { n, temporary } : { n }) },
      });
      const frame = JSON.parse(text) as Frame;
      this.#frames.set(frame.id, frame);
      this.counts.appends++;
      if (temporary) await this.#remove(server, frame.id);
    }
  }

  async #remove(server: Answering, id: string): Promise<void> {
    this.#unsure.add(id);
    await askFor(server, `/${id}`, { method: "DELETE" });
    this.#removed.add(id);
    this.#unsure.delete(id);
    this.counts.removals++;
  }

  async check(server: Answering, log: Log): Promise<void> {
    for (const [id, frame] of this.#frames) {
      const found = log.byId.get(id);
      if (this.#removed.has(id)) expect(`removed: ${found?.id}`).toBe("removed: undefined");
      else if (!this.#unsure.has(id)) expect(found).toEqual(frame);
    }
    const numbers = log.below("frames").map(({ meta }) => (meta as { n: number }).n);
    expect(new Set(numbers).size).toBe(numbers.length);
    await this.#checkContent(server, log);
  }

  /** Fetches what came since the last check; `xs verify` looks at the rest. */
  async #checkContent(server: Answering, log: Log): Promise<void> {
    for (const { id, meta } of log.below("frames")) {
      if (id <= this.#checkedContent) continue;
      const wanted = contentOf((meta as { n: number }).n);
      const { status, text } = await ask(server, `/${id}/content`);
      if (wanted === "") expect(status).toBe(404);
      else expect([id, status, text === wanted]).toEqual([id, 200, true]);
    }
    this.#checkedContent = log.frames.at(-1)?.id ?? "";
  }
}
