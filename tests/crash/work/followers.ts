import { expect } from "bun:test";
import type { Frame } from "../../../src/core/frame.ts";
import { type Answering, Gone } from "../../support/ask.ts";
import type { Random } from "../../support/random.ts";
import type { Log, Work } from "../work.ts";

const THRESHOLD = "stream.cross.threshold";

/** Readers that follow, and after a kill go on after the last id that they have seen. */
export class Followers implements Work {
  readonly writers = 4;
  readonly counts = { "frames followed": 0 };
  readonly #seen = new Map<number, Frame[]>();

  async write(server: Answering, _random: Random, follower: number): Promise<void> {
    const seen = this.#seen.get(follower) ?? [];
    this.#seen.set(follower, seen);
    const last = seen.at(-1);
    let thresholds = 0;
    for await (const frame of follow(server, last?.id)) {
      if (frame.topic === THRESHOLD) thresholds++;
      seen.push(frame);
      this.counts["frames followed"]++;
    }
    expect(thresholds).toBeLessThanOrEqual(1);
    throw new Gone("the stream ended");
  }

  async check(_server: Answering, log: Log): Promise<void> {
    for (const seen of this.#seen.values()) expectFollowed(seen, log);
  }
}

/** That a reader which followed missed nothing up to the last frame that it was given, over all the servers. */
export function expectFollowed(seen: readonly Frame[], log: Log): void {
  const ids = seen.map(({ id }) => id);
  // Each once and in order.
  const back = ids.findIndex((id, n) => id <= (ids[n - 1] ?? ""));
  expect(back < 0 ? [] : seen.slice(Math.max(0, back - 2), back + 2)).toEqual([]);
  const known = new Set(ids);
  const newest = ids.at(-1) ?? "";
  const missed = log.frames.filter(({ id }) => id <= newest && !known.has(id));
  expect(missed).toEqual([]);
  // What a reader was given is not taken back by a kill.
  for (const frame of seen) if (isKept(frame)) expect(log.byId.get(frame.id)).toEqual(frame);
}

function isKept({ ttl, meta }: Frame): boolean {
  return ttl === "forever" && (meta as { temporary?: true } | null)?.temporary !== true;
}

/** The frames that come, until the server is gone. */
async function* follow(server: Answering, lastId: string | undefined): AsyncGenerator<Frame> {
  const decoder = new TextDecoder();
  let rest = "";
  try {
    const start = lastId === undefined ? "" : `&last-id=${lastId}`;
    const { body } = await server.fetch(`/?follow${start}`);
    for await (const bytes of body ?? []) {
      const lines = (rest + decoder.decode(bytes, { stream: true })).split("\n");
      rest = lines.pop() ?? "";
      for (const line of lines) yield JSON.parse(line) as Frame;
    }
  } catch (error) {
    if (error instanceof SyntaxError) throw error;
  }
}
