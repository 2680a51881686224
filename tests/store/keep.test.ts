// Rules of retention, as the background of a store applies them.
import { expect, setDefaultTimeout, test } from "bun:test";
import type { Frame } from "../../src/core/frame.ts";
import { packId } from "../../src/core/id.ts";
import { keepRule, parseKept } from "../../src/core/keep-rule.ts";
import { FOREVER } from "../../src/core/ttl.ts";
import type { SqliteStore } from "../../src/store/sqlite/engine.ts";
import type { Store } from "../../src/store/store.ts";
import { append, importFrames, readAll, sqliteEngine, withStore } from "../support/store.ts";
import { tempDir } from "../support/temp.ts";
import { TEST_MS, until } from "../support/wait.ts";

setDefaultTimeout(TEST_MS);

const START = 1_800_000_000_000;
const HOUR = 3_600_000;

/** A clock that the test sets. */
class Clock {
  time = START;
  readonly now = () => this.time;
}

async function withRules(use: (store: SqliteStore, clock: Clock) => Promise<void>): Promise<void> {
  const clock = new Clock();
  await withStore(async (store) => {
    store.upkeep.rules.start(async () => new Set());
    await use(store, clock);
  }, clock.now);
}

const keep = (store: Store, pattern: string, kept: string) =>
  store.upkeep.rules.set(keepRule(pattern, parseKept(kept)));

const idsOf = async (store: Store, topic?: string) =>
  (await readAll(store)).flatMap((frame) => (!topic || frame.topic === topic ? [frame.id] : []));

async function appendMany(store: Store, topic: string, count: number): Promise<string[]> {
  const frames = await Promise.all(Array.from({ length: count }, () => append(store, topic)));
  return frames.map(({ id }) => id);
}

/** Waits until the frames that a topic has are these. */
async function untilLeft(store: Store, topic: string, ids: readonly string[]): Promise<void> {
  const wanted = [...ids].sort().join();
  await until(`${ids.length} frames of ${topic} are left`, async () => {
    return (await idsOf(store, topic)).sort().join() === wanted;
  });
}

const lateFrame = (topic: string, ms: number, n = 0) => ({
  topic,
  id: packId({ ts_ms: ms, counter_hi: n, counter_lo: 0, node: "00000000" }),
  hash: null,
  meta: "null",
  ttl: FOREVER,
});

test("an age takes what is there, what becomes old, and late frames", async () => {
  await withRules(async (store, clock) => {
    const [old = ""] = await appendMany(store, "a.b", 1);
    const others = await appendMany(store, "other", 1);
    clock.time += HOUR / 2;
    const young = await appendMany(store, "a.b", 300);
    clock.time += HOUR / 2 + 1;
    await keep(store, "a.*", "1h");
    await untilLeft(store, "a.b", young);
    expect(await idsOf(store)).not.toContain(old);
    // A rule leaves no tombstone, but what comes back is as old as before.
    const between = lateFrame("a.b", clock.time - HOUR + 10_000);
    await importFrames(store, [lateFrame("a.b", START - HOUR), between]);
    await untilLeft(store, "a.b", [...young, between.id]);
    clock.time += 20_000;
    await untilLeft(store, "a.b", young);
    clock.time += HOUR;
    await untilLeft(store, "a.b", []);
    expect(await idsOf(store, "other")).toEqual(others);
  });
});

test("a count keeps the newest of each topic, by their ids, also of a thousand topics", async () => {
  await withRules(async (store) => {
    const a = await appendMany(store, "s.a", 500);
    const b = await appendMany(store, "s.b", 3);
    await Promise.all(Array.from({ length: 1000 }, (_, n) => appendMany(store, `s.many.t${n}`, 2)));
    await keep(store, "s.*", "2");
    await untilLeft(store, "s.a", a.slice(-2));
    await untilLeft(store, "s.b", b.slice(-2));
    const [c = ""] = await appendMany(store, "s.a", 1);
    await untilLeft(store, "s.a", [a.at(-1) as string, c]);
    const many = (await readAll(store)).filter(({ topic }) => topic.startsWith("s.many."));
    expect(many).toHaveLength(2000);
    await importFrames(store, [lateFrame("s.b", START - HOUR)]);
    await untilLeft(store, "s.b", b.slice(-2));
    await appendMany(store, "s.many.t7", 1);
    await until("the topic has two", async () => (await idsOf(store, "s.many.t7")).length === 2);
  });
});

test("of two rules on one topic the shorter wins, and each may end", async () => {
  await withRules(async (store, clock) => {
    const old = await appendMany(store, "a", 5);
    clock.time += 2 * HOUR;
    const young = await appendMany(store, "a", 5);
    await keep(store, "a", "8");
    await keep(store, "*", "1h");
    await untilLeft(store, "a", young);
    await keep(store, "*", "3");
    await untilLeft(store, "a", young.slice(-3));
    expect(await store.upkeep.rules.list()).toEqual([
      { pattern: "*", age_ms: null, count: 3 },
      { pattern: "a", age_ms: null, count: 8 },
    ]);
    expect(await store.upkeep.rules.end("*")).toBe(true);
    expect(await store.upkeep.rules.end("*")).toBe(false);
    const more = await appendMany(store, "a", 6);
    await untilLeft(store, "a", [...young.slice(-2), ...more]);
    expect(old).toHaveLength(5);
  });
});

test("expired frames take no place of those that a count keeps", async () => {
  await withRules(async (store, clock) => {
    const kept = await appendMany(store, "a", 2);
    for (let n = 0; n < 3; n++) await append(store, "a", { ttl: "time:60000" });
    const [last = ""] = await appendMany(store, "b", 2);
    clock.time += 60_001;
    await keep(store, "a,b", "2");
    await appendMany(store, "b", 2);
    await until("the rule was applied", async () => !(await idsOf(store, "b")).includes(last));
    await untilLeft(store, "a", kept);
  });
});

test("chunks that grow stay until their content has ended", async () => {
  await withRules(async (store, clock) => {
    const chunk = async (
      of: string | null,
      more: boolean,
      growing?: "begins" | { ended: string },
    ) => {
      const meta = JSON.stringify({ chunk: { of, index: 0, more } });
      const content = null;
      const line = await store.append({
        topic: "log",
        meta,
        ttl: FOREVER,
        content,
        ...(growing && { growing }),
      });
      return (JSON.parse(line) as Frame).id;
    };
    const first = await chunk(null, true, "begins");
    const second = await chunk(first, true);
    await appendMany(store, "log", 1);
    await appendMany(store, "log2", 1);
    clock.time += HOUR + 1;
    await keep(store, "log,log2", "1h");
    await untilLeft(store, "log", [first, second]);
    const third = await chunk(first, false, { ended: first });
    await untilLeft(store, "log", [third]);
  });
});

test("rules survive a restart, and are applied to what came without them", async () => {
  const path = `${tempDir()}/store`;
  const clock = new Clock();
  const first = sqliteEngine(path, clock.now);
  await keep(first, "a", "2");
  expect(first.upkeep.rules.areApplied).toBe(false);
  const ids = await appendMany(first, "a", 5);
  await first.close();
  const store = sqliteEngine(path, clock.now);
  expect(await idsOf(store)).toEqual(ids);
  store.upkeep.rules.start(async () => new Set());
  expect(store.upkeep.rules.areApplied).toBe(true);
  await untilLeft(store, "a", ids.slice(-2));
  await store.close();
});

test("a rule on topics of the runtime takes an ended processor, and looks again when a needed one has ended", async () => {
  const clock = new Clock();
  await withStore(async (store) => {
    const spawn = await append(store, "stream.cross.handler.spawn", { meta: { topic: "h" } });
    const meta = { topic: "h", spawn_id: spawn.id };
    const active = await append(store, "stream.cross.handler.active", { meta });
    const starts = await appendMany(store, "stream.cross.start", 2);
    const needed = new Set([spawn.id]);
    store.upkeep.rules.start(async () => needed);
    clock.time += HOUR + 1;
    await keep(store, "*", "1h");
    await appendMany(store, "mine", 1);
    await keep(store, "stream.cross.*", "1h");
    await untilLeft(store, "stream.cross.start", []);
    expect(await idsOf(store)).toEqual(expect.arrayContaining([spawn.id, active.id]));
    needed.clear();
    await untilLeft(store, "stream.cross.handler.spawn", []);
    await untilLeft(store, "stream.cross.handler.active", []);
    expect(starts).toHaveLength(2);
    expect(await idsOf(store, "mine")).toHaveLength(1);
  }, clock.now);
});

test("a clock that was set back takes no more than before", async () => {
  await withRules(async (store, clock) => {
    const ids = await appendMany(store, "a", 3);
    clock.time -= 10 * HOUR;
    await keep(store, "a", "1h");
    await keep(store, "b", "1");
    const b = await appendMany(store, "b", 2);
    await untilLeft(store, "b", b.slice(-1));
    expect(await idsOf(store, "a")).toEqual(ids);
  });
});

test("a rule on topics of both kinds is applied to both, again and again", async () => {
  await withRules(async (store) => {
    const a = await appendMany(store, "a", 3);
    const starts = await appendMany(store, "stream.cross.start", 3);
    const stops = await appendMany(store, "stream.cross.stop", 3);
    await keep(store, "stream.cross.start,*", "1");
    await untilLeft(store, "a", a.slice(-1));
    await untilLeft(store, "stream.cross.start", starts.slice(-1));
    const more = await appendMany(store, "a", 2);
    await untilLeft(store, "a", more.slice(-1));
    expect(await idsOf(store, "stream.cross.stop")).toEqual(stops);
  });
});

test("a pattern with a * inside, and what !p takes away, hold for topics that are new and frames that are late", async () => {
  await withRules(async (store, clock) => {
    const taken = ["a.log", "b.log"];
    const others = ["log", "a.b.log", "keep.log", "a.log.x"];
    const left = new Map<string, string[]>();
    for (const topic of [...taken, ...others]) left.set(topic, await appendMany(store, topic, 5));
    await keep(store, "*.log,!keep.log", "2");
    for (const topic of taken) await untilLeft(store, topic, (left.get(topic) ?? []).slice(-2));
    const born = await appendMany(store, "born.log", 4);
    await untilLeft(store, "born.log", born.slice(-2));
    await importFrames(store, [
      lateFrame("a.log", START - HOUR),
      ...[1, 2, 3].map((n) => lateFrame("late.log", START - HOUR, n)),
      ...[4, 5, 6].map((n) => lateFrame("keep.log", START - HOUR, n)),
    ]);
    const late = (n: number) => lateFrame("", START - HOUR, n).id;
    await untilLeft(store, "late.log", [late(2), late(3)]);
    await untilLeft(store, "a.log", (left.get("a.log") ?? []).slice(-2));
    for (const topic of others.filter((each) => each !== "keep.log")) {
      expect(await idsOf(store, topic)).toEqual(left.get(topic) ?? []);
    }
    expect(await idsOf(store, "keep.log")).toHaveLength(8);
    // Of the runtime's frames none is taken, and of an age as of a count.
    await keep(store, "*,*.*.log,!keep.*,!*.*.x", "1h");
    clock.time += 2 * HOUR;
    for (const topic of ["a.log", "log", "a.b.log", "born.log"]) await untilLeft(store, topic, []);
    expect(await idsOf(store, "a.log.x")).toEqual(left.get("a.log.x") ?? []);
    expect(await idsOf(store, "keep.log")).toHaveLength(8);
    expect((await readAll(store, { topics: ["stream.cross.*"] })).length).toBe(1);
  });
});

test("a rule is kept under one text, in whatever order its patterns were written", async () => {
  await withRules(async (store) => {
    await keep(store, "!b.x, *.x,a.*,!b.x", "3");
    await keep(store, "a.*,*.x,!b.x,!zz", "4");
    expect(await store.upkeep.rules.list()).toEqual([
      { pattern: "*.x,a.*,!b.x", age_ms: null, count: 4 },
    ]);
    expect(await store.upkeep.rules.end("!b.x,a.*,*.x")).toBe(true);
  });
});
