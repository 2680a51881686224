// The clock was ahead once, by a month, and is right again.
import { expect, test } from "bun:test";
import { timestampOf } from "../../src/core/id.ts";
import type { SqliteStore } from "../../src/store/sqlite/engine.ts";
import { append, problemsOf, readAll, sqliteEngine } from "../support/store.ts";
import { tempDir } from "../support/temp.ts";

const TRUE = 1_800_000_000_000;
const MONTH = 30 * 24 * 60 * 60 * 1000;
const HOUR = 60 * 60 * 1000;

class Clock {
  shows = TRUE;
  readonly now = () => this.shows;
}

const topics = async (store: SqliteStore) => (await readAll(store)).map(({ topic }) => topic);

/** A store whose newest id is a month ahead of its clock: still open, or opened again since. */
async function aheadOnce(clock: Clock, reopen: boolean): Promise<SqliteStore> {
  const path = `${tempDir()}/store`;
  clock.shows = TRUE + MONTH;
  const store = sqliteEngine(path, clock.now);
  await append(store, "ahead");
  if (!reopen) {
    clock.shows = TRUE;
    return store;
  }
  await store.close();
  clock.shows = TRUE;
  return sqliteEngine(path, clock.now);
}

test.each([
  ["and the store was opened again since", true],
  ["while the store is open", false],
])("a time: ttl ends when it was meant to, %s", async (_, reopen) => {
  const clock = new Clock();
  const store = await aheadOnce(clock, reopen);
  const short = await append(store, "short", { ttl: "time:1000" });
  const long = await append(store, "long", { ttl: `time:${HOUR}` });
  const told = await append(store, "told", { ttl: `until:${TRUE + 2000}` });
  expect(timestampOf(short.id)).toBeGreaterThan(TRUE + MONTH - 1);
  expect([short.ttl, long.ttl, told.ttl]).toEqual([
    `until:${TRUE + 1000}`,
    `until:${TRUE + HOUR}`,
    `until:${TRUE + 2000}`,
  ]);
  expect(await topics(store)).toEqual(["ahead", "short", "long", "told"]);
  clock.shows = TRUE + 1000;
  expect(await topics(store)).toEqual(["ahead", "long", "told"]);
  expect(store.get(short.id)).toBeUndefined();
  clock.shows = TRUE + HOUR;
  expect(await topics(store)).toEqual(["ahead"]);
  expect(await problemsOf(store)).toEqual([]);
  await store.close();
});

test("what expired by the later time stays gone", async () => {
  const clock = new Clock();
  const store = sqliteEngine(`${tempDir()}/store`, clock.now);
  const gone = await append(store, "gone", { ttl: "time:1000" });
  clock.shows = TRUE + MONTH;
  expect(await topics(store)).toEqual([]);
  clock.shows = TRUE;
  await append(store, "kept", { ttl: `time:${HOUR}` });
  expect(await topics(store)).toEqual(["kept"]);
  expect(store.get(gone.id)).toBeUndefined();
  await store.close();
});

test("an Idempotency-Key is forgotten a day later, not a month and a day", async () => {
  for (const reopen of [false, true]) {
    const clock = new Clock();
    const path = `${tempDir()}/store`;
    clock.shows = TRUE + MONTH;
    let store = sqliteEngine(path, clock.now);
    const { parseTtl } = await import("../../src/core/ttl.ts");
    const request = { topic: "a", meta: "null", ttl: parseTtl("forever"), content: null };
    const once = () => store.append(request, { idempotencyKey: "k" });
    const first = await once();
    clock.shows = TRUE;
    if (reopen) {
      await store.close();
      store = sqliteEngine(path, clock.now);
    }
    expect(await once()).toBe(first);
    await append(store, "b", { ttl: "time:5" });
    expect(await once()).toBe(first);
    clock.shows = TRUE + 25 * HOUR;
    expect(await once()).not.toBe(first);
    await store.close();
  }
});
