// Forgetting: what goes, what stays, and what the store is like afterwards.
import { expect, test } from "bun:test";
import type { Frame } from "../../src/core/frame.ts";
import { packId, timestampOf } from "../../src/core/id.ts";
import { parseTakenTopics } from "../../src/core/taken-topics.ts";
import { FOREVER } from "../../src/core/ttl.ts";
import type { ForgetRequest, Forgotten } from "../../src/store/removal.ts";
import type { Store } from "../../src/store/store.ts";
import { edit } from "../support/damage.ts";
import {
  append,
  importFrames,
  problemsOf,
  readAll,
  sqliteEngine,
  withStore,
} from "../support/store.ts";
import { tempDir } from "../support/temp.ts";

const NOW = 1_800_000_000_000;

/** Forgets to the end, and gives the counts of all. */
async function forget(
  store: Store,
  pattern: string,
  how: Omit<ForgetRequest, "topics"> = {},
): Promise<Forgotten> {
  let all: Forgotten | undefined;
  const topics = parseTakenTopics(pattern);
  for await (const done of store.upkeep.forget({ topics, ...how })) all = { ...done };
  return all as Forgotten;
}

const topicsOf = async (store: Store) => (await readAll(store)).map(({ topic }) => topic);

/** The frame that an import brings. */
const asImport = ({ topic, id, hash, meta }: Frame) => ({
  topic,
  id,
  hash,
  meta: JSON.stringify(meta),
  ttl: FOREVER,
});

test("what matches goes, also of many topics; an import does not bring it back", async () => {
  await withStore(async (store) => {
    const frames: Frame[] = [];
    for (const topic of ["a", "a.b", "a.c.d", "b", "ab", "stream.cross.start"]) {
      frames.push(await append(store, topic), await append(store, topic));
    }
    expect(await forget(store, "a.*", { dryRun: true })).toMatchObject({ frames: 4 });
    expect(await topicsOf(store)).toHaveLength(12);
    expect(await forget(store, "a.*")).toEqual({ frames: 4, kept: 0, damaged: 0 });
    expect(new Set(await topicsOf(store))).toEqual(new Set(["a", "b", "ab", "stream.cross.start"]));
    expect(await forget(store, "*")).toMatchObject({ frames: 6 });
    expect(await topicsOf(store)).toEqual(["stream.cross.start", "stream.cross.start"]);
    expect(await forget(store, "stream.cross.start")).toMatchObject({ frames: 2 });
    expect(await topicsOf(store)).toEqual([]);
    expect(await importFrames(store, frames.map(asImport))).toMatchObject({ added: 0 });
    expect(await forget(store, "*,stream.cross.*")).toEqual({ frames: 0, kept: 0, damaged: 0 });
  });
});

test.each([3, 3000])("more than one batch goes, of %d topics beside another", async (topics) => {
  await withStore(async (store) => {
    const other = await append(store, "other");
    await Promise.all(Array.from({ length: 3000 }, (_, n) => append(store, `many.t${n % topics}`)));
    let steps = 0;
    for await (const _ of store.upkeep.forget({ topics: parseTakenTopics("many.*") })) steps++;
    expect(steps).toBeGreaterThan(10);
    expect(await readAll(store)).toEqual([other]);
    expect(store.metrics.frames).toBe(1);
  });
});

test("until is exclusive, and late frames count by their ids", async () => {
  let now = NOW;
  await withStore(
    async (store) => {
      const old = await append(store, "a");
      now += 1000;
      const edge = await append(store, "a");
      now += 1000;
      const young = await append(store, "a");
      const late = [-500, 500, 1000, 1500].map((ms, n) =>
        packId({ ts_ms: NOW + ms, counter_hi: n, counter_lo: 0, node: "00000000" }),
      );
      const frame = (id: string) => asImport({ ...old, id });
      await importFrames(store, late.map(frame));
      const until = timestampOf(edge.id);
      expect(await forget(store, "a", { until, dryRun: true })).toMatchObject({ frames: 3 });
      expect(await forget(store, "a", { until })).toMatchObject({ frames: 3 });
      const left = (await readAll(store)).filter(({ topic }) => topic === "a");
      expect(new Set(left.map(({ id }) => id))).toEqual(
        new Set([edge.id, young.id, late[2], late[3]] as string[]),
      );
      expect(await forget(store, "a", { until: 0 })).toMatchObject({ frames: 0 });
      expect(await forget(store, "a", { until: NOW * 2 })).toMatchObject({ frames: 4 });
    },
    () => now,
  );
});

test("frames that arrive meanwhile are not taken, and who asks for no more ends it", async () => {
  await withStore(async (store) => {
    for (let n = 0; n < 450; n++) await append(store, "a");
    const steps = store.upkeep.forget({ topics: parseTakenTopics("a") });
    await steps.next();
    const young = await append(store, "a");
    await importFrames(store, [
      asImport({
        ...young,
        id: packId({ ts_ms: 1_600_000_000_000, counter_hi: 0, counter_lo: 0, node: "00000000" }),
      }),
    ]);
    const { value } = await steps.next();
    await steps.return(undefined);
    const left = (await topicsOf(store)).filter((topic) => topic === "a");
    expect(left).toHaveLength(452 - (value as Forgotten).frames);
    const rest = store.upkeep.forget({
      topics: parseTakenTopics("a"),
      until: timestampOf(young.id),
    });
    for await (const _ of rest);
    expect((await readAll(store)).map(({ id }) => id)).toContain(young.id);
  });
});

test("a dry run tells the contents, each once, and their bytes", async () => {
  await withStore(async (store) => {
    for (const content of ["same", "same", "x".repeat(200_000)])
      await append(store, "a", { content });
    await append(store, "a");
    await append(store, "b", { content: "same" });
    const counts = { frames: 4, kept: 0, damaged: 0, contents: 2, bytes: 200_004 };
    expect(await forget(store, "a", { dryRun: true })).toEqual(counts);
    await forget(store, "a");
    expect(await store.upkeep.collect()).toEqual({ contents: 1, bytes: 200_000 });
    expect(await readAll(store)).toHaveLength(1);
  });
});

test("chunks of content that grows stay, and all go once it has ended", async () => {
  await withStore(async (store) => {
    const chunk = async (
      of: string | null,
      more: boolean,
      growing?: "begins" | { ended: string },
    ) => {
      const meta = JSON.stringify({ chunk: { of, index: 0, more } });
      const line = await store.append({
        topic: "log",
        meta,
        ttl: FOREVER,
        content: null,
        ...(growing && { growing }),
      });
      return (JSON.parse(line) as Frame).id;
    };
    const first = await chunk(null, true, "begins");
    await chunk(first, true);
    await append(store, "log");
    expect(await forget(store, "log")).toEqual({ frames: 1, kept: 2, damaged: 0 });
    await chunk(first, false, { ended: first });
    expect(await forget(store, "log")).toEqual({ frames: 3, kept: 0, damaged: 0 });
  });
});

test("spawns that the runtime needs stay, with their answers; of the others the answers go after them", async () => {
  await withStore(async (store) => {
    const answer = (event: string, spawn: string) =>
      append(store, `stream.cross.handler.${event}`, { meta: { topic: "h", spawn_id: spawn } });
    const spawn = () => append(store, "stream.cross.handler.spawn", { meta: { topic: "h" } });
    const [old, runs] = [await spawn(), await spawn()];
    await answer("failed", old.id);
    await answer("active", runs.id);
    const needed = async () => new Set([runs.id]);
    // Without its end the old one would run again.
    expect(await forget(store, "stream.cross.handler.failed", { needed })).toMatchObject({
      frames: 0,
      kept: 1,
    });
    expect(await forget(store, "stream.cross.*")).toMatchObject({ frames: 0, kept: 4 });
    const all = { frames: 2, kept: 2, damaged: 0 };
    expect(await forget(store, "stream.cross.*", { needed, dryRun: true })).toMatchObject(all);
    expect(await forget(store, "stream.cross.*", { needed })).toEqual(all);
    expect((await topicsOf(store)).sort()).toEqual([
      "stream.cross.handler.active",
      "stream.cross.handler.spawn",
    ]);
    expect(await problemsOf(store)).toEqual([]);
  });
});

test("damaged frames, and frames of a damaged topic, stay and are counted; one is removed by its id", async () => {
  const path = `${tempDir()}/store`;
  const first = sqliteEngine(path);
  const ids: string[] = [];
  for (const topic of ["a", "a", "a", "b", "b"]) ids.push((await append(first, topic)).id);
  await first.close();
  edit(path, (db) => {
    db.run("UPDATE frames SET line = replace(line, 'null', 'nulL') WHERE seq = 2");
    // A damaged number makes it a frame of the other topic, as far as the tables say.
    const [a] = db.query("SELECT topic FROM topics WHERE name = 'a'").values() as [[number]];
    db.run("UPDATE frames SET topic = ? WHERE seq = 4", [a[0]]);
    db.run("INSERT INTO by_topic (topic, seq) VALUES (?, 4)", [a[0]]);
  });
  const store = sqliteEngine(path);
  expect(await forget(store, "a")).toEqual({ frames: 2, kept: 0, damaged: 1 });
  expect(store.get(ids[3] ?? "")).toBeDefined();
  expect(await store.remove(ids[1] ?? "")).toBe(true);
  expect(await forget(store, "a")).toEqual({ frames: 0, kept: 0, damaged: 0 });
  await store.close();
});

test("late frames above a wide gap in the log come once, in every order", async () => {
  await withStore(async (store) => {
    const soon = Date.now() + 1000;
    const idOf = (n: number) =>
      packId({ ts_ms: soon, counter_hi: 1, counter_lo: n, node: "00000001" });
    const frame = (topic: string, n: number) => ({
      topic,
      id: idOf(n),
      hash: null,
      meta: "null",
      ttl: FOREVER,
    });
    const GAP = 24_000;
    await append(store, "first");
    // More than a read looks at for one page, and all of it goes.
    await importFrames(
      store,
      Array.from({ length: GAP }, (_, n) => frame("junk", n + 3)),
    );
    await append(store, "t.a");
    await append(store, "t.b");
    await forget(store, "junk");
    const late = Array.from({ length: 8000 }, (_, n) => frame(`t.${"ab"[n % 2]}`, GAP + 10 + n));
    await importFrames(store, late);
    // The frame that says where these are is not needed by a read.
    for (const what of ["late", "late, and what names their position is gone"]) {
      const all = 2 + late.length;
      for (const order of ["asc", "desc", "arrival"] as const) {
        for (const topics of [["t.*"], ["t.a", "t.b"]]) {
          const ids = (await readAll(store, { topics, order, limit: 2 * all })).map(({ id }) => id);
          expect([what, order, ids.length, new Set(ids).size]).toEqual([what, order, all, all]);
          if (order === "asc") expect(ids).toEqual(ids.toSorted());
          if (order === "desc") expect(ids).toEqual(ids.toSorted().toReversed());
        }
      }
      await forget(store, "stream.cross.received");
    }
  });
});
