import { Database } from "bun:sqlite";
import { expect, setDefaultTimeout, test } from "bun:test";
import {
  copyFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import type { Migration, MigrationListener } from "../../src/store/migration.ts";
import { type FrameRow, isSound } from "../../src/store/sqlite/log/frame-row.ts";
import { bringUpToDate } from "../../src/store/sqlite/migrate/migrate.ts";
import { damagePage, edit } from "../support/damage.ts";
import { expectMigrated } from "../support/migrated.ts";
import { makeOldStore } from "../support/old-store.ts";
import { report, setting } from "../support/random.ts";
import { problemsOf, readAll, sqliteEngine } from "../support/store.ts";
import { tempDir } from "../support/temp.ts";
import { TEST_MS } from "../support/wait.ts";

/** `XS_MIGRATE_FRAMES=1000000` for the long run. */
const FRAMES = setting("XS_MIGRATE_FRAMES", 200_000);
const fixtures = join(import.meta.dir, "..", "fixtures");
/** Steps so small that a small store takes many. */
const SMALL = { frames: 500, length: Infinity };

setDefaultTimeout(TEST_MS * Math.ceil(FRAMES / 200_000));

/** A store of schema 2 with a copy of its database. */
function makeStore(frames: number): { store: string; database: string; before: string } {
  const path = tempDir();
  const store = join(path, "store");
  makeOldStore(store, frames);
  return { store, ...keep(store, join(path, "before.db")) };
}

function keep(store: string, before: string): { database: string; before: string } {
  const database = join(store, "events.db");
  copyFileSync(database, before);
  return { database, before };
}

/** Notes what it is told, and may break off. */
class Watch implements MigrationListener {
  begun: Migration | undefined;
  readonly steps: number[] = [];
  sizes: { before: number; after: number } | undefined;
  readonly #last: number;

  /** @param last fails after this many steps, as a killed process would */
  constructor(last = Infinity) {
    this.#last = last;
  }

  begins(migration: Migration): void {
    this.begun = migration;
  }

  progress(frames: number): void {
    this.steps.push(frames);
    if (this.steps.length === this.#last) throw new Error("broken off");
  }

  ended(sizes: { before: number; after: number }): void {
    this.sizes = sizes;
  }
}

test("a store of schema 1 opens, is sound, and has its frames and their content", async () => {
  const path = `${tempDir()}/store`;
  cpSync(join(fixtures, "schema-1"), path, { recursive: true });
  const before = `${path}-before.db`;
  copyFileSync(join(path, "events.db"), before);
  bringUpToDate(join(path, "events.db"));
  expectMigrated(path, before);
  const store = sqliteEngine(path);
  const frames = await readAll(store);
  expect(frames.map(({ topic }) => topic)).toEqual(["note", "door.front", "zeros"]);
  const sizes = await Promise.all(
    frames.map(async ({ hash }) => (await store.content.open(hash ?? ""))?.size),
  );
  expect(sizes).toEqual([6, 5, 70_000]);
  expect(await problemsOf(store)).toEqual([]);
  await store.close();
});

test("a store of schema 2 that was killed, with a part of it in its log, opens, and has all rows", async () => {
  const path = `${tempDir()}/store`;
  cpSync(join(fixtures, "schema-2"), path, { recursive: true });
  const before = `${path}-before.db`;
  for (const end of ["", "-wal"]) copyFileSync(join(path, `events.db${end}`), before + end);
  bringUpToDate(join(path, "events.db"));
  expectMigrated(path, before);
  expect(readdirSync(path).sort()).toEqual(["cacache", "events.db"]);
  const store = sqliteEngine(path);
  expect(await problemsOf(store)).toEqual([]);
  expect(store.metrics.frames).toBe(40);
  const output = await readAll(store, { topics: ["pong.out"] });
  expect(output.map(({ meta }) => (meta as { pong: number }).pong)).toEqual([0, 1, 2, 3, 4]);
  await store.close();
});

test(`a store of ${FRAMES} frames has all of them, byte for byte, and takes less space`, async () => {
  const { store: path, database, before } = makeStore(FRAMES);
  edit(path, (db) => db.run("INSERT INTO growing VALUES ('03hb43bmfbvvqpkp546i1o2xs')"));
  copyFileSync(database, before);
  const watch = new Watch();
  const started = performance.now();
  bringUpToDate(database, { listener: watch });
  const seconds = ((performance.now() - started) / 1000).toFixed(1);
  const { before: old = 0, after = 0 } = watch.sizes ?? {};
  report(`XS_MIGRATE_FRAMES=${FRAMES}`, [
    `migrated in ${seconds} s, ${old / FRAMES} bytes a frame are ${after / FRAMES}`,
  ]);
  expect(watch.begun).toMatchObject({ from: 2, to: 3, frames: FRAMES, done: 0, isCopy: false });
  expect(watch.steps.at(-1)).toBe(FRAMES);
  expect(after).toBeLessThan(old * 0.8);
  expect(statSync(database).mode & 0o777).toBe(0o600);
  expectMigrated(path, before);
  const store = sqliteEngine(path);
  expect(await problemsOf(store)).toEqual([]);
  await store.close();
});

test("what was broken off goes on where it was, and the old store is as it was until the end", () => {
  const { store, database, before } = makeStore(5000);
  for (let run = 0; run < 5; run++) {
    const watch = new Watch(2);
    expect(() => bringUpToDate(database, { listener: watch, step: SMALL })).toThrow("broken off");
    expect(watch.begun?.done).toBe(run * 1000);
    expect(readFileSync(database).equals(readFileSync(before))).toBe(true);
  }
  const watch = new Watch();
  bringUpToDate(database, { listener: watch, step: SMALL });
  expect(watch.begun?.done).toBe(5000);
  expectMigrated(store, before);
});

test("what was broken off begins anew where an older xs has written meanwhile", () => {
  const { store, database, before } = makeStore(5000);
  expect(() => bringUpToDate(database, { listener: new Watch(3), step: SMALL })).toThrow();
  edit(store, (db) => {
    db.run("PRAGMA journal_mode = WAL");
    const { id } = db.query("SELECT min(id) AS id FROM frames").get() as { id: string };
    db.run("DELETE FROM frames WHERE id = ?", [id]);
    db.run("DELETE FROM scopes WHERE id = ?", [id]);
    db.run("DELETE FROM kv WHERE key = 'views/7'");
  });
  copyFileSync(database, before);
  const watch = new Watch();
  bringUpToDate(database, { listener: watch, step: SMALL });
  expect(watch.begun).toMatchObject({ frames: 4999, done: 0 });
  expectMigrated(store, before);
});

test("half a file that is damaged is begun anew, and one beside a store that is up to date goes", () => {
  const { store, database, before } = makeStore(5000);
  expect(() => bringUpToDate(database, { listener: new Watch(3), step: SMALL })).toThrow();
  const half = readFileSync(`${database}-next`);
  writeFileSync(`${database}-next`, half.fill(0xff, 0, 3000));
  bringUpToDate(database);
  expectMigrated(store, before);
  writeFileSync(`${database}-next`, half);
  bringUpToDate(database);
  expectMigrated(store, before);
});

test("a damaged frame comes along as it is, under its topic, and a check goes on reporting it", async () => {
  const { store: path, database, before } = makeStore(3000);
  const ids = edit(path, (db) => {
    const rows = db.query("SELECT id FROM frames ORDER BY id").all() as { id: string }[];
    const id = (n: number) => rows[n]?.id ?? "";
    const [line, crc, topic, bytes] = [id(10), id(501), id(1700), id(2999)] as const;
    const change = (id: string, set: string) =>
      db.run(`UPDATE frames SET ${set} WHERE id = ?`, [id]);
    change(line, "frame = replace(frame, 'meta', 'mefa')");
    change(crc, "crc = crc + 1");
    change(topic, "frame = replace(frame, 'topic\":\"', 'topic\":\"no')");
    // Nothing that is text.
    change(bytes, "frame = CAST(x'7b22ff00fe22' AS TEXT)");
    return [line, crc, topic, bytes];
  });
  copyFileSync(database, before);
  bringUpToDate(database, { step: SMALL });
  expectMigrated(path, before, { damaged: ids.length });
  const store = sqliteEngine(path);
  const problems = await problemsOf(store);
  expect(problems.length).toBeGreaterThanOrEqual(ids.length);
  expect(problems.filter((text) => !text.includes("checksum"))).toEqual([]);
  await store.close();
});

test("a frame that stands under the id of another counts as damaged, also where nothing indexes it", () => {
  const { store, database } = makeStore(3000);
  const count = edit(store, (db) => {
    const rows = db.query("SELECT id FROM frames ORDER BY id").all() as { id: string }[];
    // The last of a page as well, after which a read goes on.
    const wrong = [rows[20], rows[999], rows[2000]].map((row) => row?.id ?? "");
    for (const id of wrong) {
      db.run("UPDATE frames SET id = ? WHERE id = ?", [`${id.slice(0, -1)}~`, id]);
    }
    db.run("UPDATE frames SET id = '!' WHERE id = ?", [rows[1500]?.id ?? ""]);
    return wrong.length + 1;
  });
  bringUpToDate(database, { step: SMALL });
  edit(store, (db) => {
    const rows = db.query("SELECT seq, topic, crc, line FROM frames").all();
    expect(rows.length).toBe(3000);
    const wrong = (rows as (FrameRow & { topic: number })[]).filter((row) => !isSound(row));
    expect(wrong.map(({ topic }) => topic)).toEqual(Array(count).fill(0));
  });
});

test("a store with a page that cannot be read is refused and left as it is", () => {
  const { store, database, before } = makeStore(20_000);
  damagePage(store, "frames");
  copyFileSync(database, before);
  expect(() => sqliteEngine(store)).toThrow(/events.db cannot be opened|database is damaged/);
  expect(readdirSync(store).sort()).toEqual(["events.db", "lock.db"]);
  expect(readFileSync(database).equals(readFileSync(before))).toBe(true);
});

test("a database of something else is refused and left as it is", () => {
  const path = tempDir();
  const database = join(path, "events.db");
  const db = new Database(database, { create: true });
  db.run("CREATE TABLE mine (a)");
  db.close();
  const bytes = readFileSync(database);
  expect(() => sqliteEngine(path)).toThrow("a database of something else");
  expect(readFileSync(database).equals(bytes)).toBe(true);
  expect(existsSync(`${database}-next`)).toBe(false);
});

test.each([
  ["a new one", ""],
  ["one that was killed before it had tables", "PRAGMA journal_mode = WAL"],
])("a store can give space back: %s", async (_, killed) => {
  const path = `${tempDir()}/store`;
  mkdirSync(path);
  if (killed) {
    const db = new Database(join(path, "events.db"), { create: true });
    db.run(killed);
    db.close();
  }
  const store = sqliteEngine(path);
  expect(await problemsOf(store)).toEqual([]);
  await store.close();
  expect(edit(path, (db) => db.query("PRAGMA auto_vacuum").get())).toEqual({ auto_vacuum: 2 });
});
