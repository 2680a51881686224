import { expect, test } from "bun:test";
import { isUtf8 } from "node:buffer";
import { randomBytes } from "node:crypto";
import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { framesIn } from "../../src/core/frame.ts";
import { MAX_INLINE_CONTENT } from "../../src/core/inline-content.ts";
import { READ_ALL } from "../../src/core/read-options.ts";
import { FOREVER } from "../../src/core/ttl.ts";
import { InlineReader } from "../../src/store/inline-reader.ts";
import type { SqliteStore } from "../../src/store/sqlite/engine.ts";
import type { OpenStore } from "../../src/store/store.ts";
import { append, sqliteEngine } from "../support/store.ts";
import { tempDir } from "../support/temp.ts";
import { until } from "../support/wait.ts";

/** A frame with what a read with content adds. */
type Whole = Record<string, unknown> & { topic: string; hash: string | null };

/** Reads everything with its content, and gives the pieces that came. */
async function pieces(store: OpenStore): Promise<Uint8Array[]> {
  const reader = new InlineReader(store.read(READ_ALL), store.content);
  const all: Uint8Array[] = [];
  for (let piece = await reader.next(); piece; piece = await reader.next()) all.push(piece);
  return all;
}

async function readWhole(store: OpenStore): Promise<Whole[]> {
  return (await pieces(store)).flatMap((piece) => framesIn(piece) as unknown as Whole[]);
}

async function untilInFiles(store: SqliteStore): Promise<void> {
  store.content.startFlushing();
  await until("all content is in files", () => store.content.staged().contents === 0);
}

test("a long read finds content wherever it is, and goes on after what is damaged or missing", async () => {
  const store = sqliteEngine(`${tempDir()}/store`);
  const expected: Whole[] = [];
  const add = async (content: string, told: object) => {
    const frame = await append(store, "t", { content, meta: "m".repeat(200) });
    expected.push({ ...frame, ...told });
    return frame;
  };
  for (let n = 0; n < 300; n++) await add(`é ${n}`, { content: `é ${n}` });
  expected.push((await append(store, "none")) as never);
  const large = "L".repeat(MAX_INLINE_CONTENT + 1);
  await add(large, { content_size: large.length });
  const damaged = await add("damaged", { content_error: "content_damaged" });
  const missing = await add("missing", { content_error: "content_not_found" });
  await untilInFiles(store);
  const { files } = store.content;
  const bytes = readFileSync(files.pathOf(damaged.hash ?? ""));
  bytes[0] = 0;
  writeFileSync(files.pathOf(damaged.hash ?? ""), bytes);
  rmSync(files.pathOf(missing.hash ?? ""));
  // These are in the database and in memory.
  for (let n = 0; n < 100; n++) await add(`staged ${n}`, { content: `staged ${n}` });
  for (let n = 0; n < 3; n++) expect(await readWhole(store)).toEqual(expected);
  await store.close();
});

test("content that was changed after it was read is noticed at the next read", async () => {
  const store = sqliteEngine(`${tempDir()}/store`);
  const frames: Whole[] = [];
  for (let n = 0; n < 100; n++) {
    frames.push((await append(store, "t", { content: `${n}` })) as never);
  }
  await untilInFiles(store);
  const told = async (at: number) => (await readWhole(store))[at];
  expect(await told(50)).toMatchObject({ content: "50" });
  writeFileSync(store.content.files.pathOf(frames[50]?.hash ?? ""), "51");
  expect(await told(50)).toEqual({ ...frames[50], content_error: "content_damaged" } as never);
  expect(await told(51)).toMatchObject({ content: "51" });
  await append(store, "t", { content: "50" });
  expect(await told(50)).toMatchObject({ content: "50" });
  await store.close();
});

test("every byte comes back, as text or in base64", async () => {
  const store = sqliteEngine(`${tempDir()}/store`);
  const given: Buffer[] = [];
  for (let byte = 0; byte < 256; byte++) given.push(Buffer.from([byte]));
  for (const text of [
    '"',
    "a\\b",
    "tab\t",
    "ü",
    "日本語",
    "👩‍👩‍👧",
    "\uFEFFmark",
    "\u2028",
    "\x7f",
    "\r\n",
  ]) {
    given.push(Buffer.from(text), Buffer.from(`${text}${text}x`), Buffer.from(text).subarray(0, 1));
  }
  for (let size = 1; size < 70_000; size *= 3)
    given.push(randomBytes(size), Buffer.alloc(size, "x"));
  for (const bytes of given) {
    const content = await store.content.take(bytes);
    await store.append({ topic: "t.x", meta: '"é"', ttl: FOREVER, content });
  }
  await untilInFiles(store);
  const told = await readWhole(store);
  expect(told).toHaveLength(given.length);
  for (const [at, bytes] of given.entries()) {
    const { content, content_base64: base64 } = told[at] as { [key: string]: string | undefined };
    const isText = isUtf8(bytes);
    expect([at, content === undefined, base64 === undefined]).toEqual([at, !isText, isText]);
    expect(Buffer.from(content ?? base64 ?? "", isText ? "utf8" : "base64").equals(bytes)).toBe(
      true,
    );
  }
  await store.close();
});

test("pieces are bounded by their bytes, in files and in the database", async () => {
  for (const size of [60_000, MAX_INLINE_CONTENT]) {
    const store = sqliteEngine(`${tempDir()}/store`);
    const count = Math.ceil((8 * 1024 * 1024) / size);
    for (let n = 0; n < count; n++) {
      const content = `${n}${"\u0001".repeat(size)}`.slice(0, size);
      await append(store, "t", { content, meta: "m".repeat(300) });
    }
    for (const inFiles of [false, true]) {
      if (inFiles) await untilInFiles(store);
      const all = await pieces(store);
      expect(all.flatMap((piece) => framesIn(piece))).toHaveLength(count);
      // One content more than half a mebibyte, and a control character takes six bytes.
      for (const { length } of all) expect(length).toBeLessThan(6 * (512 + 256 + 64) * 1024);
      expect(all.length).toBeGreaterThan(2);
    }
    await store.close();
  }
});

test("what is live comes at once, after a long history", async () => {
  const store = sqliteEngine(`${tempDir()}/store`);
  for (let n = 0; n < 200; n++) await append(store, "t", { content: `${n}` });
  await untilInFiles(store);
  const reader = new InlineReader(store.read({ ...READ_ALL, follow: true }), store.content);
  const seen: Whole[] = [];
  const take = async (count: number) => {
    while (seen.length < count) {
      const piece = await reader.next();
      seen.push(...(framesIn(piece ?? new Uint8Array()) as unknown as Whole[]));
    }
  };
  await take(201);
  expect(seen.at(-1)?.topic).toBe("stream.cross.threshold");
  await append(store, "t", { content: "live" });
  await take(202);
  expect(seen.at(-1)).toMatchObject({ content: "live" });
  expect(seen.slice(0, 200).map(({ content }) => content)).toEqual(
    Array.from({ length: 200 }, (_, n) => String(n)),
  );
  // A read that waits ends when it is closed.
  const end = reader.next();
  reader.close();
  expect(await end).toBeUndefined();
  await store.close();
});

test("a store that closes breaks a read with content off, which never seems whole", async () => {
  const store = sqliteEngine(`${tempDir()}/store`);
  const append = (n: number) => ({
    append: {
      topic: "t",
      meta: `"${"m".repeat(5000)}"`,
      ttl: FOREVER,
      content: contents[n] ?? null,
    },
  });
  const contents = await Promise.all(
    Array.from({ length: 400 }, (_, n) => store.content.take(Buffer.from(String(n)))),
  );
  await store.apply(contents.map((_, n) => append(n)));
  await untilInFiles(store);
  const reader = new InlineReader(store.read(READ_ALL), store.content);
  await reader.next();
  await store.close();
  const rest = (async () => {
    while (await reader.next());
  })();
  await expect(rest).rejects.toThrow("closed");
});
