import { expect, test } from "bun:test";
import { chmodSync, existsSync, mkdirSync, statSync, writeFileSync } from "node:fs";
import { openSqliteStore } from "../../src/store/sqlite/open.ts";
import { tempDir } from "../support/temp.ts";

test("a directory with something else in it is refused and left as it is", () => {
  const path = tempDir();
  writeFileSync(`${path}/thesis.txt`, "do not touch");
  chmodSync(path, 0o755);
  expect(() => openSqliteStore(path)).toThrow("is not a store and not empty");
  expect(statSync(path).mode & 0o777).toBe(0o755);
  expect(existsSync(`${path}/lock.db`)).toBe(false);
});

test("a store that another process is just making is no stranger", async () => {
  const path = tempDir();
  for (const name of ["lock.db", "lock.db-journal"]) writeFileSync(`${path}/${name}`, "");
  const store = openSqliteStore(path);
  expect(statSync(path).mode & 0o777).toBe(0o700);
  await store?.close();
});

test("a store made by a newer xs is refused and left as it is", async () => {
  const path = `${tempDir()}/store`;
  mkdirSync(path);
  const { Database } = await import("bun:sqlite");
  const db = new Database(`${path}/events.db`, { create: true });
  db.run("PRAGMA user_version = 999");
  db.close();
  expect(() => openSqliteStore(path)).toThrow("use the newer xs");
  // The lock is free again after the refusal.
  expect(() => openSqliteStore(path)).toThrow("use the newer xs");
});
