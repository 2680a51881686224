import { expect, test } from "bun:test";
import { cpSync } from "node:fs";
import { join } from "node:path";
import { problemsOf, readAll, sqliteEngine } from "../support/store.ts";
import { tempDir } from "../support/temp.ts";

const fixtures = join(import.meta.dir, "..", "fixtures");

test("a store of schema 1 opens, is sound, and has its frames and their content", async () => {
  const path = `${tempDir()}/store`;
  cpSync(join(fixtures, "schema-1"), path, { recursive: true });
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
