import { expect } from "bun:test";
import type { Frame } from "../../../src/core/frame.ts";
import { type Answering, ask, askFor } from "../../support/ask.ts";
import type { Random } from "../../support/random.ts";
import { parseLines } from "../../support/server.ts";
import { until } from "../../support/wait.ts";
import type { Work } from "../work.ts";

/** How long after its append one is due at most, in ms: some come due while the server is down. */
const LONGEST_MS = 800;

interface Scheduled {
  readonly scheduled: string;
  readonly topic: string;
  readonly meta: { readonly n: number };
}

/** Appends for times to come, some of which are taken back, and for times that have passed. */
export class Schedules implements Work {
  readonly writers = 4;
  readonly counts = { scheduled: 0, "taken back": 0, "in the past": 0 };
  /** By number: what was acknowledged and not taken back. */
  readonly #kept = new Set<number>();
  readonly #takenBack = new Set<number>();
  /** By number, the times of those that were acknowledged before they were due, in ms: these come in order. */
  readonly #times = new Map<number, number>();
  readonly #pause: number;
  #next = 0;

  /** @param pause how long each writer waits between two appends, in ms */
  constructor(pause = 0) {
    this.#pause = pause;
  }

  async write(server: Answering, random: Random): Promise<void> {
    for (;;) {
      if (this.#pause > 0) await Bun.sleep(this.#pause);
      const n = this.#next++;
      const ahead = random.chance(0.2) ? -1e7 : random.below(LONGEST_MS);
      const at = new Date(Date.now() + ahead);
      const { status, text } = await askFor(server, `/stream/timed?at=${at.toISOString()}`, {
        method: "POST",
        body: contentOf(n),
        headers: { "xs-meta": JSON.stringify({ n }) },
      });
      if (status === 202 && Date.now() < at.getTime()) this.#times.set(n, at.getTime());
      if (status === 202) await this.#scheduled(server, random, n, text);
      else {
        this.#kept.add(n);
        this.counts["in the past"]++;
      }
    }
  }

  async #scheduled(server: Answering, random: Random, n: number, text: string): Promise<void> {
    this.counts.scheduled++;
    if (!random.chance(0.2)) {
      this.#kept.add(n);
      return;
    }
    const { scheduled } = JSON.parse(text) as Scheduled;
    const { status } = await ask(server, `/-/scheduled/${scheduled}`, { method: "DELETE" });
    if (status === 404) {
      this.#kept.add(n);
      return;
    }
    expect(status).toBe(204);
    this.#takenBack.add(n);
    this.counts["taken back"]++;
  }

  async check(server: Answering): Promise<void> {
    // What moves in between is in the second.
    const waiting = await this.#waiting(server);
    const frames = await server.frames("/stream/timed?content=inline");
    const found = frames.map(({ meta }) => (meta as { n: number }).n);
    expect(new Set(found).size).toBe(found.length);
    const times = found.flatMap((n) => this.#times.get(n) ?? []);
    expect(times).toEqual(times.toSorted((one, other) => one - other));
    const there = new Set([...found, ...waiting]);
    for (const n of this.#kept) expect([n, there.has(n)]).toEqual([n, true]);
    for (const n of this.#takenBack) expect([n, there.has(n)]).toEqual([n, false]);
    for (const frame of frames) {
      const { meta, content } = frame as Frame & { content?: string };
      expect(content).toBe(contentOf((meta as { n: number }).n));
    }
  }

  async finish(server: Answering): Promise<void> {
    await until("all that is scheduled is appended", async () => {
      return (await this.#waiting(server)).length === 0;
    });
  }

  async #waiting(server: Answering): Promise<number[]> {
    const lines = parseLines((await askFor(server, "/-/scheduled")).text) as unknown as Scheduled[];
    return lines.filter(({ topic }) => topic === "timed").map(({ meta }) => meta.n);
  }
}

/** Small, and now and then large: a file before the schedule commits. */
function contentOf(n: number): string {
  return n % 10 === 0 ? `large ${n} `.repeat(10_000) : `content ${n % 50}`;
}
