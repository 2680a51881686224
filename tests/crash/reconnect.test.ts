// Kills a server under writers, again and again, while commands follow it with --reconnect: what they print is exact.
import { expect, setDefaultTimeout, test } from "bun:test";
import { Home } from "../cli/run-xs.ts";
import { Follower } from "../support/follower.ts";
import { importLate } from "../support/late.ts";
import { Random, report, seedFrom, setting } from "../support/random.ts";
import { type Server, startServer } from "../support/server.ts";
import { TEST_MS } from "../support/wait.ts";

const ROUNDS = setting("XS_RECONNECT_ROUNDS", 30);
const SEED = seedFrom("XS_RECONNECT_SEED");
/** How long writers are at work before a kill, at most, in ms. */
const LONGEST_MS = 120;
const THRESHOLD = "stream.cross.threshold";
const KEYS = Array.from({ length: 8 }, (_, at) => `k${at}`);

setDefaultTimeout(TEST_MS * Math.ceil(ROUNDS / 10));

interface Change {
  readonly key: string;
  readonly rev: string;
  readonly value?: string;
  readonly deleted?: true;
}

test(`${ROUNDS} kills under writers: followers print the log, and a watch every state, exactly`, async () => {
  report(`XS_RECONNECT_SEED=${SEED} XS_RECONNECT_ROUNDS=${ROUNDS}`, []);
  const random = new Random(SEED);
  using home = new Home();
  await makeHistory(home);
  const follow = (...args: string[]) =>
    new Follower(home.path, ["cat", "-s", home.store, "-f", "--reconnect", ...args]);
  await using all = follow();
  await using byArrival = follow("--order", "arrival");
  await using some = follow("--topic", "n,late");
  const watching = ["kv", "watch", "-s", home.store, "k", "--prefix", "--reconnect"];
  await using watch = new Follower(home.path, watching);
  let written = 0;
  for (let round = 0; round < ROUNDS; round++) {
    const server = await startServer(home.store);
    const work = async () => {
      for (;;) await writeOne(server, random, ++written);
    };
    const writers = Promise.all([work(), work()]).catch(() => {});
    await Bun.sleep(random.below(LONGEST_MS));
    await server.stop(random.chance(0.8) ? "SIGKILL" : "SIGTERM");
    await writers;
    // Now and then something changes while no server runs.
    if (random.chance(0.5)) {
      await home.ok(["kv", "delete", "-s", home.store, random.pick(KEYS)]);
    }
  }
  await using server = await startServer(home.store);
  await server.append("n", "", { "xs-meta": '"the end"' });
  const topics = "/?topic=n,late";
  for (const [follower, path] of [
    [all, "/"],
    [byArrival, "/?order=arrival"],
    [some, topics],
  ] as const) {
    await follower.has('"the end"');
    // A history that broke off comes in the order of ids first, then what arrived late.
    await follower.has(`"${THRESHOLD}"`);
    const printed = follower.lines.filter(({ topic }) => topic !== THRESHOLD).map(({ id }) => id);
    const stored = (await server.frames(path)).map(({ id }) => id);
    expect([path, printed.toSorted()]).toEqual([path, stored.toSorted()]);
    if (follower === byArrival) expect(printed).toEqual(stored);
    expect(follower.lines.length).toBe(printed.length + 1);
  }
  // A watch that comes late has the first of these among the entries; only then it looks for what is gone.
  for (const value of ["nearly the end", "the end"]) {
    await server.fetch("/kv/k-end", { method: "PUT", body: value });
    await watch.has(`"${value}"`);
  }
  await checkWatch(server, watch);
});

/** A log with late frames, long enough for a kill in its midst. */
async function makeHistory(home: Home): Promise<void> {
  await using server = await startServer(home.store);
  await importLate(server, "late", 50, 1_000_000);
  const lines = Array.from({ length: 5000 }, (_, at) => JSON.stringify({ topic: "h", meta: at }));
  for (let times = 0; times < 4; times++) {
    const response = await server.fetch("/stream", { method: "POST", body: lines.join("\n") });
    expect(response.ok).toBe(true);
    await response.bytes();
  }
  await importLate(server, "late", 50, 2_000_000);
}

async function writeOne(server: Server, random: Random, number: number): Promise<void> {
  const choice = random.next();
  const path = `/kv/${random.pick(KEYS)}`;
  if (choice < 0.4) await server.append("n");
  else if (choice < 0.5) await importLate(server, "late", 3, number * 10);
  else {
    const put = { method: "PUT", body: String(number) };
    await (await server.fetch(path, choice < 0.8 ? put : { method: "DELETE" })).bytes();
  }
}

/** Replays the changes: each is a new one, and they come to what is there. */
async function checkWatch(server: Server, watch: Follower): Promise<void> {
  const values = new Map<string, string | undefined>();
  const newest = new Map<string, string>();
  const lines = watch.lines.filter(({ topic }) => topic !== THRESHOLD) as unknown as Change[];
  expect(lines.length).toBe(watch.lines.length - 1);
  for (const { key, rev, value, deleted } of lines) {
    // A deletion may be of a key whose put the watch missed, but never one that was printed before. The revision of a
    // deletion that the watch found is that of its threshold, so a put that follows it may have a lower one.
    const before = newest.get(key) ?? "";
    if (deleted || values.has(key)) expect([key, rev, rev > before]).toEqual([key, rev, true]);
    newest.set(key, rev);
    if (deleted) values.delete(key);
    else values.set(key, value);
  }
  const revs = lines.map(({ rev, key }) => `${rev} ${key}`);
  expect(revs.length).toBe(new Set(revs).size);
  const entries = (await (await server.fetch("/kv?prefix=k")).text()).trim().split("\n");
  const stored = new Map<string, string | undefined>();
  for (const entry of entries) {
    const { key } = JSON.parse(entry) as Change;
    stored.set(key, await (await server.fetch(`/kv/${key}`)).text());
  }
  expect([...values].toSorted()).toEqual([...stored].toSorted());
}
