import { expect } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { Frame } from "../../../src/core/frame.ts";
import type { Home } from "../../cli/run-xs.ts";
import { type Answering, askFor } from "../../support/ask.ts";
import { type AnyFrame, recordOf } from "../../support/processors.ts";
import type { Random } from "../../support/random.ts";
import { reaches } from "../../support/wait.ts";
import type { Log, Work } from "../work.ts";

const NAME = "tries";
const RETRIES = 2;
/** More than the handler tries. */
const ALWAYS = 99;
/** How long a writer waits between two events and two looks, in ms. */
const PAUSE_MS = 60;

interface HandlerRecord {
  readonly cursor: string;
  readonly retry?: { readonly frame_id: string; readonly failures: number };
}

/** A handler whose frames fail as often as they say, and come again: over restarts too, until it gives some of them up. */
export class Attempts implements Work {
  readonly writers = 1;
  readonly counts = { "frames of a handler that retries": 0, attempts: 0, "given up": 0 };
  /** The world outside: a line for each attempt. */
  readonly #attempts: string;
  readonly #acknowledged: string[] = [];
  /** What the store has last said of the handler. */
  #seen: HandlerRecord = { cursor: "" };

  constructor(home: Home) {
    this.#attempts = join(home.path, "attempts");
  }

  async prepare(home: Home): Promise<void> {
    const script = `
      import { appendFileSync, readFileSync } from "node:fs";
      const file = ${JSON.stringify(this.#attempts)};
      export default {
        topics: ["try"], on_error: "retry", retries: ${RETRIES}, initial: 0,
        run({ id, meta }, count, xs) {
          appendFileSync(file, id + "\\n");
          const attempts = readFileSync(file, "utf8").split("\\n").filter((line) => line === id);
          xs.append("tried");
          if (attempts.length <= meta.failures) throw new Error("not yet");
          return { out: { count }, next: count + 1 };
        },
      }`;
    const file = join(home.path, "tries.ts");
    await Bun.write(file, script);
    await home.ok(["handler", "add", "-s", home.store, NAME, file]);
  }

  async write(server: Answering, random: Random): Promise<void> {
    for (;;) {
      // A frame that fails holds up those behind it: now and then one comes.
      if (random.chance(0.2)) {
        const failures = random.pick([0, 0, 0, 0, 0, 0, 0, 1, 1, RETRIES, ALWAYS]);
        const headers = { "xs-meta": JSON.stringify({ failures }) };
        const { text } = await askFor(server, "/stream/try", { method: "POST", headers });
        this.#acknowledged.push((JSON.parse(text) as Frame).id);
      }
      this.#look(await recordOf(server, "handler", NAME));
      await Bun.sleep(random.below(PAUSE_MS));
    }
  }

  async check(server: Answering, log: Log): Promise<void> {
    for (const id of this.#acknowledged) expect([id, log.byId.has(id)]).toEqual([id, true]);
    this.#look(await recordOf(server, "handler", NAME));
    const frames = log.below("try") as AnyFrame[];
    const results = log.frames.filter(
      ({ topic }) => topic === `${NAME}.out` || topic === `${NAME}.error`,
    ) as AnyFrame[];
    expect(results.map(({ meta }) => meta.frame_id)).toEqual(
      frames.slice(0, results.length).map(({ id }) => id),
    );
    let count = 0;
    for (const [n, { topic, meta }] of results.entries()) {
      const isGivenUp = topic.endsWith(".error");
      expect([n, isGivenUp]).toEqual([n, frames[n]?.meta.failures === ALWAYS]);
      if (isGivenUp) expect(meta.failures).toBe(RETRIES + 1);
      else expect(meta.count).toBe(count++);
    }
    // Nothing of an attempt that failed is kept.
    expect(log.below("tried").length).toBe(count);
    this.counts["frames of a handler that retries"] = results.length;
    this.counts["given up"] = results.length - count;
  }

  async finish(server: Answering): Promise<void> {
    const frames = (await server.frames("/stream/try")) as AnyFrame[];
    await reaches("the end of all attempts", frames.at(-1)?.id ?? "", async () => {
      const record = (await recordOf(server, "handler", NAME)) as HandlerRecord;
      this.#look(record);
      return record.cursor;
    });
    const attempts = readFileSync(this.#attempts, "utf8").trimEnd().split("\n");
    const byFrame = Map.groupBy(attempts, (id) => id);
    let needed = 0;
    for (const { id, meta } of frames) {
      const least = Math.min(meta.failures, RETRIES) + 1;
      expect(byFrame.get(id)?.length ?? 0).toBeGreaterThanOrEqual(least);
      needed += least;
    }
    const starts = (await server.frames("/stream/stream.cross.start")).length;
    // A kill can take from the store the one attempt that went on: that one is made again, and no more.
    expect(attempts.length - needed).toBeLessThanOrEqual(starts);
    this.counts.attempts = attempts.length;
  }

  /** What the store says of the handler only grows, whatever was killed meanwhile. */
  #look(record: HandlerRecord): void {
    const { cursor, retry } = this.#seen;
    expect(record.cursor >= cursor).toBe(true);
    if (record.cursor === cursor && retry !== undefined) {
      expect(record.retry?.frame_id).toBe(retry.frame_id);
      expect(record.retry?.failures).toBeGreaterThanOrEqual(retry.failures);
    }
    this.#seen = record;
  }
}
