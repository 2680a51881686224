import { expect } from "bun:test";
import type { Frame } from "../../../src/core/frame.ts";
import { type Answering, askFor } from "../../support/ask.ts";
import type { Random } from "../../support/random.ts";
import { until } from "../../support/wait.ts";
import type { Log, Work } from "../work.ts";

/** Its output, its pair and its state tell of the same frames, or a step was torn. */
const SCRIPT = `export default {
  topics: ["handled.in"], initial: 0,
  async run({ id }, state, xs) {
    await xs.kv.put("handled/count", state + 1);
    return { out: { n: state }, next: state + 1 };
  },
}`;

/** A handler, which after each kill goes on where it was. */
export class Handlers implements Work {
  readonly writers = 2;
  readonly counts = { "frames handled": 0 };
  #spawned = false;

  async write(server: Answering, _random: Random, writer: number): Promise<void> {
    if (writer === 0 && !this.#spawned) {
      const headers = { "xs-meta": '{"topic":"handled"}', "idempotency-key": "handled" };
      const path = "/stream/stream.cross.handler.spawn";
      await askFor(server, path, { method: "POST", body: SCRIPT, headers });
      this.#spawned = true;
    }
    for (;;) await askFor(server, "/stream/handled.in", { method: "POST" });
  }

  async check(_server: Answering, log: Log): Promise<void> {
    const outputs = log.below("handled.out");
    // It begins at its spawn, and what comes after that it has handled in order up to some frame.
    const spawned = spawnIn(log.below("stream.cross.handler.spawn"))?.id ?? "";
    const inputs = log.below("handled.in").filter(({ id }) => id > spawned);
    expect(outputs.map(({ meta }) => meta)).toEqual(
      inputs
        .slice(0, outputs.length)
        .map(({ id }, n) => ({ n, handler_id: spawned, frame_id: id })),
    );
    expect(log.below("stream.cross.handler.failed")).toEqual([]);
    this.counts["frames handled"] = outputs.length;
  }

  async finish(server: Answering): Promise<void> {
    if (!this.#spawned) return;
    const spawned = spawnIn(await server.frames("/?topic=stream.cross.handler.spawn"));
    const inputs = await server.frames(`/?topic=handled.in&last-id=${spawned?.id}`);
    await until("all to be handled", async () => {
      const outputs = await server.frames("/?topic=handled.out");
      return outputs.length === inputs.length;
    });
    if (inputs.length === 0) return;
    const { text } = await askFor(server, "/kv/handled%2Fcount");
    expect(JSON.parse(text)).toBe(inputs.length);
  }
}

function spawnIn(spawns: readonly Frame[]): Frame | undefined {
  return spawns.find(({ meta }) => (meta as { topic?: string }).topic === "handled");
}
