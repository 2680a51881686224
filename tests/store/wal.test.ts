import { Database } from "bun:sqlite";
import { expect, test } from "bun:test";
import { copyFileSync, readFileSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import { readWal } from "../../src/store/sqlite/commit/read-wal.ts";
import { Home } from "../cli/run-xs.ts";
import { startServer } from "../support/server.ts";
import { tempDir } from "../support/temp.ts";

/** A database of two pages and more, and a copy of it with its log as a kill leaves it. */
function killedDatabase(commits: number): string {
  const path = tempDir();
  const db = new Database(join(path, "a.db"), { create: true });
  db.run("PRAGMA journal_mode = WAL");
  db.run("CREATE TABLE t (n INTEGER PRIMARY KEY, text TEXT)");
  for (let n = 0; n < commits; n++) {
    db.run("INSERT INTO t VALUES (?, ?)", [n, "x".repeat((n * 997) % 6000)]);
  }
  for (const end of ["", "-wal"]) copyFileSync(join(path, `a.db${end}`), join(path, `b.db${end}`));
  db.close();
  return join(path, "b.db");
}

/** The frames that SQLite takes up from the log of a database. */
function framesOfSqlite(database: string): number {
  const db = new Database(database);
  const row = db.query("PRAGMA wal_checkpoint").get() as { log: number };
  db.close();
  return row.log;
}

test("a write-ahead log is read as far as SQLite reads it, wherever it is cut off or changed", () => {
  const database = killedDatabase(40);
  const log = readFileSync(`${database}-wal`);
  const whole = readFileSync(database);
  const damages = fc.record({ at: fc.nat(log.length - 1), cut: fc.boolean() });
  fc.assert(
    fc.property(fc.option(damages), (damage) => {
      writeFileSync(database, whole);
      writeFileSync(`${database}-wal`, log);
      rmSync(`${database}-shm`, { force: true });
      if (damage?.cut) truncateSync(`${database}-wal`, damage.at);
      else if (damage) {
        const changed = Buffer.from(log);
        changed[damage.at] = (changed[damage.at] ?? 0) ^ 1;
        writeFileSync(`${database}-wal`, changed);
      }
      let frames: number;
      try {
        frames = readWal(`${database}-wal`)?.frames ?? 0;
      } catch {
        // Without its header there is nothing in it.
        frames = 0;
      }
      expect([damage, frames]).toEqual([damage, framesOfSqlite(database)]);
    }),
    { numRuns: 200 },
  );
  expect(readWal(`${database}-none`)).toBeUndefined();
});

test("a killed store whose log was changed is refused and left as it is, and opens without its mark", async () => {
  using home = new Home();
  await using server = await startServer(home.store);
  for (let n = 0; n < 20; n++) await server.append("a", `content ${n}`);
  await server.stop("SIGKILL");
  const log = join(home.store, "events.db-wal");
  const bytes = readFileSync(log);
  const at = Math.floor(bytes.length / 2);
  bytes[at] = (bytes[at] ?? 0) ^ 1;
  writeFileSync(log, bytes);
  for (const verb of ["verify", "cat"]) {
    const { code, stdout, stderr } = await home.xs([verb, home.store]);
    expect([code, stdout]).toEqual([1, ""]);
    expect(stderr).toContain(`${log} is damaged after byte `);
    expect(stderr).toContain(`remove ${home.store}/events.db-mark`);
  }
  expect(readFileSync(log).equals(bytes)).toBe(true);
  rmSync(join(home.store, "events.db-mark"));
  await home.ok(["verify", home.store]);
  const left = (await home.ok(["cat", home.store, "--topic", "a"])).split("\n").length - 1;
  expect([left > 0, left < 20]).toEqual([true, true]);
});
