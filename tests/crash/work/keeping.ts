import { expect } from "bun:test";
import { timestampOf } from "../../../src/core/id.ts";
import { type Answering, askFor } from "../../support/ask.ts";
import type { Random } from "../../support/random.ts";
import { until } from "../../support/wait.ts";
import type { Log, Work } from "../work.ts";

const KEPT = 5;
const AGE_MS = 1000;

/** Frames that rules of retention take, and that are forgotten by their topic. */
export class Keeping implements Work {
  readonly writers = 6;
  readonly counts = { "under a rule": 0, forgotten: 0 };
  /** The acknowledged ids by topic; of those to forget, without the ones that are gone for sure. */
  readonly #ids = new Map<string, string[]>();
  #hasRules = false;
  readonly #pause: number;

  /** @param pause how long each writer waits between two appends, in ms */
  constructor(pause = 0) {
    this.#pause = pause;
  }

  async write(server: Answering, random: Random, writer: number): Promise<void> {
    for (;;) {
      if (this.#pause > 0) await Bun.sleep(this.#pause);
      if (writer === 0) await this.#setRules(server);
      const kind = random.pick(["count", "count", "age", "forget"]);
      const topic = `keeping.${kind}.${writer}`;
      const ids = this.#ids.getOrInsertComputed(topic, () => []);
      const batch = Array.from(
        { length: 20 },
        () => `${JSON.stringify({ topic, meta: { temporary: true } })}\n`,
      ).join("");
      const { text } = await askFor(server, "/stream", { method: "POST", body: batch });
      for (const line of text.trimEnd().split("\n"))
        ids.push((JSON.parse(line) as { id: string }).id);
      if (kind !== "forget") {
        this.counts["under a rule"] += 20;
      } else if (random.chance(0.3)) {
        const answer = await askFor(server, `/stream/${topic}`, { method: "DELETE" });
        const counts = JSON.parse(answer.text.trimEnd().split("\n").at(-1) ?? "");
        // Frames that were not acknowledged may be among them; those that an earlier one removed are not.
        expect(counts.frames).toBeGreaterThanOrEqual(0);
        this.counts.forgotten += counts.frames;
        ids.length = 0;
      }
    }
  }

  async check(server: Answering, _log: Log): Promise<void> {
    if (this.#hasRules) {
      const rules = (await (await server.fetch("/-/keep")).text()).trimEnd().split("\n");
      expect(rules.map((line) => (JSON.parse(line) as { pattern: string }).pattern)).toEqual([
        "keeping.age.*",
        "keeping.count.*",
      ]);
    }
    for (const [topic, acknowledged] of this.#ids) {
      const found = await idsAtRest(server, topic);
      const gone = acknowledged.filter((id) => !found.includes(id));
      // The oldest go first, whatever takes them.
      expect(gone.every((id) => id < (found[0] ?? "~"))).toBe(true);
      if (topic.startsWith("keeping.count")) {
        expect(found.length).toBeGreaterThanOrEqual(Math.min(KEPT, acknowledged.length));
      }
      if (topic.startsWith("keeping.age")) {
        for (const id of gone) expect(timestampOf(id)).toBeLessThan(Date.now() - AGE_MS);
      }
    }
  }

  async finish(server: Answering): Promise<void> {
    if (!this.#hasRules) return;
    await until("the rules to be applied", async () => {
      const frames = await server.frames("/stream/keeping.*");
      const topics = Map.groupBy(frames, ({ topic }) => topic);
      // Nothing is younger than the age any more; of a count there is all that it keeps (as checked), and no more.
      return [...topics].every(
        ([topic, { length }]) =>
          topic.startsWith("keeping.forget") ||
          (topic.startsWith("keeping.count") && length <= KEPT),
      );
    });
  }

  async #setRules(server: Answering): Promise<void> {
    if (this.#hasRules) return;
    await askFor(server, `/-/keep/keeping.count.*?count=${KEPT}`, { method: "PUT" });
    await askFor(server, `/-/keep/keeping.age.*?age=${AGE_MS / 1000}s`, { method: "PUT" });
    this.#hasRules = true;
  }
}

/** The ids of a topic at one moment: a read takes several, and rules go on meanwhile. */
async function idsAtRest(server: Answering, topic: string): Promise<string[]> {
  let before = "";
  return until(`${topic} to be the same twice`, async () => {
    const ids = (await server.frames(`/stream/${topic}`)).map(({ id }) => id);
    const isSame = before === ids.join();
    before = ids.join();
    return isSame && ids;
  });
}
