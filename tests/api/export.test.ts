import { Database } from "bun:sqlite";
import { describe, expect, test } from "bun:test";
import { rmSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { contentEntry, FRAMES, KV_ENTRIES, PROBLEMS } from "../../src/core/export-format.ts";
import { hashOf } from "../../src/core/hash.ts";
import type { SqliteStore } from "../../src/store/sqlite/engine.ts";
import { problemsOf } from "../support/store.ts";
import { entriesIn, interrupted } from "../support/tar.ts";
import { until } from "../support/wait.ts";
import { BINARY, exported, furnish, imported, LARGE } from "./furnished.ts";
import { expectProblem, Subject } from "./with-store.ts";

test("what is exported, imported and exported again is the same, byte for byte", async () => {
  await using subject = new Subject();
  await furnish(subject);
  const tar = await exported(subject);
  expect(await exported(subject)).toEqual(tar);
  await using copy = new Subject();
  const counts = { frames: 11, contents: 10, pairs: 3 };
  expect(await imported(copy, tar)).toEqual({ ...counts, added: 11 });
  await copy.store.upkeep.collect();
  expect(await exported(copy)).toEqual(tar);
  expect(await imported(copy, tar)).toEqual({ ...counts, added: 0 });
  expect(await exported(copy)).toEqual(tar);
});

test("an export has the frames as they are, the pairs, and each content once by its sha256", async () => {
  await using subject = new Subject();
  await furnish(subject);
  const response = await subject.ask("/export");
  const entries = await entriesIn(await response.bytes());
  const text = (name: string) => Buffer.from(entries.get(name) ?? []).toString();
  expect(text(FRAMES)).toBe(await (await subject.ask("/")).text());
  expect(response.headers.get("xs-frames")).toBe("11");
  expect(response.headers.get("xs-pairs")).toBe("3");
  const pairs = text(KV_ENTRIES)
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line));
  expect(pairs.map(({ key }) => key)).toEqual(["binary", "empty", "views/ü/→"]);
  expect(Object.keys(pairs[0])).toEqual(["key", "rev", "type", "value"]);
  expect(pairs[0].value).toBe(Buffer.from(BINARY).toString("base64"));
  expect([...entries.keys()].slice(0, 2)).toEqual([FRAMES, KV_ENTRIES]);
  const contents = [...entries].slice(2);
  for (const [name, bytes] of contents) expect(name).toBe(contentEntry(hashOf(bytes)));
  const names = contents.map(([name]) => name);
  expect(names).toEqual([...new Set(names)].sort());
  expect(entries.get(contentEntry(hashOf(LARGE)))?.length).toBe(LARGE.length);
});

test("staged content and content in files come in one order, each once", async () => {
  await using subject = new Subject();
  await subject.appendMany("settled", 40);
  await settled(subject.store);
  await subject.appendMany("settled", 60);
  const names = [...(await entriesIn(await exported(subject))).keys()].slice(2);
  expect(names.length).toBe(60);
  expect(names).toEqual([...new Set(names)].sort());
});

test("an empty store is exported and imported as well", async () => {
  await using subject = new Subject();
  const tar = await exported(subject);
  expect(await imported(subject, tar)).toEqual({ frames: 0, added: 0, contents: 0, pairs: 0 });
});

test("HEAD tells the type and leaves nothing open", async () => {
  await using subject = new Subject();
  const response = await subject.ask("/export", { method: "HEAD" });
  expect([response.status, await response.text()]).toEqual([200, ""]);
  expect(await subject.store.upkeep.collect()).toEqual({ contents: 0, bytes: 0 });
});

test("a reader that goes away leaves nothing open", async () => {
  await using subject = new Subject();
  for (let n = 0; n < 12; n++) {
    await subject.post("/cas", new Uint8Array(Buffer.alloc(1024 * 1024, `${n},`)));
  }
  const reader = (await subject.ask("/export")).body?.getReader();
  await reader?.read();
  await expect(subject.store.upkeep.collect()).rejects.toThrow(/export/);
  await reader?.cancel();
  await until("content can be freed again", () => isFree(subject.store));
});

function settled({ content }: SqliteStore): Promise<true> {
  return until("all has settled", () => {
    content.startFlushing();
    return content.staged().contents === 0;
  });
}

function isFree(store: SqliteStore): Promise<boolean> {
  return store.upkeep.collect().then(
    () => true,
    () => false,
  );
}

describe("damage", () => {
  test("in content leaves it out and is told at the end", async () => {
    await using subject = new Subject();
    await furnish(subject);
    const whole = await entriesIn(await exported(subject));
    const { files } = subject.store.content;
    writeFileSync(files.pathOf(hashOf(LARGE)), "not what it was");
    const entries = await entriesIn(await exported(subject));
    expect([...entries.keys()].at(-1)).toBe(PROBLEMS);
    expect(problemsIn(entries)).toEqual([[hashOf(LARGE), expect.stringMatching("damaged")]]);
    entries.delete(PROBLEMS);
    whole.delete(contentEntry(hashOf(LARGE)));
    expect(entries).toEqual(whole);
    rmSync(files.pathOf(hashOf(LARGE)));
    const missing = await entriesIn(await exported(subject));
    expect(problemsIn(missing)).toEqual([[hashOf(LARGE), expect.stringMatching("missing")]]);
    missing.delete(PROBLEMS);
    expect(missing).toEqual(whole);
    await subject.post("/cas", new Uint8Array(LARGE));
  });

  test("in content is mended by an import that has it", async () => {
    await using subject = new Subject();
    await furnish(subject);
    await settled(subject.store);
    const tar = await exported(subject);
    for (const bytes of [LARGE, BINARY]) {
      writeFileSync(subject.store.content.files.pathOf(hashOf(bytes)), "not what it was");
    }
    const damaged = await exported(subject);
    await using copy = new Subject();
    await imported(copy, damaged);
    const missing = expect.stringMatching("missing");
    expect(await problemsOf(copy.store)).toEqual([missing, missing]);
    for (const each of [subject, copy]) {
      await imported(each, tar);
      await settled(each.store);
      expect(await problemsOf(each.store)).toEqual([]);
      expect(await exported(each)).toEqual(tar);
    }
  });

  test("in a frame is an answer that says so", async () => {
    await using subject = new Subject();
    await furnish(subject);
    const change = alter(subject, "UPDATE frames SET line = replace(line, 'note', 'nite')");
    await expectProblem(await subject.ask("/export"), 500, "frame_damaged", /restore it/);
    await until("content can be freed again", () => isFree(subject.store));
    change("UPDATE frames SET line = replace(line, 'nite', 'note')");
  });

  test("that comes while content is read breaks the export off", async () => {
    await using subject = new Subject();
    const large = new Uint8Array(64 * 1024 * 1024);
    await subject.post("/cas", large);
    const path = subject.store.content.files.pathOf(hashOf(large));
    const response = await subject.ask("/export");
    const taken = interrupted(response, () => truncateSync(path, large.length / 2));
    await expect(taken).rejects.toThrow(/size/i);
    await until("content can be freed again", () => isFree(subject.store));
    await subject.post("/cas", large);
  });

  test("in a pair is an answer that says so", async () => {
    await using subject = new Subject();
    await furnish(subject);
    const change = alter(subject, "UPDATE kv SET type = type || 'x'");
    await expectProblem(await subject.ask("/export"), 500, "value_damaged", "binary");
    await until("content can be freed again", () => isFree(subject.store));
    change("UPDATE kv SET type = substr(type, 1, length(type) - 1)");
  });
});

/** Changes the database behind the store's back, and lets the caller change it again. */
function alter(subject: Subject, statement: string): (statement: string) => void {
  const change = (sql: string) => {
    using db = new Database(join(subject.store.path, "events.db"));
    db.run(sql);
  };
  change(statement);
  return change;
}

function problemsIn(entries: Map<string, Uint8Array>): [hash: string, problem: string][] {
  const lines = Buffer.from(entries.get(PROBLEMS) ?? [])
    .toString()
    .trimEnd()
    .split("\n");
  return lines.map((line) => {
    const { hash, problem } = JSON.parse(line);
    return [hash, problem];
  });
}
