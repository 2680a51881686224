// Kills a command while it migrates a store, again and again, and lets the power fail at many moments of a migration:
// whatever is left opens, with every frame once.
import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { copyFileSync, existsSync, mkdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { Home } from "../cli/run-xs.ts";
import { expectMigrated } from "../support/migrated.ts";
import { makeOldStore } from "../support/old-store.ts";
import { Random, report, seedFrom, setting } from "../support/random.ts";
import { plainEnv, XS } from "../support/server.ts";
import { expectSound } from "../support/store.ts";
import { tempDirectory } from "../support/temp.ts";
import { missingStrace } from "../support/tools.ts";
import { TEST_MS } from "../support/wait.ts";
import { Disk, type Mercy } from "./disk.ts";
import { readTrace, type SystemCall, tracer } from "./trace.ts";

/** `XS_MIGRATE_KILLS=100 XS_MIGRATE_CUTS=500` for the long run. */
const KILLS = setting("XS_MIGRATE_KILLS", 15);
const CUTS = setting("XS_MIGRATE_CUTS", 60);
const SEED = seedFrom("XS_MIGRATE_SEED");
const FRAMES = 100_000;
/** A store is killed so often at most, and then migrated to its end. */
const KILLS_OF_A_STORE = 10;
/** How long after its start a command is killed at most, in ms. */
const LONGEST_MS = 450;
const MERCIES: readonly Mercy[] = ["none", "some", "torn", "all"];

setDefaultTimeout(TEST_MS * Math.ceil((KILLS + CUTS) / 40));

const asOf = (path: string) => Bun.hash(readFileSync(path));

test("kill -9 at any moment of a migration loses nothing, and the next command goes on", async () => {
  const command = `XS_MIGRATE_KILLS=${KILLS} XS_MIGRATE_SEED=${SEED}`;
  report(command, []);
  const random = new Random(SEED);
  const counts = { "before it began": 0, "in the middle": 0, "after its end": 0, stores: 0 };
  using source = tempDirectory();
  const original = join(source.path, "store");
  makeOldStore(original, FRAMES);
  const before = join(original, "events.db");
  const untouched = asOf(before);
  for (let kill = 0; kill < KILLS; counts.stores++) {
    using home = new Home();
    mkdirSync(home.store);
    const database = join(home.store, "events.db");
    copyFileSync(before, database);
    for (let n = 0; n < KILLS_OF_A_STORE && kill < KILLS; n++) {
      const child = Bun.spawn([XS, "last", home.store], {
        env: plainEnv(home.path),
        stdio: ["ignore", "ignore", "ignore"],
      });
      await Bun.sleep(random.next() * LONGEST_MS);
      child.kill("SIGKILL");
      await child.exited;
      kill++;
      const half = existsSync(`${database}-next`);
      if (!half && asOf(database) !== untouched) {
        counts["after its end"]++;
        break;
      }
      // The old store is as it was until the new one takes its place.
      expect(asOf(database)).toBe(untouched);
      counts[half ? "in the middle" : "before it began"]++;
    }
    const last = await home.ok(["last", home.store]);
    expect(JSON.parse(last)).toHaveProperty("topic");
    expectMigrated(home.store, before, { opened: true });
    await expectSound(home.store);
  }
  report(`${KILLS} kills`, [
    Object.entries(counts)
      .map(([name, count]) => `${name}: ${count}`)
      .join(", "),
    "lost, doubled: 0",
  ]);
});

const missing = missingStrace();

describe.skipIf(missing !== undefined)(`a power cut${missing ? ` (${missing})` : ""}`, () => {
  test("at any moment of a migration loses nothing, and the next open goes on", async () => {
    const command = `XS_MIGRATE_CUTS=${CUTS} XS_MIGRATE_SEED=${SEED}`;
    report(command, []);
    const random = new Random(SEED);
    using home = tempDirectory();
    const parent = join(home.path, "disk");
    mkdirSync(parent);
    const disk = new Disk(parent);
    const store = join(parent, "store");
    const before = join(home.path, "before.db");
    const run = async (script: string, end: number): Promise<SystemCall[]> => {
      const trace = join(home.path, "trace");
      const child = Bun.spawn([...tracer(trace), process.execPath, "-e", script], {
        cwd: join(import.meta.dir, "../.."),
        stdio: ["ignore", "inherit", "inherit"],
      });
      expect(await child.exited).toBe(end);
      const calls = await readTrace(trace, child.pid);
      disk.record(calls);
      rmSync(trace);
      return calls;
    };
    const own = (path: string) => JSON.stringify(join(import.meta.dir, path));
    // Its newest frames are in its log.
    await run(
      `
      const { makeOldStore } = await import(${own("../support/old-store.ts")});
      makeOldStore(${JSON.stringify(store)}, 2000, 1, true);`,
      137,
    );
    for (const end of ["", "-wal"]) copyFileSync(join(store, `events.db${end}`), before + end);
    const calls = await run(
      `
      const { bringUpToDate } = await import(${own("../../src/store/sqlite/migrate/migrate.ts")});
      bringUpToDate(${JSON.stringify(join(store, "events.db"))}, { step: { frames: 500, length: 1e9 } });`,
      0,
    );
    expectMigrated(store, before);
    const moments = calls.filter(({ args }) => args.length > 0);
    const counts = { migrated: 0, "not yet": 0 };
    using memory = tempDirectory(existsSync("/dev/shm") ? "/dev/shm" : undefined);
    for (let cut = 0; cut < CUTS; cut++) {
      const left = join(memory.path, "left");
      const call = random.pick(moments);
      const moment = random.pick([call.start, (call.start + call.end) / 2, call.end]);
      const mercy = random.pick(MERCIES);
      disk.restore(left, moment, mercy, random.fork());
      try {
        const path = join(left, "store");
        counts[existsSync(join(path, "events.db-next")) ? "not yet" : "migrated"]++;
        await expectSound(path);
        expectMigrated(path, before, { opened: true });
      } catch (error) {
        process.stderr.write(`at ${call.name}, cut ${cut}, mercy: ${mercy}\n`);
        throw error;
      }
      rmSync(left, { recursive: true });
    }
    report(`${CUTS} power cuts`, [
      Object.entries({ ...disk.counts, ...counts })
        .map(([name, count]) => `${name}: ${count}`)
        .join(", "),
      "lost: 0, unsound: 0",
    ]);
  });
});
