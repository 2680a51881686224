import { Database } from "bun:sqlite";
import { expect, test } from "bun:test";
import { join } from "node:path";
import type { Frame } from "../../src/core/frame.ts";
import { packId } from "../../src/core/id.ts";
import { parseTtl } from "../../src/core/ttl.ts";
import type { Store } from "../../src/store/store.ts";
import { edit } from "../support/damage.ts";
import { parseLines } from "../support/server.ts";
import { append, importFrames, readAll, sqliteEngine, withStore } from "../support/store.ts";
import { tempDir } from "../support/temp.ts";
import { topicMatcher } from "../support/topics.ts";
import { TEST_MS, until } from "../support/wait.ts";

interface Listed {
  topic: string;
  frames: number;
  first: string;
  last: string;
}

async function listed(store: Store, patterns?: readonly string[]): Promise<Listed[]> {
  const reader = store.topics(patterns);
  let text = "";
  for (let page = await reader.next(); page; page = await reader.next()) {
    text += new TextDecoder().decode(page);
  }
  return parseLines(text) as unknown as Listed[];
}

/** The listing, made of all frames. */
async function counted(store: Store, patterns?: readonly string[]): Promise<Listed[]> {
  const takes = topicMatcher(patterns);
  const byTopic = Map.groupBy(await readAll(store), ({ topic }) => topic);
  return [...byTopic]
    .filter(([topic]) => takes(topic))
    .sort(([one], [other]) => (one < other ? -1 : 1))
    .map(([topic, frames]) => ({
      topic,
      frames: frames.length,
      first: frames[0]?.id ?? "",
      last: frames.at(-1)?.id ?? "",
    }));
}

async function expectSame(store: Store): Promise<void> {
  for (const patterns of [
    undefined,
    ["t1"],
    ["t1.*"],
    ["a.b", "t2.*"],
    ["none"],
    ["t1", "t3.x"],
    ["*", "!t1.*"],
    ["*.x"],
    ["a.b", "t2.*", "!t2.y"],
  ]) {
    expect([patterns, await listed(store, patterns)]).toEqual([
      patterns,
      await counted(store, patterns),
    ]);
  }
  const all = await counted(store);
  const frames = all.reduce((sum, topic) => sum + topic.frames, 0);
  expect(store.info).toMatchObject({ frames, topics: all.length });
}

function idAt(n: number): string {
  return packId({ ts_ms: 1_600_000_000_000 + n, counter_hi: 1, counter_lo: 0, node: "00000000" });
}

test(
  "the listing is that of all frames: with ttls, removals, late frames, and after an open",
  async () => {
    let now = Date.now();
    const path = `${tempDir()}/store`;
    let store = sqliteEngine(path, () => now);
    await expectSame(store);
    const frames: Frame[] = [];
    for (let n = 0; n < 900; n++) {
      const topic = ["t1", "t1.x", "t2.y", "t1-x", "a.b", "T.x", "_u"][n % 7] ?? "";
      const ttl = ["forever", "last:3", "time:60000", "forever", "ephemeral"][n % 5];
      frames.push(await append(store, topic, { ...(ttl && { ttl }) }));
    }
    await expectSame(store);
    for (const { id } of frames.slice(0, 300)) await store.remove(id);
    await expectSame(store);
    const late = (topic: string, n: number, ttl = "forever") => ({
      topic,
      id: idAt(n),
      hash: null,
      meta: "null",
      ttl: parseTtl(ttl),
    });
    await importFrames(store, [
      late("t1", 5),
      late("t1", 6),
      late("only.late", 7),
      late("t3.x", 8, `until:${now + 60_000}`),
    ]);
    await expectSame(store);
    await store.close();
    store = sqliteEngine(path, () => now);
    await expectSame(store);
    // Many have expired at once, and their rows are still there.
    now += 60_001;
    await expectSame(store);
    expect((await listed(store)).map(({ topic }) => topic)).not.toContain("t3.x");
    // They go one by one, by removal, and by the sweep of each second; and one comes that has expired.
    const expired = frames.find(
      ({ id, ttl }) => ttl === "time:60000" && id > (frames[300]?.id ?? ""),
    );
    await store.remove(expired?.id ?? "");
    await expectSame(store);
    await importFrames(store, [
      late("t1", 9, `until:${now - 1}`),
      late("t4", 10, `until:${now - 1}`),
    ]);
    await expectSame(store);
    using db = new Database(join(path, "events.db"), { readonly: true });
    await until("the rows are swept", () => {
      const { rows } = db
        .query("SELECT (SELECT count(*) FROM frames) + (SELECT count(*) FROM late) AS rows")
        .get() as { rows: number };
      return rows === store.info.frames;
    });
    await expectSame(store);
    await append(store, "t1", { ttl: "time:1000" });
    now += 2000;
    await expectSame(store);
    await store.close();
  },
  TEST_MS,
);

test(
  "a listing of many topics comes in pages, each topic once",
  () =>
    withStore(async (store) => {
      const topics = Array.from({ length: 5000 }, (_, n) => `many.t${n}`);
      await Promise.all([...topics, ...topics.slice(0, 100)].map((topic) => append(store, topic)));
      await append(store, "zebra");
      await expectSame(store);
      expect(await listed(store, ["many.t77"])).toHaveLength(1);
      expect(await listed(store, ["zebra"])).toHaveLength(1);
      const reader = store.topics();
      const first = parseLines(new TextDecoder().decode(await reader.next()));
      expect(first.length).toBeLessThan(1000);
      // A topic that goes, or comes, while the listing is read.
      const names = [...topics].sort();
      await store.remove((await listed(store, [names.at(-1) ?? ""]))[0]?.first ?? "");
      await append(store, "many.zz");
      await append(store, "aaa");
      const rest: string[] = [];
      for (let page = await reader.next(); page; page = await reader.next()) {
        rest.push(...parseLines(new TextDecoder().decode(page)).map(({ topic }) => topic));
      }
      expect([...first.map(({ topic }) => topic), ...rest]).toEqual([
        ...names.slice(0, -1),
        "many.zz",
        "zebra",
      ]);
      const closed = store.topics();
      await closed.next();
      closed.close();
      expect(await closed.next()).toBeUndefined();
    }),
  TEST_MS,
);

test("a damaged frame is listed under the id by which it is removed, a damaged name as its frames have it", async () => {
  const path = `${tempDir()}/store`;
  const store = sqliteEngine(path);
  const [a, b] = [await append(store, "a", { meta: "value" }), await append(store, "b")];
  await store.close();
  edit(path, (db) => {
    db.run("UPDATE frames SET line = replace(line, 'value', 'other')");
    db.run("UPDATE topics SET name = 'q' WHERE name = 'b'");
  });
  const again = sqliteEngine(path);
  expect(await listed(again)).toEqual([
    { topic: "a", frames: 1, first: a.id, last: a.id },
    { topic: "b", frames: 1, first: b.id, last: b.id },
  ]);
  await again.close();
});
