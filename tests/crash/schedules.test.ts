// Kills a server again and again while appends come due, and others are scheduled.
import { expect, setDefaultTimeout, test } from "bun:test";
import { Home } from "../cli/run-xs.ts";
import { Gone } from "../support/ask.ts";
import { Random, report, seedFrom, setting } from "../support/random.ts";
import { startServer } from "../support/server.ts";
import { expectSound } from "../support/store.ts";
import { TEST_MS, until } from "../support/wait.ts";
import { Schedules } from "./work/schedules.ts";

const ROUNDS = setting("XS_SCHEDULE_ROUNDS", 15);
const SEED = seedFrom("XS_SCHEDULE_SEED");
/** How long after its start the server is killed at most, in ms. */
const LONGEST_MS = 500;

setDefaultTimeout(TEST_MS * Math.ceil(ROUNDS / 20));

/** A handler that answers each of the appends. */
const HANDLER = `export default {
  topics: ["timed"], start: "first",
  run: ({ meta }) => ({ out: { n: meta.n } }),
}`;

test("what is scheduled comes once over kill -9, and so does what a handler makes of it", async () => {
  report(`XS_SCHEDULE_ROUNDS=${ROUNDS} XS_SCHEDULE_SEED=${SEED}`, []);
  const random = new Random(SEED);
  using home = new Home();
  const schedules = new Schedules();
  const spawn = ["append", home.store, "stream.cross.handler.spawn", HANDLER, "-F", "topic=seen"];
  await home.ok(spawn);
  for (let round = 0; round < ROUNDS; round++) {
    await using server = await startServer(home.store);
    await schedules.check(server);
    const writers = Array.from({ length: schedules.writers }, () =>
      schedules.write(server, random.fork()),
    );
    const ends = Promise.allSettled(writers);
    await Bun.sleep(random.next() * LONGEST_MS);
    await server.stop(random.chance(0.2) ? "SIGTERM" : "SIGKILL");
    for (const end of await ends) {
      if (end.status === "rejected" && !(end.reason instanceof Gone)) throw end.reason;
    }
  }
  await using server = await startServer(home.store);
  await schedules.finish(server);
  await schedules.check(server);
  const numbers = async (topic: string) => {
    const frames = await server.frames(`/stream/${topic}`);
    return frames.map(({ meta }) => (meta as { n: number }).n);
  };
  const timed = await numbers("timed");
  await until("the handler has them all", async () => {
    return (await numbers("seen.out")).length >= timed.length;
  });
  const order = (numbers: readonly number[]) => numbers.toSorted((one, other) => one - other);
  expect(order(await numbers("seen.out"))).toEqual(order(timed));
  expect(await server.stop("SIGTERM")).toBe(0);
  await expectSound(home.store);
  const shown = Object.entries(schedules.counts)
    .map(([name, count]) => `${name}: ${count}`)
    .join(", ");
  report(`${ROUNDS} rounds`, [shown, "lost, doubled: 0"]);
});
