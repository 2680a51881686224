// Patterns against a model: what a read takes of history and live, with topics that appear on the way.
import { expect, setDefaultTimeout, test } from "bun:test";
import fc from "fast-check";
import type { Frame } from "../../src/core/frame.ts";
import { linesIn } from "../../src/core/frame.ts";
import { packId, timestampOf } from "../../src/core/id.ts";
import { parseTopicFilter } from "../../src/core/pattern.ts";
import { READ_ALL, type ReadOptions } from "../../src/core/read-options.ts";
import { parseTakenTopics } from "../../src/core/taken-topics.ts";
import { FOREVER } from "../../src/core/ttl.ts";
import type { FrameReader } from "../../src/store/frame-reader.ts";
import type { Store } from "../../src/store/store.ts";
import { patternLists, topics } from "../support/arbitrary.ts";
import { append, importFrames, readAll, withStore } from "../support/store.ts";
import { topicMatcher } from "../support/topics.ts";
import { TEST_MS } from "../support/wait.ts";

setDefaultTimeout(TEST_MS);

const filterOf = (list: readonly string[]): Pick<ReadOptions, "topics"> => {
  const filter = parseTopicFilter(list.join());
  return filter ? { topics: filter } : {};
};

async function appendAll(store: Store, names: readonly string[]): Promise<Frame[]> {
  const frames: Frame[] = [];
  for (const name of names) frames.push(await append(store, name));
  return frames;
}

/** Reads a follower until it has returned its threshold, or this many frames after it. */
async function take(reader: FrameReader, count: number | "threshold"): Promise<Frame[]> {
  const frames: Frame[] = [];
  while (count === "threshold" || frames.length < count) {
    const page = await reader.next();
    if (!page) break;
    const more = linesIn(page).map((line) => JSON.parse(line) as Frame);
    frames.push(...more.filter(({ topic }) => topic !== "stream.cross.threshold"));
    if (count === "threshold" && more.some(({ topic }) => topic === "stream.cross.threshold"))
      break;
  }
  return frames;
}

test("history in every order, neighbours, the newest and what comes live are those of a model", async () => {
  await withStore(async (store) => {
    let all: Frame[] = [];
    const batch = fc.array(topics, { minLength: 1, maxLength: 20 });
    const lists = fc.array(patternLists, { minLength: 1, maxLength: 4 });
    await fc.assert(
      fc.asyncProperty(batch, batch, lists, fc.nat(1000), async (before, after, filters, place) => {
        all.push(...(await appendAll(store, before)));
        const followers = filters.map((list) =>
          store.read({ ...READ_ALL, ...filterOf(list), follow: true, last: 5 }),
        );
        const isTaken = filters.map((list) => topicMatcher(list));
        for (const [at, reader] of followers.entries()) {
          const wanted = all.filter(({ topic }) => isTaken[at]?.(topic)).slice(-5);
          expect(await take(reader, "threshold")).toEqual(wanted);
        }
        const live = await appendAll(store, after);
        for (const [at, reader] of followers.entries()) {
          const wanted = live.filter(({ topic }) => isTaken[at]?.(topic));
          expect(await take(reader, wanted.length)).toEqual(wanted);
          reader.close();
        }
        all = [...all, ...live];
        const id = all[place % all.length]?.id ?? "";
        for (const [at, list] of filters.entries()) {
          const wanted = all.filter(({ topic }) => isTaken[at]?.(topic));
          const options = filterOf(list);
          expect(await readAll(store, options)).toEqual(wanted);
          expect(await readAll(store, { ...options, order: "desc" })).toEqual(wanted.toReversed());
          expect(await readAll(store, { ...options, order: "arrival", after: id })).toEqual(
            wanted.filter((frame) => frame.id > id),
          );
          expect(await readAll(store, { ...options, last: 3, limit: 2 })).toEqual(
            wanted.slice(-3).slice(0, 2),
          );
          const next = wanted.find((frame) => frame.id > id);
          const previous = wanted.findLast((frame) => frame.id < id);
          for (const [direction, frame] of [
            ["next", next],
            ["previous", previous],
          ] as const) {
            const line = store.neighbour(id, direction, options.topics);
            expect(line && JSON.parse(line)).toEqual(frame);
          }
        }
      }),
      { numRuns: 60 },
    );
  });
});

test("late frames and removed topics are taken as the patterns say", async () => {
  await withStore(async (store) => {
    const own = await appendAll(store, ["a.x.b", "c", "a.y.b", "a.b", "noise"]);
    const start = timestampOf(own[0]?.id ?? "");
    const late = ["a.z.b", "noise", "c.b", "a.x.b"].map((topic, n) => ({
      ...{ topic, hash: null, meta: "null", ttl: FOREVER },
      id: packId({ ts_ms: start - 1000 + n, counter_hi: 1, counter_lo: n, node: "00000000" }),
    }));
    await importFrames(store, late);
    const read = async (list: string, more: Partial<ReadOptions> = {}) =>
      (await readAll(store, { ...filterOf(list.split(",")), ...more })).map(({ topic }) => topic);
    expect(await read("a.*.b")).toEqual(["a.z.b", "a.x.b", "a.x.b", "a.y.b"]);
    expect(await read("a.*.b", { order: "desc" })).toEqual(["a.y.b", "a.x.b", "a.x.b", "a.z.b"]);
    expect(await read("a.*.b", { order: "arrival" })).toEqual(["a.x.b", "a.y.b", "a.z.b", "a.x.b"]);
    expect(await read("*,!noise,!stream.cross.*")).toEqual([
      "a.z.b",
      "c.b",
      "a.x.b",
      "a.x.b",
      "c",
      "a.y.b",
      "a.b",
    ]);
    expect(await read("*,!stream.cross.*,!a.*.b", { order: "arrival" })).toEqual([
      "c",
      "a.b",
      "noise",
      "noise",
      "c.b",
    ]);
    for (const { id, topic } of await readAll(store)) if (topic === "a.x.b") await store.remove(id);
    expect(await read("a.*.b")).toEqual(["a.z.b", "a.y.b"]);
    await append(store, "a.x.b");
    expect(await read("a.*.b")).toEqual(["a.z.b", "a.y.b", "a.x.b"]);
  });
});

test("a topic that appears while a read of history goes on is taken from then on", async () => {
  await withStore(async (store) => {
    const names = Array.from(
      { length: 400 },
      (_, n) => `sensor.s${n % 7}.${n % 2 ? "temp" : "door"}`,
    );
    await appendAll(store, names);
    for (const list of ["sensor.*.temp", "*.*,!*.*.door,!other", "*,!sensor.*.door"]) {
      const reader = store.read({ ...READ_ALL, ...filterOf(list.split(",")) });
      const first = linesIn((await reader.next()) as Uint8Array).length;
      const born = `sensor.born${names.length}.temp`;
      names.push(born);
      const { id } = await append(store, born);
      const rest: Frame[] = [];
      for (let page = await reader.next(); page; page = await reader.next()) {
        rest.push(...linesIn(page).map((line) => JSON.parse(line) as Frame));
      }
      expect(rest.at(-1)?.id).toBe(id);
      expect(first + rest.length).toBe(names.filter((name) => name.endsWith("temp")).length);
    }
  });
});

test("one pattern takes ten thousand topics, in every order, with those that are added meanwhile", async () => {
  await withStore(async (store) => {
    const topicAt = (n: number) => `device.d${n}.${n % 3 === 0 ? "state" : "log"}`;
    const count = 15_000;
    let made: string[] = [];
    for (let from = 0; from < count; from += 1000) {
      const batch = Array.from({ length: 1000 }, (_, n) => topicAt(from + n));
      const lines = await store.apply(
        batch.map((topic) => ({
          append: { topic, meta: "null", ttl: FOREVER, content: null },
        })),
      );
      made = [...made, ...lines];
    }
    const frames = made.map((line) => JSON.parse(line) as Frame);
    const logs = frames.filter(({ topic }) => topic.endsWith(".log"));
    expect(logs.length).toBe(10_000);
    for (const list of ["device.*.log", "*.*.log", "*,!*.*.state", "device.*,!device.*.state"]) {
      const options = filterOf(list.split(","));
      expect(await readAll(store, options)).toEqual(logs);
      expect(await readAll(store, { ...options, order: "desc" })).toEqual(logs.toReversed());
      expect(await readAll(store, { ...options, last: 3 })).toEqual(logs.slice(-3));
      const line = store.neighbour(logs[4999]?.id ?? "", "next", options.topics);
      expect(line && JSON.parse(line)).toEqual(logs[5000]);
    }
    const follower = store.read({
      ...READ_ALL,
      ...filterOf(["*.*.log"]),
      follow: true,
      tail: true,
    });
    await take(follower, "threshold");
    const [born] = await appendAll(store, ["device.new.log"]);
    expect(await take(follower, 1)).toEqual([born as Frame]);
    follower.close();
    expect((await readAll(store, { ...filterOf(["device.*.log"]), last: 1 }))[0]).toEqual(born);
  });
});

test("a rule and forgetting take exactly what the patterns say", async () => {
  const batch = fc.array(topics, { minLength: 1, maxLength: 30 });
  await withStore(async (store) => {
    await fc.assert(
      fc.asyncProperty(batch, patternLists, async (names, list) => {
        await appendAll(store, [...names, "stream.cross.received"]);
        const all = await readAll(store);
        const isTaken = topicMatcher(list);
        const topics = parseTakenTopics(list.join());
        const gone = all.filter(
          ({ topic }) => isTaken(topic) && !topic.startsWith("stream.cross."),
        );
        let counts: unknown;
        for await (const each of store.upkeep.forget({ topics })) counts = each;
        expect(counts).toEqual({ frames: gone.length, kept: 0, damaged: 0 });
        expect(await readAll(store)).toEqual(all.filter((frame) => !gone.includes(frame)));
      }),
      { numRuns: 60 },
    );
  });
});

test("the listing of topics has those that the patterns take, by name", async () => {
  await withStore(async (store) => {
    const names = new Set<string>();
    const batch = fc.array(topics, { minLength: 1, maxLength: 20 });
    await fc.assert(
      fc.asyncProperty(batch, patternLists, async (more, list) => {
        await appendAll(store, more);
        for (const name of more) names.add(name);
        const reader = store.topics(filterOf(list).topics);
        const listed: string[] = [];
        for (let page = await reader.next(); page; page = await reader.next()) {
          listed.push(...linesIn(page).map((line) => (JSON.parse(line) as Frame).topic));
        }
        const isTaken = topicMatcher(list);
        const wanted = [...names].filter(isTaken).sort();
        expect(listed).toEqual(wanted);
      }),
      { numRuns: 100 },
    );
  });
});
