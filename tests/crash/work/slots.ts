import { expect } from "bun:test";
import type { Home } from "../../cli/run-xs.ts";
import { type Answering, askFor } from "../../support/ask.ts";
import { recordOf } from "../../support/processors.ts";
import { parseLines } from "../../support/server.ts";
import { until } from "../../support/wait.ts";
import type { Work } from "../work.ts";

const NAME = "tick";
const EVERY_MS = 1000;
/** Prints what the store remembers of the run while it goes on. */
const SCRIPT = `"$XS" kv get stream.cross.generator/${NAME}`;

/** A generator with a schedule: no slot has two runs, and a missed one is made up for. */
export class Slots implements Work {
  readonly writers = 0;
  readonly counts = { "runs of a schedule": 0, "in slots": 0 };

  async prepare(home: Home): Promise<void> {
    await home.ok(["generator", "add", "-s", home.store, NAME, "--every", "1s", "--", SCRIPT]);
  }

  async write(): Promise<void> {}

  async check(server: Answering): Promise<void> {
    const { text } = await askFor(server, `/stream/${NAME}.recv?content=inline`);
    const slots = parseLines(text).map((frame) => {
      const { anchor, until } = JSON.parse((frame as unknown as { content: string }).content);
      return Math.floor((Date.parse(until) - Date.parse(anchor)) / EVERY_MS);
    });
    expect(slots).toEqual([...new Set(slots)].sort((one, other) => one - other));
    this.counts["runs of a schedule"] = slots.length;
    this.counts["in slots"] = slots.at(-1) ?? 0;
  }

  async finish(server: Answering): Promise<void> {
    const { until: before } = await recordOf(server, "generator", NAME);
    const runs = async () => (await server.frames(`/stream/${NAME}.recv`)).length;
    const ran = await runs();
    await until("two more runs", async () => (await runs()) >= ran + 2);
    expect(String((await recordOf(server, "generator", NAME)).until) > String(before)).toBe(true);
  }
}
