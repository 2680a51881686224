// A store of an older version: what a person sees of its migration, and what happens where there is no room for it, or
// nothing may be written.
import { describe, expect, setDefaultTimeout, test } from "bun:test";
import {
  copyFileSync,
  cpSync,
  existsSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { missingMount, Tmpfs } from "../faults/tmpfs.ts";
import { expectMigrated } from "../support/migrated.ts";
import { makeOldStore } from "../support/old-store.ts";
import { parseLines, plainEnv, XS } from "../support/server.ts";
import { filesBelow } from "../support/temp.ts";
import { TEST_MS, until } from "../support/wait.ts";
import { Home } from "./run-xs.ts";

setDefaultTimeout(TEST_MS);

const FIXTURE = join(import.meta.dir, "../fixtures/schema-2");
/** Of its export by the version that made it. */
const EXPORT = "689ead664acfbee5e3b1d5d2b0e8a1bc5d92697215d057c1752b2366d63b508b";

const hash = (path: string) =>
  new Bun.CryptoHasher("sha256").update(readFileSync(path)).digest("hex");
const copies = () => readdirSync(tmpdir()).filter((name) => name.startsWith("xs-read-"));

test("the export after a migration is that from before, byte for byte", async () => {
  using home = new Home();
  cpSync(FIXTURE, home.store, { recursive: true });
  const tar = join(home.path, "copy.tar");
  await home.ok(["export", home.store, tar]);
  expect(hash(tar)).toBe(EXPORT);
  await home.ok(["verify", home.store]);
  await home.ok(["append", home.store, "note", "--meta", "1"]);
  await home.ok(["verify", home.store]);
});

test("a line tells that a migration begins and one that it has ended, and the next command tells nothing", async () => {
  using home = new Home();
  makeOldStore(home.store, 3000);
  const first = await home.xs(["last", home.store]);
  expect(first.stderr).toMatch(
    /^.*migrating \S+its-store to schema 3: 3,000 frames\n.*migrated in [0-9.]+ s: [0-9.]+ MB are [0-9.]+ MB now\n$/,
  );
  const second = await home.xs(["last", home.store]);
  expect(second).toEqual({ ...first, stderr: "" });
});

test("whoever waits for a store that is being migrated is told so", async () => {
  using home = new Home();
  makeOldStore(home.store, 200_000);
  const next = join(home.store, "events.db-next");
  const child = Bun.spawn([XS, "last", home.store], {
    env: plainEnv(home.path),
    stdio: ["ignore", "ignore", "ignore"],
  });
  await until("the migration", () => existsSync(next));
  child.kill("SIGSTOP");
  const { code, stderr } = await home.xs(["append", home.store, "note"]);
  child.kill("SIGKILL");
  await child.exited;
  expect([code, stderr]).toEqual([1, expect.stringContaining("is migrating it to a newer schema")]);
  await home.ok(["append", home.store, "note"]);
});

const unmounted = missingMount();

describe.skipIf(unmounted !== undefined)(`a mount${unmounted ? ` (${unmounted})` : ""}:`, () => {
  test("no room to migrate is told, the store is as it was and is read, and it goes on with room", async () => {
    using disk = new Tmpfs("24m");
    using home = new Home();
    const store = join(disk.path, "store");
    makeOldStore(store, 40_000);
    const database = join(store, "events.db");
    const before = join(home.path, "before.db");
    copyFileSync(database, before);
    const filler = join(disk.path, "filler");
    const free = 24 * 1024 * 1024 - statSync(database).size;
    await Bun.write(filler, Buffer.alloc(free - 3 * 1024 * 1024));
    const frames = parseLines(await home.ok(["cat", store]));
    expect(frames.length).toBe(40_000);
    for (const args of [
      ["append", store, "note", "--meta", "1"],
      ["serve", store],
    ]) {
      const { code, stderr } = await home.xs(args);
      expect([code, stderr]).toEqual([
        1,
        expect.stringMatching(/no room to migrate .*free some space/),
      ]);
    }
    expect(filesBelow(store).sort()).toEqual(["events.db", "lock.db"]);
    expect(hash(database)).toBe(hash(before));
    // Neither has the folder for temporary files any.
    const { code, stderr } = await home.xs(["cat", store], { env: { TMPDIR: disk.path } });
    expect([code, stderr]).toEqual([1, expect.stringContaining("set TMPDIR")]);
    expect(readdirSync(disk.path).sort()).toEqual(["filler", "store"]);
    rmSync(filler);
    const last = await home.ok(["last", store]);
    expect(JSON.parse(last)).toEqual(frames.at(-1));
    expectMigrated(store, before, { opened: true });
    await home.ok(["append", store, "note", "--meta", "1"]);
    await home.ok(["verify", store]);
    expect(copies()).toEqual([]);
  });

  test.each([
    ["one that was closed", ["events.db-wal", "events.db-mark"]],
    ["one that was killed", []],
  ])("what cannot be written is read (%s)", async (_, without) => {
    using disk = new Tmpfs("32m");
    using home = new Home();
    const store = join(disk.path, "store");
    cpSync(FIXTURE, store, { recursive: true });
    // Without its log it is an older state of it.
    for (const name of without) rmSync(join(store, name));
    const other = join(home.path, "other");
    cpSync(store, other, { recursive: true });
    disk.remount("ro");
    const names = filesBelow(store);
    const cat = await home.xs(["cat", store]);
    expect([cat.code, cat.stderr]).toEqual([0, ""]);
    const tar = join(home.path, "copy.tar");
    await home.ok(["export", store, tar]);
    if (without.length === 0) expect(hash(tar)).toBe(EXPORT);
    await home.ok(["verify", store]);
    const { code, stderr } = await home.xs(["append", store, "note"]);
    expect([code, stderr]).toEqual([1, expect.stringContaining("read-only")]);
    expect(filesBelow(store)).toEqual(names);
    expect(copies()).toEqual([]);
    expect(await home.ok(["cat", other])).toBe(cat.stdout);
  });
});
