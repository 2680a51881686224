import { expect, setDefaultTimeout, test } from "bun:test";
import { join } from "node:path";
import type { Frame } from "../../src/frame/frame.ts";
import { randomNumbers } from "../support/random.ts";
import { Server, startServer, tempDirectory } from "../support/server.ts";
import { expectSound } from "../support/store.ts";
import { TEST_MS, until } from "../support/wait.ts";

/** `XS_CRASH_ROUNDS=50` for the full run; `XS_CRASH_SEED` to run one again. */
const ROUNDS = Number(process.env.XS_CRASH_ROUNDS ?? 10);
const SEED = Number(process.env.XS_CRASH_SEED ?? Date.now() % 2 ** 31);
const WRITERS = 6;

setDefaultTimeout(TEST_MS * Math.ceil(ROUNDS / 10));

/** Content that is different for each number: every fifth is larger than what rides in a commit. */
function contentOf(n: number): string {
  return `content ${n} `.repeat(n % 5 === 0 ? 8000 : 1 + (n % 40));
}

/** All that was acknowledged, over all rounds. */
class Record {
  readonly frames = new Map<string, Frame>();
  readonly removed = new Set<string>();
  /** Frames whose removal was asked for but not acknowledged: they may be there or not. */
  readonly unsure = new Set<string>();
  next = 0;
  acknowledged = 0;

  /** Appends, and now and then removes, until the server is gone. */
  async write(server: Server): Promise<void> {
    try {
      for (;;) {
        const n = this.next++;
        const frame = await server.append("crash", contentOf(n), { "xs-meta": String(n) });
        this.frames.set(frame.id, frame);
        this.acknowledged++;
        if (n % 7 !== 0) continue;
        this.unsure.add(frame.id);
        const { status } = await server.fetch(`/${frame.id}`, { method: "DELETE" });
        if (status !== 204) continue;
        this.removed.add(frame.id);
        this.unsure.delete(frame.id);
      }
    } catch {
      // The server was killed under way: whatever is not acknowledged may be kept or not.
    }
  }

  /** Compares a server's whole log with what was acknowledged; gives the ids of the log. */
  async check(server: Server): Promise<string[]> {
    const log = await server.frames();
    const ids = log.map(({ id }) => id);
    expect(ids).toEqual([...new Set(ids)].sort());
    const found = new Map(log.map((frame) => [frame.id, frame]));
    for (const [id, frame] of this.frames) {
      if (this.removed.has(id)) expect([id, found.has(id)]).toEqual([id, false]);
      else if (!this.unsure.has(id)) expect(found.get(id)).toEqual(frame);
    }
    const numbers = log.filter(({ topic }) => topic === "crash").map(({ meta }) => meta);
    expect(new Set(numbers).size).toBe(numbers.length);
    return ids;
  }

  /** Fetches content of the frames with ids above this one. */
  async checkContent(server: Server, above: string): Promise<void> {
    for (const { id, meta } of await server.frames("/?topic=crash")) {
      if (id <= above) continue;
      const response = await server.fetch(`/${id}/content`);
      expect([id, response.status]).toEqual([id, 200]);
      expect((await response.text()) === contentOf(Number(meta))).toBe(true);
    }
  }
}

test("kill -9 at any moment loses, doubles and tears nothing that was acknowledged, and ids go on increasing", async () => {
  process.stderr.write(`XS_CRASH_ROUNDS=${ROUNDS} XS_CRASH_SEED=${SEED}\n`);
  const random = randomNumbers(SEED);
  using home = tempDirectory();
  const directory = join(home.path, "store");
  const record = new Record();
  let newest = "";
  for (let round = 0; round < ROUNDS; round++) {
    if (round % 3 === 2) {
      // Killed while it starts, too, when it takes up what the last kill left.
      await using starting = new Server(directory);
      await Bun.sleep(random() * 120);
      await starting.stop("SIGKILL");
    }
    const before = newest;
    {
      await using server = await startServer(directory);
      newest = [newest, ...(await record.check(server))].sort().at(-1) ?? "";
      const writers = Array.from({ length: WRITERS }, () => record.write(server));
      const enough = record.acknowledged + 1 + Math.floor(random() * 150);
      await until("some acknowledged frames", () => record.acknowledged >= enough);
      await Bun.sleep(random() * 20);
      await server.stop("SIGKILL");
      await Promise.all(writers);
    }
    await using server = await startServer(directory);
    await record.check(server);
    await record.checkContent(server, before);
    newest = [newest, ...record.frames.keys()].sort().at(-1) ?? "";
    const next = await server.append("after");
    expect(next.id > newest).toBe(true);
    newest = next.id;
    await server.stop("SIGKILL");
  }
  await using server = await startServer(directory);
  await record.check(server);
  await record.checkContent(server, "");
  expect(await server.stop("SIGTERM")).toBe(0);
  await expectSound(directory);
});
