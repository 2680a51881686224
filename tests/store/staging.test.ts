import { expect, setDefaultTimeout, test } from "bun:test";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import type { SqliteStore } from "../../src/store/sqlite/engine.ts";
import { append, problemsOf, readAll, withStore } from "../support/store.ts";
import { TEST_MS, until } from "../support/wait.ts";

setDefaultTimeout(TEST_MS);

const SIZE = 64 * 1024;
const BOUND = 64 * 1024 * 1024;
const WRITERS = 32;

const contentOf = (n: number) => `${n} `.padEnd(SIZE, "x");

/** Appends so many contents of 64 KiB, from many writers; gives the most bytes that were staged. */
async function flood(store: SqliteStore, count: number, ttl: string): Promise<number> {
  let next = 0;
  let most = 0;
  const write = async () => {
    while (next < count) {
      const n = next++;
      await append(store, "flood", { content: contentOf(n), meta: n, ttl });
      most = Math.max(most, store.content.staged().bytes);
    }
  };
  await Promise.all(Array.from({ length: WRITERS }, write));
  return most;
}

test("a flood of small contents keeps what is staged within its bound, and all of it settles", async () => {
  await withStore(async (store) => {
    const count = (2 * BOUND) / SIZE;
    const most = await flood(store, count, "forever");
    // Settling must have been too slow for this to tell anything.
    expect(most).toBeGreaterThan(BOUND / 4);
    expect(most).toBeLessThanOrEqual(BOUND + WRITERS * SIZE);
    await until("all content in files", () => store.content.staged().contents === 0);
    const frames = await readAll(store);
    expect(frames).toHaveLength(count);
    for (const { hash, meta } of frames) {
      expect(
        (await (await store.content.open(hash ?? ""))?.text()) === contentOf(Number(meta)),
      ).toBe(true);
    }
  });
});

test("a flood of contents that are removed again goes on while all content is held", async () => {
  await withStore(async (store) => {
    const release = await store.holdContent();
    await flood(store, BOUND / SIZE + 200, "last:1");
    expect((await readAll(store)).length).toBe(1);
    release();
    const freed = await store.upkeep.collect();
    expect(freed.contents).toBeGreaterThan(0);
    await flood(store, 10, "last:1");
    expect(await problemsOf(store)).toEqual([]);
  });
});

test("content that is soon pushed out makes no file, while content that stays gets its own", async () => {
  await withStore(async (store) => {
    const { hash } = await append(store, "kept", { content: "it stays" });
    const hasSettled = () => store.content.files.has(hash ?? "");
    let n = 0;
    while (!hasSettled()) {
      const content = (more: number) => ({ content: `${n + more}`, ttl: "last:10" });
      await Promise.all([...Array(100).keys()].map((more) => append(store, "soon", content(more))));
      n += 100;
    }
    expect(n).toBeGreaterThan(1000);
    expect(await Array.fromAsync(store.content.files.list())).toEqual([hash ?? ""]);
    await store.upkeep.collect();
    expect(store.content.tables.staged.hasMuchUnused).toBe(false);
    expect([...store.content.tables.staged.unused()]).toEqual([]);
    expect(store.content.staged().contents).toBe(10);
    expect(await problemsOf(store)).toEqual([]);
  });
});

test("a file that a power cut left half written is no problem, and is replaced", async () => {
  await withStore(async (store) => {
    const { hash } = await append(store, "cut", { content: "whole content" });
    const file = store.content.files.pathOf(hash ?? "");
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, "whole");
    expect(await problemsOf(store)).toEqual([]);
    store.content.startFlushing();
    await until("the content in its file", () => store.content.staged().contents === 0);
    expect(readFileSync(file, "utf8")).toBe("whole content");
  });
});
