// Kills a server again and again while commands, schedules, rules, due appends and retries are at work.
import { expect, setDefaultTimeout, test } from "bun:test";
import { Home } from "../cli/run-xs.ts";
import { Gone } from "../support/ask.ts";
import { Random, report, seedFrom, setting } from "../support/random.ts";
import { Server, startServer } from "../support/server.ts";
import { TEST_MS } from "../support/wait.ts";
import { Attempts } from "./work/attempts.ts";
import { Commands } from "./work/commands.ts";
import { Keeping } from "./work/keeping.ts";
import { Schedules } from "./work/schedules.ts";
import { Slots } from "./work/slots.ts";
import { Log, type Work } from "./work.ts";

const KILLS = setting("XS_AUTOMATION_KILLS", 6);
const SEED = seedFrom("XS_AUTOMATION_SEED");
/** How long after its start the server is killed at most, in ms. */
const LONGEST_MS = 1500;
/** The same for a server that still starts. */
const START_MS = 300;
/** How long the writers that need no process wait between two appends, in ms. */
const PAUSE_MS = 20;

setDefaultTimeout(TEST_MS * Math.ceil(1 + KILLS / 10));

test(`${KILLS} kills while commands, a schedule, due appends, rules and retries are at work: nothing is lost, doubled or forgotten`, async () => {
  const command = `XS_AUTOMATION_KILLS=${KILLS} XS_AUTOMATION_SEED=${SEED}`;
  report(command, []);
  const started = performance.now();
  const random = new Random(SEED);
  using home = new Home();
  const prepared = [new Commands(home), new Slots(), new Attempts(home)];
  const works: Work[] = [...prepared, new Schedules(PAUSE_MS), new Keeping(PAUSE_MS)];
  {
    await using server = await startServer(home.store);
    for (const work of prepared) await work.prepare(home);
    await server.stop("SIGKILL");
  }
  let whileStarting = 0;
  for (let kill = 0; kill < KILLS; kill++) {
    if (random.chance(0.2)) {
      whileStarting++;
      await using starting = new Server(home.store);
      await Bun.sleep(random.below(START_MS));
      await starting.stop("SIGKILL");
    }
    await using server = await startServer(home.store);
    await check(server, works);
    await workUntilKilled(server, works, random);
  }
  await using server = await startServer(home.store);
  for (const work of works) await work.finish?.(server);
  await check(server, works);
  expect(await server.stop("SIGTERM")).toBe(0);
  const { code, stdout } = await home.xs(["verify", home.store]);
  expect([code, stdout]).toEqual([0, ""]);
  const seconds = ((performance.now() - started) / 1000).toFixed(0);
  const counts = works.flatMap((work) => Object.entries(work.counts));
  report(command, [
    `${KILLS} kills at work, ${whileStarting} more while the server started, ${seconds} s`,
    counts.map(([name, count]) => `${name}: ${count}`).join(", "),
    "lost, doubled: 0",
  ]);
});

async function workUntilKilled(server: Server, works: readonly Work[], random: Random) {
  const writers = works.flatMap((work) =>
    Array.from({ length: work.writers }, (_, n) => work.write(server, random.fork(), n)),
  );
  const ends = Promise.allSettled(writers);
  await Bun.sleep(random.below(LONGEST_MS));
  await server.stop("SIGKILL");
  for (const end of await ends) {
    if (end.status === "rejected" && !(end.reason instanceof Gone)) throw end.reason;
  }
}

/** Compares a server with everything that was acknowledged. */
async function check(server: Server, works: readonly Work[]): Promise<void> {
  const log = new Log(await server.frames());
  for (const work of works) await work.check(server, log);
  expect(log.below("stream.cross.handler.failed")).toEqual([]);
  expect(log.below("stream.cross.generator.failed")).toEqual([]);
}
