import { expect, test } from "bun:test";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { ContentFiles } from "../../src/store/sqlite/content/cacache-files.ts";
import { append, problemsOf, sqliteEngine, withStore } from "../support/store.ts";
import { tempDir } from "../support/temp.ts";

/** Content files in a new directory. */
async function filesIn(root: string): Promise<ContentFiles> {
  const files = new ContentFiles(root);
  await files.prepare();
  return files;
}

const bytes = (text: string) => new TextEncoder().encode(text);

test("content keeps to cacache's layout and index, so cacache reads it and its verify keeps it", async () => {
  const root = join(tempDir(), "cacache");
  const files = await filesIn(root);
  const { hash } = await files.put([bytes("one")]);
  await files.put([bytes("two"), bytes("three")]);
  // What is used of cacache in the program is typed there; the test uses more of it.
  const cacache = (await import("cacache")).default as unknown as {
    get: { byDigest(root: string, hash: string): Promise<Buffer> };
    verify(root: string): Promise<{ verifiedContent: number; reclaimedCount: number }>;
  };
  expect((await cacache.get.byDigest(root, hash)).toString()).toBe("one");
  expect(await cacache.verify(root)).toMatchObject({ verifiedContent: 2, reclaimedCount: 0 });
  expect(await (await files.open(hash))?.text()).toBe("one");
});

test("damaged content is never served, is named, and is mended by putting it again", async () => {
  const path = `${tempDir()}/store`;
  const store = sqliteEngine(path);
  const { hash } = await append(store, "file", { content: "precious" });
  const other = await append(store, "file", { content: "other" });
  await store.close();
  const name = new ContentFiles(join(path, "cacache")).pathOf(hash ?? "");
  const content = readFileSync(name);
  content[0] = (content[0] ?? 0) ^ 1;
  writeFileSync(name, content);

  const again = sqliteEngine(path);
  await expect(again.content.open(hash ?? "")).rejects.toThrow(`${hash} is damaged`);
  expect(await (await again.content.open(other.hash ?? ""))?.text()).toBe("other");
  expect(await problemsOf(again)).toEqual([expect.stringContaining(hash ?? "no hash")]);
  await append(again, "file", { content: "precious" });
  await again.close();
  const mended = sqliteEngine(path);
  expect(await (await mended.content.open(hash ?? ""))?.text()).toBe("precious");
  expect(await problemsOf(mended)).toEqual([]);
  await mended.close();
});

test("content damaged after it was read is noticed at the next read", async () => {
  const files = await filesIn(join(tempDir(), "cacache"));
  const { hash } = await files.put([bytes("precious")]);
  expect(await (await files.open(hash))?.text()).toBe("precious");
  writeFileSync(files.pathOf(hash), "Precious!");
  await expect(files.open(hash)).rejects.toThrow("is damaged");
});

test("a source that breaks off leaves nothing behind, no file and no open file", async () => {
  const root = join(tempDir(), "cacache");
  const files = await filesIn(root);
  await files.put([bytes("before")]);
  const open = () => readdirSync("/proc/self/fd").length;
  const before = open();
  async function* breaking() {
    yield new Uint8Array(100_000);
    throw new Error("gone");
  }
  const puts = await Promise.allSettled(Array.from({ length: 20 }, () => files.put(breaking())));
  expect(puts.map(({ status }) => status)).toEqual(Array(20).fill("rejected"));
  expect(readdirSync(join(root, "tmp"))).toEqual([]);
  expect(open()).toBeLessThanOrEqual(before + 2);
});

test("what a killed process was writing is cleared by the next one", async () => {
  const root = join(tempDir(), "cacache");
  await (await filesIn(root)).put([bytes("before")]);
  writeFileSync(join(root, "tmp", "half"), "half of som");
  await (await filesIn(root)).put([bytes("after")]);
  expect(readdirSync(join(root, "tmp"))).toEqual([]);
});

test("the same content from many writers at once is kept once and whole", async () => {
  await withStore(async (store) => {
    const content = "x".repeat(100_000);
    const frames = await Promise.all(
      Array.from({ length: 30 }, () => append(store, "same", { content })),
    );
    expect(new Set(frames.map(({ hash }) => hash)).size).toBe(1);
    expect(await (await store.content.open(frames[0]?.hash ?? ""))?.text()).toBe(content);
  });
});
