// Machines with full disks and wrong clocks, and all of them without power at once.
import { describe, expect, setDefaultTimeout } from "bun:test";
import { appendFileSync, mkdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { firstIdAt, timestampOf } from "../../src/core/id.ts";
import { missingClock, ShiftedClock } from "../faults/shifted-clock.ts";
import { missingMount, Tmpfs } from "../faults/tmpfs.ts";
import { NatsServers } from "../support/nats.ts";
import { natsTest } from "../support/nats-test.ts";
import { Random, report, seedFrom } from "../support/random.ts";
import { RealNodes } from "../support/real-nodes.ts";
import { tempDirectory } from "../support/temp.ts";
import { TEST_MS, until } from "../support/wait.ts";
import { writesGoOn } from "./chaos/attacks.ts";
import { Campaign } from "./chaos/campaign.ts";

const SEED = seedFrom("XS_CHAOS_SEED");
const HOUR_MS = 3_600_000;

setDefaultTimeout(2 * TEST_MS);

const unmounted = missingMount();

describe.skipIf(unmounted !== undefined)(`disks${unmounted ? ` (${unmounted})` : ""}`, () => {
  natsTest(
    "a full disk of a node holds up that node alone: one that leads hands over",
    async () => {
      report(`XS_CHAOS_SEED=${SEED}`, []);
      const random = new Random(SEED);
      using disks = new Disks(3);
      await using nats = await NatsServers.start(3);
      await using nodes = await RealNodes.start({
        journal: () => nats.url("chaos"),
        home: (i) => disks.path(i),
      });
      await using campaign = await Campaign.begin(nodes, random);
      for (const which of ["one that follows", "the one that leads"]) {
        await campaign.round(async (clients) => {
          await writesGoOn(clients);
          const leader = await nodes.leader();
          const epoch = nodes.newest?.leader?.epoch ?? 0;
          const at = which === "the one that leads" ? leader : (leader + 1) % 3;
          disks.fill(at);
          const since = performance.now();
          if (at === leader) await nodes.leader(epoch);
          await writesGoOn(clients);
          const ms = Math.round(performance.now() - since);
          report(`the disk of ${which} is full: 20 writes after ${ms} ms`, []);
          // Reads go on there.
          expect((await nodes.server(at).frames()).length).toBeGreaterThan(0);
          disks.free(at);
          await writesGoOn(clients);
        });
      }
      await campaign.finish();
      const shown = Object.entries(campaign.counts).map(([name, count]) => `${name}: ${count}`);
      report(shown.join(", "), ["lost, doubled: 0"]);
    },
  );
});

/** Small disks, one each. */
class Disks implements Disposable {
  readonly #disks: Tmpfs[];

  constructor(count: number) {
    this.#disks = Array.from({ length: count }, () => new Tmpfs("64m"));
  }

  path(i: number): string {
    return this.#disks[i]?.path ?? "";
  }

  fill(i: number): void {
    for (let left = 64 * 1024; left > 0; left--) {
      try {
        appendFileSync(join(this.path(i), "filler"), Buffer.alloc(1024));
      } catch {
        return;
      }
    }
  }

  free(i: number): void {
    rmSync(join(this.path(i), "filler"));
  }

  [Symbol.dispose](): void {
    for (const disk of this.#disks) disk[Symbol.dispose]();
  }
}

describe.skipIf(missingClock !== undefined)(
  `clocks${missingClock ? ` (${missingClock})` : ""}`,
  () => {
    natsTest("of three clocks an hour apart, the one that is right leads", async () => {
      using home = tempDirectory();
      const clocks = [0, HOUR_MS, -HOUR_MS].map((ms, i) => {
        const folder = join(home.path, String(i));
        mkdirSync(folder);
        const clock = new ShiftedClock(folder);
        clock.set(ms);
        return clock;
      });
      await using nats = await NatsServers.start(1);
      await using nodes = await RealNodes.start({
        journal: () => nats.url("notes"),
        server: (i) => ({ env: clocks[i]?.env ?? {} }),
      });
      const ids: string[] = [];
      const appendOn = async (i: number): Promise<void> => {
        ids.push((await nodes.server(i).append("n")).id);
      };
      for (const i of nodes.all) await appendOn(i);
      expect(await nodes.leader()).toBe(0);
      for (const id of ids) {
        expect(Math.abs(timestampOf(id) - Date.now())).toBeLessThan(HOUR_MS / 2);
      }
      // Without it, one of the others does: a wrong clock is better than no leader, and ids still rise.
      const epoch = nodes.newest?.leader?.epoch ?? 0;
      await nodes.stop(0, "SIGKILL");
      await nodes.leader(epoch);
      for (const i of [1, 2, 1, 2]) await appendOn(i);
      await nodes.start(0);
      for (const i of nodes.all) await appendOn(i);
      expect(ids).toEqual(ids.toSorted());
      await nodes.atRest();
      const logs = await Promise.all(nodes.all.map((i) => nodes.server(i).frames("/?topic=n")));
      for (const log of logs) expect(log.map(({ id }) => id)).toEqual(ids);
    });
  },
);

natsTest("ids that are an hour ahead of all clocks keep nobody from leading", async () => {
  await using nats = await NatsServers.start(1);
  await using nodes = await RealNodes.start({ journal: () => nats.url("notes"), count: 2 });
  const id = firstIdAt(Date.now() + HOUR_MS);
  const frame = { topic: "n", id, hash: null, meta: null, ttl: "forever" };
  const response = await nodes.server(0).fetch("/import", {
    method: "POST",
    body: `${JSON.stringify(frame)}\n`,
  });
  expect([response.status, await response.text()]).toEqual([200, expect.any(String)]);
  await until("the other has it", async () => (await nodes.server(1).fetch(`/${id}`)).ok);
  await nodes.stop(0, "SIGKILL");
  const next = await until("the other leads", async () => {
    const answer = await nodes.server(1).fetch("/stream/n", { method: "POST" });
    return answer.ok && ((await answer.json()) as { id: string });
  });
  expect(next.id > id).toBe(true);
});
