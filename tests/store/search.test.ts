import { describe, expect, setDefaultTimeout, test } from "bun:test";
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmdirSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import { idInLine } from "../../src/core/frame.ts";
import { packId, unpackId } from "../../src/core/id.ts";
import { parseTtl } from "../../src/core/ttl.ts";
import type { Store } from "../../src/store/store.ts";
import { damagePage, edit } from "../support/damage.ts";
import { lateId } from "../support/late.ts";
import { foundIds, hitsOf, queryText, scannedIds, type Wishes } from "../support/search-model.ts";
import { append, importFrames, readAll, sqliteEngine, withStore } from "../support/store.ts";
import { tempDir } from "../support/temp.ts";
import { TEST_MS } from "../support/wait.ts";

setDefaultTimeout(TEST_MS);

const INDEX = "search.db";

async function expectScan(store: Store, wishes: Wishes): Promise<void> {
  const text = queryText(wishes);
  expect([text, await foundIds(store, text)]).toEqual([text, await scannedIds(store, wishes)]);
}

/** Everything in the files of an index. */
function bytesOf(path: string): string {
  return readdirSync(path)
    .filter((name) => name.startsWith(INDEX))
    .map((name) => readFileSync(join(path, name), "latin1"))
    .join("");
}

const word = fc.constantFrom("milk", "Milky", "café", "cafe", "x", "42", "ÜBER", "uber", "oat");
const value = fc.oneof(word, fc.constantFrom(42, 1.5, true, null));
const meta = fc.oneof(
  fc.constant(null),
  fc.array(value, { maxLength: 3 }),
  fc.record({ oat: value, deep: fc.array(fc.record({ a: value }), { maxLength: 2 }) }),
);
const frame = fc.record({
  topic: fc.constantFrom("a", "a.milk", "a.b.x", "b", "b.42"),
  meta,
  content: fc.option(
    fc.array(word, { maxLength: 6 }).map((words) => words.join(" ")),
    { nil: undefined },
  ),
  isLate: fc.boolean(),
});
const wish = fc.record({
  words: fc.array(word, { minLength: 1, maxLength: 2 }),
  isPrefix: fc.boolean(),
  isNot: fc.boolean(),
});
const wishes: fc.Arbitrary<Wishes> = fc.record(
  {
    wishes: fc.array(wish, { minLength: 1, maxLength: 3 }),
    topics: fc.constantFrom(["a.*"], ["a", "b.*"], ["*", "!a.*"], ["*.x"], ["none"]),
  },
  { requiredKeys: ["wishes"] },
);

test("any search finds what a scan finds, the highest id first, also among late frames and after removals", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(frame, { maxLength: 12 }),
      fc.array(fc.array(wishes, { maxLength: 4 }), { minLength: 1, maxLength: 3 }),
      fc.array(fc.nat({ max: 11 }), { maxLength: 3 }),
      async (frames, queries, removed) => {
        await withStore(async (store) => {
          for (const [round, some] of queries.entries()) {
            for (const [n, { isLate, ...each }] of frames.entries()) {
              if (!isLate) {
                await append(store, each.topic, {
                  meta: each.meta,
                  ...(each.content !== undefined && { content: each.content }),
                });
                continue;
              }
              const id = lateId(1000 * round + n * 37);
              const late = {
                topic: each.topic,
                id,
                hash: null,
                meta: JSON.stringify(each.meta),
                ttl: parseTtl("forever"),
              };
              await importFrames(store, [late]);
            }
            const all = await readAll(store);
            for (const n of removed) await store.remove(all[n]?.id ?? lateId(1));
            for (const each of some) await expectScan(store, each);
          }
        });
      },
    ),
    { numRuns: 12 },
  );
});

test("a search takes in what was acknowledged before it began, and its own options", async () => {
  await withStore(async (store) => {
    const frames = [];
    for (let n = 0; n < 250; n++)
      frames.push(await append(store, `t.${n % 2}`, { meta: `needle number ${n}` }));
    const ids = frames.map(({ id }) => id).reverse();
    expect(await foundIds(store, "needle")).toEqual(ids);
    expect(await foundIds(store, "needle", { limit: 7 })).toEqual(ids.slice(0, 7));
    expect(await foundIds(store, "needle", { limit: 0 })).toEqual([]);
    expect(await foundIds(store, "needle", { topics: ["t.1"] })).toEqual(
      ids.filter((_, n) => n % 2 === 0),
    );
    expect(await foundIds(store, "needle", { since: Date.now() + 1000 })).toEqual([]);
    expect(await foundIds(store, "needle", { until: Date.now() + 1000 })).toEqual(ids);
    for (let n = 0; n < 5; n++) {
      const { id } = await append(store, "new", { content: `fresh${n}` });
      expect(await foundIds(store, `fresh${n}`)).toEqual([id]);
    }
  });
});

test("all of many hits come, each once, in their order, late ones in their places", async () => {
  await withStore(async (store) => {
    const requests = (from: number) =>
      Array.from({ length: 1500 }, (_, n) => ({
        append: { topic: "a", meta: `"milk ${from + n}"`, ttl: parseTtl("forever"), content: null },
      }));
    await store.apply(requests(0));
    const [middle] = await readAll(store, { limit: 750, last: 750 });
    await store.apply(requests(1500));
    const near = packId({ ...unpackId(middle?.id ?? ""), node: "ffffffff" });
    const late = [...Array.from({ length: 300 }, (_, n) => lateId(n)), near];
    await importFrames(
      store,
      late.map((id) => ({ topic: "a", id, hash: null, meta: '"milk"', ttl: parseTtl("forever") })),
    );
    for (const text of ["milk", "mi*", "-coffee topic:a"]) {
      const wanted = (await readAll(store))
        .filter(({ topic }) => topic === "a")
        .map(({ id }) => id);
      expect(await foundIds(store, text)).toEqual(wanted.reverse());
    }
  });
});

test("times bound late frames too, and these come in their place", async () => {
  await withStore(async (store) => {
    const newest = await append(store, "a", { content: "milk" });
    const old = [3, 1, 2].map((n) =>
      packId({ ts_ms: 1_600_000_000_000 + n, counter_hi: 0, counter_lo: 0, node: "00000000" }),
    );
    for (const id of old) {
      await importFrames(store, [
        { topic: "a", id, hash: null, meta: '"milk"', ttl: parseTtl("forever") },
      ]);
    }
    const sorted = old.toSorted().reverse();
    expect(await foundIds(store, "milk")).toEqual([newest.id, ...sorted]);
    expect(await foundIds(store, "milk", { limit: 2 })).toEqual([newest.id, sorted[0] ?? ""]);
    const at = { since: 1_600_000_000_002, until: 1_600_000_000_003 };
    expect(await foundIds(store, "milk", at)).toEqual([sorted[1] ?? ""]);
  });
});

test("what a read does not return is not found: removed, expired, pushed out, damaged content", async () => {
  let now = Date.now();
  await withStore(
    async (store) => {
      const gone = await append(store, "a", { content: "milk" });
      const kept = await append(store, "a", { content: "milk" });
      await append(store, "b", { content: "milk", ttl: "time:50" });
      for (let n = 0; n < 3; n++) await append(store, "c", { content: `milk ${n}`, ttl: "last:1" });
      expect(await foundIds(store, "milk")).toHaveLength(4);
      await store.remove(gone.id);
      now += 100;
      const [last, ...rest] = await foundIds(store, "milk");
      expect(rest).toEqual([kept.id]);
      expect(last).toBe((await readAll(store)).at(-1)?.id ?? "");
    },
    () => now,
  );
});

test("the number of a removed frame may go to another one, which is found, and the first is not", async () => {
  const path = join(tempDir(), "store");
  let store = sqliteEngine(path);
  await append(store, "a", { content: "first" });
  for (let round = 0; round < 3; round++) {
    const { id } = await append(store, "a", { content: `apple${round}` });
    expect(await foundIds(store, `apple${round}`)).toEqual([id]);
    await store.remove(id);
    await store.close();
    store = sqliteEngine(path);
    const other = await append(store, "a", { content: `pear${round}` });
    expect(await foundIds(store, `pear${round}`)).toEqual([other.id]);
    expect(await foundIds(store, `apple${round}`)).toEqual([]);
    await store.remove(other.id);
  }
  await store.close();
});

test("content is searched up to 1 MiB, where it is text; each chunk by itself", async () => {
  await withStore(async (store) => {
    const pad = (size: number, text: string) => text + " ".repeat(size - text.length);
    const fits = await append(store, "a", { content: pad(1024 * 1024, "needle") });
    await append(store, "a", { content: pad(1024 * 1024 + 1, "needle") });
    const bytes = new Uint8Array([...Buffer.from("needle"), 0xff]);
    const content = await store.content.take(bytes);
    await store.append({ topic: "b", meta: "null", ttl: parseTtl("forever"), content });
    expect(await foundIds(store, "needle")).toEqual([fits.id]);
  });
});

test("after gc the words of what was removed are not in the files of the index", async () => {
  await withStore(async (store, path) => {
    for (let n = 0; n < 300; n++) await append(store, "a", { meta: `common xylophone${n}` });
    const secret = await append(store, "a", {
      content: "unforgettablesecret",
      meta: { a: "hiddenvalue" },
    });
    expect(await foundIds(store, "unforgettablesecret hiddenvalue")).toEqual([secret.id]);
    expect(bytesOf(path)).toContain("forgettablesecret");
    await store.remove(secret.id);
    await store.upkeep.collect();
    const left = bytesOf(path);
    expect(left).not.toContain("forgettablesecret");
    expect(left).not.toContain("hiddenvalue");
    expect(await foundIds(store, "common")).toHaveLength(300);
    expect(await foundIds(store, "unforgettablesecret")).toEqual([]);
    expect(await foundIds(store, "common xylophone7")).toHaveLength(1);
  });
});

describe("an index that is", () => {
  const harms: Record<string, (index: string) => void> = {
    removed: (index) => rmSync(index),
    empty: (index) => truncateSync(index),
    "cut off": (index) => truncateSync(index, Math.floor(statSync(index).size / 2)),
    "no database": (index) =>
      writeFileSync(index, "this is no database at all, but a text".repeat(200)),
    overwritten(index) {
      const bytes = readFileSync(index);
      bytes.fill(0x5a, 4096);
      writeFileSync(index, bytes);
    },
  };
  for (const [name, harm] of Object.entries(harms)) {
    for (const isOpen of [false, true]) {
      test(`${name} ${isOpen ? "while the store is open" : "between two runs"} is made anew by itself`, async () => {
        const path = join(tempDir(), "store");
        let store = sqliteEngine(path);
        const ids: string[] = [];
        for (let n = 0; n < 50; n++)
          ids.unshift((await append(store, "a", { content: `milk ${n}` })).id);
        expect(await foundIds(store, "milk")).toEqual(ids);
        if (!isOpen) await store.close();
        harm(join(path, INDEX));
        if (!isOpen) store = sqliteEngine(path);
        const { id } = await append(store, "a", { content: "milk" });
        expect(await foundIds(store, "milk")).toEqual([id, ...ids]);
        expect(await foundIds(store, "49")).toEqual(ids.slice(0, 1));
        expect(statSync(join(path, INDEX)).mode & 0o777).toBe(0o600);
        await store.close();
      });
    }
  }

  test("none, nor its lock, is made anew; a folder in its place is named", async () => {
    const path = join(tempDir(), "store");
    const index = join(path, INDEX);
    const elsewhere = join(tempDir(), "elsewhere");
    writeFileSync(elsewhere, "a text of a person");
    let store = sqliteEngine(path);
    const { id } = await append(store, "a", { content: "milk" });
    for (const file of [index, `${index}-lock`]) {
      for (const harm of [
        () => writeFileSync(file, "this is no database at all, but a text".repeat(200)),
        () => expect(Bun.spawnSync(["mkfifo", file]).exitCode).toBe(0),
        () => symlinkSync(elsewhere, file),
        () => symlinkSync(join(tempDir(), "nothing"), file),
      ]) {
        await store.close();
        rmSync(file, { force: true });
        harm();
        store = sqliteEngine(path);
        expect([file, await foundIds(store, "milk")]).toEqual([file, [id]]);
      }
      await store.close();
      rmSync(file, { force: true });
      mkdirSync(file);
      store = sqliteEngine(path);
      const refused = foundIds(store, "milk").catch((error: Error) => error.message);
      expect(await refused).toContain(`${file} is a folder: remove it`);
      rmdirSync(file);
      expect(await foundIds(store, "milk")).toEqual([id]);
    }
    expect(readFileSync(elsewhere, "utf8")).toBe("a text of a person");
    await store.close();
  });

  test("another store's is made anew", async () => {
    const [one, other] = [join(tempDir(), "one"), join(tempDir(), "other")];
    for (const path of [one, other]) {
      const store = sqliteEngine(path);
      for (let n = 0; n < 20; n++)
        await append(store, "a", { content: `milk from ${path === one ? "one" : "other"}` });
      expect(await foundIds(store, "milk")).toHaveLength(20);
      await store.close();
    }
    copyFileSync(join(one, INDEX), join(other, INDEX));
    const store = sqliteEngine(other);
    expect(await foundIds(store, "one")).toEqual([]);
    expect(await foundIds(store, "other")).toHaveLength(20);
    await store.close();
  });

  test("ahead of an older copy of the store, put in its place, finds what that has again", async () => {
    const path = join(tempDir(), "store");
    const files = ["events.db", "events.db-mark"];
    let store = sqliteEngine(path);
    const ids: string[] = [];
    for (let n = 0; n < 20; n++) ids.unshift((await append(store, "a", { meta: `milk ${n}` })).id);
    expect(await foundIds(store, "milk")).toEqual(ids);
    await store.close();
    const backup = tempDir();
    for (const file of files) copyFileSync(join(path, file), join(backup, file));
    store = sqliteEngine(path);
    await store.remove(ids[10] ?? "");
    await append(store, "a", { meta: "milk" });
    await store.upkeep.collect();
    expect(await foundIds(store, "milk")).toHaveLength(20);
    await store.close();
    for (const file of files) copyFileSync(join(backup, file), join(path, file));
    store = sqliteEngine(path);
    expect(await foundIds(store, "milk")).toEqual(ids);
    await store.close();
  });
});

test("a check names a damaged index, and it is made anew", async () => {
  const path = join(tempDir(), "store");
  let store = sqliteEngine(path);
  for (let n = 0; n < 500; n++) await append(store, "a", { meta: `milk word${n}` });
  expect(await foundIds(store, "milk")).toHaveLength(500);
  const check = async () => {
    const problems: string[] = [];
    const result = await store.check((problem) => problems.push(problem));
    return { problems, count: result.problems };
  };
  expect(await check()).toEqual({ problems: [], count: 0 });
  await store.close();
  const bytes = readFileSync(join(path, INDEX));
  bytes.fill(0x5a, 4096);
  writeFileSync(join(path, INDEX), bytes);
  store = sqliteEngine(path);
  const { problems, count } = await check();
  expect(problems.join()).toContain("index of the search is damaged");
  expect(count).toBe(1);
  expect(await foundIds(store, "milk")).toHaveLength(500);
  expect(await check()).toEqual({ problems: [], count: 0 });
  await store.close();
});

test("damaged frames are not found, all others are, also where the index is made anew", async () => {
  const path = join(tempDir(), "store");
  let store = sqliteEngine(path);
  const request = (n: number) => ({
    append: { topic: "a", meta: `"milk ${n}"`, ttl: parseTtl("forever"), content: null },
  });
  const lines = await store.apply(Array.from({ length: 500 }, (_, n) => request(n)));
  const ids = lines.map((line) => idInLine(line)).reverse();
  expect(await foundIds(store, "milk")).toEqual(ids);
  await store.close();
  damagePage(path, "frames");
  edit(path, (db) => db.run("UPDATE frames SET crc = crc + 1 WHERE seq = 490"));
  for (const isNew of [false, true]) {
    if (isNew) rmSync(join(path, INDEX));
    store = sqliteEngine(path);
    const readable = ids.filter((id) => {
      try {
        return store.get(id) !== undefined;
      } catch {
        return false;
      }
    });
    expect(readable.length).toBeLessThan(499);
    expect(await foundIds(store, "milk")).toEqual(readable);
    expect(await foundIds(store, "milk topic:a")).toEqual(readable);
    await store.close().catch(() => {});
  }
});

test("a store in which nobody searched has no index, and a check makes none", async () => {
  await withStore(async (store, path) => {
    await append(store, "a", { content: "milk" });
    await store.check(() => {});
    await store.upkeep.collect();
    expect(existsSync(join(path, INDEX))).toBe(false);
  });
});

test("a hit has the line of a read", async () => {
  await withStore(async (store) => {
    const { id } = await append(store, "a", { content: "buy milk", meta: { n: 1 } });
    const [hit] = await hitsOf(store, "milk");
    expect(hit?.line).toBe(store.get(id) ?? "");
    expect(hit?.snippet).toEqual({ in: "content", text: "buy milk", matches: [[4, 8]] });
  });
});
