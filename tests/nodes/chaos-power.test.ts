// The power of all three machines fails at once: what no disk has synced is gone.
import { describe, expect, setDefaultTimeout } from "bun:test";
import { CutDisk, missingCut } from "../faults/cut-disk.ts";
import { isFrozen } from "../support/frozen.ts";
import { NatsServers } from "../support/nats.ts";
import { natsTest } from "../support/nats-test.ts";
import { Random, report, seedFrom, setting } from "../support/random.ts";
import { RealNodes } from "../support/real-nodes.ts";
import { TEST_MS, until } from "../support/wait.ts";
import { writesGoOn } from "./chaos/attacks.ts";
import { Campaign } from "./chaos/campaign.ts";

const CUTS = setting("XS_CHAOS_POWER_CUTS", 1);
const SEED = seedFrom("XS_CHAOS_SEED");

setDefaultTimeout(TEST_MS * (1 + CUTS));

const missing = missingCut();

describe.skipIf(missing !== undefined)(`power${missing ? ` (${missing})` : ""}`, () => {
  natsTest(
    "all machines lose their power at once: nothing that was acknowledged is lost",
    async () => {
      report(`XS_CHAOS_POWER_CUTS=${CUTS} XS_CHAOS_SEED=${SEED}`, []);
      const random = new Random(SEED);
      using disks = new Disks(3);
      const home = (i: number): string => disks.all[i]?.path ?? "";
      await using nats = await NatsServers.start(3, { home });
      await using nodes = await RealNodes.start({ journal: () => nats.url("chaos"), home });
      await using campaign = await Campaign.begin(nodes, random);
      for (let cut = 0; cut < CUTS; cut++) {
        await campaign.round(async (clients) => {
          await writesGoOn(clients);
          await Bun.sleep(random.next() * 2000);
          // A process does nothing more once its power is gone.
          for (const i of nodes.all) {
            nodes.freeze(i);
            nats.freeze(i);
          }
          const pids = nodes.all.flatMap((i) => [nodes.server(i).pid, nats.pid(i)]);
          await until("all are frozen", () => pids.every(isFrozen));
          for (const disk of disks.all) disk.cut();
          await Promise.all(nodes.all.map((i) => nodes.stop(i, "SIGKILL")));
          await Promise.all(nodes.all.map((i) => nats.kill(i)));
          for (const disk of disks.all) {
            // A command of a handler may be there for a moment more.
            await until("the disk is free", () => disk.restore());
          }
          await Promise.all(nodes.all.map((i) => nats.start(i)));
          await Promise.all(nodes.all.map((i) => nodes.start(i)));
          await writesGoOn(clients);
        });
        report(`power cut ${cut + 1}`, []);
      }
      await campaign.finish();
      const shown = Object.entries(campaign.counts).map(([name, count]) => `${name}: ${count}`);
      report(`${CUTS} power cuts of all three`, [shown.join(", "), "lost, doubled: 0"]);
    },
  );

  natsTest("a disk whose power is cut has what was synced, and nothing else", async () => {
    using disk = new CutDisk(16);
    const script = `
      const fs = require("node:fs");
      process.chdir(${JSON.stringify(disk.path)});
      const sync = (path) => fs.fsyncSync(fs.openSync(path, "r"));
      fs.writeFileSync("synced", "one"); sync("synced"); sync(".");
      fs.appendFileSync("synced", "two"); fs.writeFileSync("lost", "three");`;
    expect(Bun.spawnSync([process.execPath, "-e", script]).exitCode).toBe(0);
    disk.cut();
    await until("the disk is free", () => disk.restore());
    expect(await Bun.file(`${disk.path}/synced`).text()).toBe("one");
    expect(await Bun.file(`${disk.path}/lost`).exists()).toBe(false);
  });
});

class Disks implements Disposable {
  readonly all: readonly CutDisk[];

  constructor(count: number) {
    this.all = Array.from({ length: count }, () => new CutDisk(1024));
  }

  [Symbol.dispose](): void {
    for (const disk of this.all) disk[Symbol.dispose]();
  }
}
