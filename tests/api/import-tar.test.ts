import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { contentEntry, FRAMES, KV_ENTRIES, PROBLEMS } from "../../src/core/export-format.ts";
import { hashOf } from "../../src/core/hash.ts";
import { packId } from "../../src/core/id.ts";
import { MAX_VALUE } from "../../src/core/key.ts";
import { problemsOf, sqliteEngine } from "../support/store.ts";
import { type Entry, forge, makeTar } from "../support/tar.ts";
import { tempDir } from "../support/temp.ts";
import { TEST_MS, until } from "../support/wait.ts";
import { allOf, DAY_MS, exported, furnish, imported } from "./furnished.ts";
import { expectProblem, Subject } from "./with-store.ts";

setDefaultTimeout(TEST_MS);

const NOW = Date.now();

function frameLine(ts_ms: number, more: object = {}): string {
  const id = packId({ ts_ms, counter_hi: 1, counter_lo: 0, node: "00000001" });
  const frame = { topic: "note", id, hash: null, meta: null, ttl: "forever", ...more };
  return `${JSON.stringify(frame)}\n`;
}

function pairLine(more: object = {}): string {
  const rev = packId({ ts_ms: 1000, counter_hi: 1, counter_lo: 0, node: "00000001" });
  return `${JSON.stringify({ key: "k", rev, type: "text/plain", value: "aGk=", ...more })}\n`;
}

/** The entry of some content; `named` after other bytes than it has. */
function contentOf(bytes: string | Buffer, named: string | Buffer = bytes): Entry {
  return { name: contentEntry(hashOf(Buffer.from(named))), data: Buffer.from(bytes) };
}

/** Every tar brings this first, so that there is something that has to go again. */
const GOOD: readonly Entry[] = [
  { name: FRAMES, data: frameLine(1000, { hash: hashOf(Buffer.from("small")) }) },
  contentOf("small"),
  contentOf(Buffer.alloc(100_000, "large")),
];

test("into a used store it merges: frames by id, and of a key the newer revision", async () => {
  await using a = new Subject();
  await using b = new Subject();
  const first = await a.append("a", "one");
  const second = await b.append("b", "two");
  const third = await a.append("a", "three");
  await b.store.kv.put("older here", "", Buffer.from("old"));
  await a.store.kv.put("older there", "", Buffer.from("old"));
  const then = Date.now();
  await until("the clock moves on", () => Date.now() > then);
  await a.store.kv.put("older here", "text/new", Buffer.from("new"));
  await b.store.kv.put("older there", "", Buffer.from("new"));
  await imported(b, await exported(a));
  const frames = [first, second, third].sort((x, y) => (x.id < y.id ? -1 : 1));
  const merged = await b.frames();
  const received = merged.pop();
  expect(merged).toEqual(frames);
  // The newest id was that of an entry.
  expect(received).toMatchObject({
    topic: "stream.cross.received",
    meta: { frames: 2, oldest: first.id },
  });
  for (const { id } of [first, second, third]) {
    expect((await b.ask(`/${id}/content`)).status).toBe(200);
  }
  for (const key of ["older here", "older there"]) {
    expect(Buffer.from(b.store.kv.getNow(key)?.value ?? []).toString()).toBe("new");
  }
  expect(b.store.kv.getNow("older here")?.type).toBe("text/new");
});

test("a tar that GNU tar has made of the same files is as good", async () => {
  await using subject = new Subject();
  await furnish(subject);
  const tar = await exported(subject);
  const folder = tempDir();
  writeFileSync(join(folder, "a.tar"), tar);
  mkdirSync(join(folder, "x"));
  const tars = (...args: string[]) => {
    const { exitCode, stderr } = Bun.spawnSync(["tar", ...args], { cwd: folder });
    expect([exitCode, stderr.toString()]).toEqual([0, ""]);
  };
  tars("xf", "a.tar", "-C", "x");
  tars("cf", "gnu.tar", "-C", "x", ".");
  tars("cf", "pax.tar", "--format=pax", "-C", "x", "content", KV_ENTRIES, FRAMES);
  tars(
    "cf",
    "ustar.tar",
    "--format=ustar",
    "-b",
    "1",
    "-C",
    "x",
    `./${KV_ENTRIES}`,
    "./content",
    FRAMES,
  );
  for (const name of ["gnu.tar", "pax.tar", "ustar.tar"]) {
    await using copy = new Subject();
    await imported(copy, new Uint8Array(await Bun.file(join(folder, name)).arrayBuffer()));
    expect(await exported(copy)).toEqual(tar);
  }
});

test("content that nothing names stays, as it does after POST /cas", async () => {
  await using subject = new Subject();
  await imported(subject, await makeTar(GOOD));
  expect(await subject.store.upkeep.collect()).toEqual({ contents: 0, bytes: 0 });
  const large = Buffer.alloc(100_000, "large");
  expect(subject.store.content.has(hashOf(large))).toBe(true);
});

test("an import frees nothing that was there before it", async () => {
  await using subject = new Subject();
  const contents = GOOD.slice(1).map(({ data = "" }) => Buffer.from(data));
  for (const content of contents) await subject.post("/cas", new Uint8Array(content));
  const wrong = await makeTar([...GOOD, contentOf("wrong", "right")]);
  await expectProblem(await subject.post("/import", wrong), 400, "bad_tar");
  await subject.store.upkeep.collect();
  for (const content of contents) expect(subject.store.content.has(hashOf(content))).toBe(true);
});

test("what a killed import left is removed at the next open", async () => {
  const path = `${tempDir()}/store`;
  await sqliteEngine(path).close();
  writeFileSync(join(path, `import-${crypto.randomUUID()}.db`), "half");
  writeFileSync(join(path, "import-notes.db"), "somebody else's");
  await sqliteEngine(path).close();
  expect(readdirSync(path).filter((name) => name.startsWith("import"))).toEqual([
    "import-notes.db",
  ]);
});

test("a line of JSON with the magic of a tar at its place is a line of JSON", async () => {
  await using subject = new Subject();
  const start = frameLine(1000, { meta: "" }).indexOf('"meta":"') + '"meta":"'.length;
  const line = frameLine(1000, { meta: `${"x".repeat(257 - start)}ustar  ${"x".repeat(300)}` });
  expect(line.indexOf("ustar  ")).toBe(257);
  expect(await (await subject.post("/import", line)).text()).toBe(line);
});

test("an import holds back the collector", async () => {
  await using subject = new Subject();
  const gate = Promise.withResolvers<void>();
  const tar = await makeTar(GOOD);
  const body = new ReadableStream<Uint8Array>({
    async pull(controller) {
      controller.enqueue(tar.subarray(0, 3000));
      await gate.promise;
      controller.enqueue(tar.subarray(3000));
      controller.close();
    },
  });
  const answer = subject.ask("/import", { method: "POST", body });
  await until("the collector is held", () =>
    subject.store.upkeep.collect().then(
      () => false,
      (error) => error.code === "busy",
    ),
  );
  gate.resolve();
  expect((await answer).status).toBe(200);
});

const MIB = 1024 * 1024;
const bad: [what: string, tar: () => Promise<Uint8Array<ArrayBuffer>>, detail: RegExp | string][] =
  [
    ["cut off in content", async () => (await makeTar(GOOD)).slice(0, -60_000), "cut off"],
    ["cut off between entries", async () => (await makeTar(GOOD)).slice(0, -1024), "cut off"],
    ["cut off in the end", async () => (await makeTar(GOOD)).slice(0, -512), "cut off"],
    ["something after the end", async () => twice(await makeTar(GOOD)), "damaged"],
    ["small content of another hash", () => withEntry(contentOf("wrong", "right")), "sha256"],
    [
      "large content of another hash",
      () => withEntry(contentOf(Buffer.alloc(70_000, "wrong"), "right")),
      "sha256",
    ],
    ["a path out of it", () => withEntry({ name: "../evil", data: "x" }), /"\.\.\/evil".*no part/],
    [
      "a path out of the content",
      () => withEntry({ name: "content/../../evil", data: "x" }),
      "no part",
    ],
    ["an absolute path", () => withEntry({ name: "/etc/evil", data: "x" }), "no part"],
    ["an unknown path", () => withEntry({ name: "content/README", data: "x" }), "content/README"],
    [
      "an absolute path of a known name",
      () => withEntry({ name: `/${FRAMES}`, data: "x" }),
      "no part",
    ],
    ["a known name above it", () => withEntry({ name: `../${KV_ENTRIES}`, data: "x" }), "no part"],
    [
      "a known name in another folder",
      () => withEntry({ name: `x/${KV_ENTRIES}` }),
      "each by itself",
    ],
    ["content in another folder", () => withEntry(inFolder("x", contentOf("a"))), "each by itself"],
    ["two exports", () => exports("x", "y"), "each by itself"],
    ["a folder beside the one it lies in", () => strangers("x/", "y/"), "no part"],
    ["a folder within the one it lies in", () => strangers("x/", "x/y/"), "no part"],
    ["a folder in the content", () => strangers("x/", "x/content/y/"), "no part"],
    ["folders without end", () => strangers(...folders(200)), "no part"],
    ["an unknown folder", () => withEntry({ name: "other/", type: "directory" }), "no part"],
    ["content with capital digits", () => withEntry(capital()), "no part"],
    ["a path that a pax header changes", () => withEntry(paxPath("../evil")), /evil.*no part/],
    [
      "a symbolic link",
      () => withEntry({ ...contentOf(""), type: "symlink", linkname: "/x" }),
      "symlink",
    ],
    ["a hard link", () => withEntry({ ...contentOf(""), type: "link", linkname: FRAMES }), "link"],
    ["a device", () => withEntry({ ...contentOf(""), type: "character-device" }), "device"],
    ["a pipe", () => withEntry({ ...contentOf(""), type: "fifo" }), "fifo"],
    ["a folder for content", () => withEntry({ ...contentOf(""), type: "directory" }), "no part"],
    ["content twice", () => withEntry(contentOf("small")), "twice"],
    ["frames twice", () => withEntry({ name: FRAMES, data: "" }), "twice"],
    ["frames twice, once with ./", () => withEntry({ name: `./${FRAMES}`, data: "" }), "twice"],
    ["no frames at all", () => makeTar(GOOD.slice(1)), FRAMES],
    ["a wrong checksum", () => forged(148, "000000", false), "checksum"],
    ["a huge length", () => forged(124, "77777777777"), "cut off"],
    ["a length beyond all numbers", () => forged(124, `\x80${"\xff".repeat(11)}`), "damaged"],
    ["a length that is no number", () => forged(124, "zzzzzzzzzzz"), "damaged"],
    ["a line that is no frame", () => frames("{}\n"), /"frames.jsonl".* line 2/],
    ["a frame that is cut off", () => frames(frameLine(2000).slice(0, -9)), "line 2"],
    ["a frame with a bad hash", () => frames(frameLine(2000, { hash: "sha256-x" })), "line 2"],
    ["a frame with much meta", () => frames(frameLine(2000, { meta: "m".repeat(70_000) })), "meta"],
    ["a frame far ahead", () => frames(frameLine(NOW + 2 * DAY_MS)), "ahead of the clock"],
    ["a frame of a long line", () => frames(`${" ".repeat(MIB)}${frameLine(2000)}`), "longer"],
    ["a line without an end", () => frames("x".repeat(4 * MIB)), "longer"],
    ["frames that are not UTF-8", () => frames(Buffer.from([0xff, 0x0a])), "UTF-8"],
    ["a pair that is no pair", () => pairs("7\n"), /"kv.jsonl".* line 2/],
    ["a pair that is null", () => pairs("null\n"), "line 2"],
    ["a pair that is not JSON", () => pairs("{\n"), "line 2"],
    ["a pair with a key more", () => pairs(pairLine({ size: 2 })), "line 2"],
    ["a pair without a value", () => pairs(pairLine({ value: null })), "line 2"],
    ["a bad key", () => pairs(pairLine({ key: "" })), "empty"],
    ["a bad revision", () => pairs(pairLine({ rev: "x" })), "not an id"],
    ["a revision far ahead", () => pairs(pairLine({ rev: farAhead() })), "ahead of the clock"],
    ["a type that is no header", () => pairs(pairLine({ type: "a\r\nb: c" })), "media type"],
    ["a long type", () => pairs(pairLine({ type: "t".repeat(256) })), "media type"],
    ["a value that is not base64", () => pairs(pairLine({ value: "a" })), "base64"],
    ["a large value", () => pairs(pairLine({ value: base64(MAX_VALUE + 1) })), "at most"],
    ["gzip", async () => Bun.gzipSync(await makeTar(GOOD)), "gunzip"],
  ];

describe("a tar is refused, and nothing of it is kept:", () => {
  test.each(bad)("%s", async (_, tar, detail) => {
    await using subject = new Subject();
    await furnish(subject);
    const before = await allOf(subject);
    const response = await subject.post("/import", await tar());
    const text = await response.clone().text();
    await expectProblem(response, 400, "bad_tar", detail);
    expect(JSON.parse(text).detail).toEndWith("; nothing was imported");
    expect(await allOf(subject)).toEqual(before);
    expect(await problemsOf(subject.store)).toEqual([]);
    expect(readdirSync(subject.store.path).filter((name) => name.startsWith("import"))).toEqual([]);
  });
});

test("what is nearly too much is taken", async () => {
  await using subject = new Subject();
  const value = base64(MAX_VALUE);
  const tar = await makeTar([
    { name: FRAMES, data: frameLine(NOW + DAY_MS / 2, { meta: "m".repeat(65_000) }) },
    { name: KV_ENTRIES, data: pairLine({ value, type: "t".repeat(255), key: "k".repeat(512) }) },
    { name: PROBLEMS, data: "whatever" },
    { name: "./content/", type: "directory" },
  ]);
  expect(await imported(subject, tar)).toEqual({ frames: 1, added: 1, contents: 0, pairs: 1 });
  expect(subject.store.kv.getNow("k".repeat(512))?.value.length).toBe(MAX_VALUE);
});

test("an export may lie in a folder, and in one of its own names", async () => {
  for (const folder of ["x", "cas", "content", "a/b/c", "frames.jsonl"]) {
    await using subject = new Subject();
    const entries = [
      { name: `./${folder}/`, type: "directory" as const },
      ...GOOD.map((entry) => inFolder(folder, entry)),
      { name: `${folder}/content/`, type: "directory" as const },
      { name: `${folder}/._${FRAMES}`, data: "of macOS" },
    ];
    expect(await imported(subject, await makeTar(entries))).toMatchObject({
      frames: 1,
      contents: 2,
    });
  }
});

function withEntry(entry: Entry) {
  return makeTar([...GOOD, entry]);
}

function inFolder(folder: string, entry: Entry): Entry {
  return { ...entry, name: `${folder}/${entry.name}` };
}

function exports(...names: string[]) {
  return makeTar(names.flatMap((name) => GOOD.map((entry) => inFolder(name, entry))));
}

/** Folders, and an export in "x" after them. */
async function strangers(...names: string[]) {
  const early = names.map((name): Entry => ({ name, type: "directory" }));
  return makeTar([...early, ...GOOD.map((entry) => inFolder("x", entry))]);
}

function folders(count: number): string[] {
  return Array.from({ length: count }, (_, n) => `${n}/`);
}

function frames(data: string | Uint8Array) {
  const lines = Buffer.concat([Buffer.from(frameLine(1000)), Buffer.from(data)]);
  return makeTar([...GOOD.slice(1), { name: FRAMES, data: lines }]);
}

function pairs(line: string) {
  return withEntry({ name: KV_ENTRIES, data: `${pairLine()}${line}` });
}

async function forged(at: number, bytes: string, mend = true) {
  const last = contentOf("the last");
  return forge(await withEntry(last), last.name, at, bytes, mend);
}

function twice(tar: Uint8Array) {
  return new Uint8Array(Buffer.concat([tar, tar]));
}

function capital(): Entry {
  const { name, data } = contentOf("some");
  return { name: name.replace(/[0-9a-f]{64}/, (hex) => hex.toUpperCase()), ...(data && { data }) };
}

function paxPath(path: string): Entry {
  return { ...contentOf("x"), pax: { path } };
}

function farAhead(): string {
  return packId({ ts_ms: NOW + 2 * DAY_MS, counter_hi: 1, counter_lo: 0, node: "00000001" });
}

function base64(size: number): string {
  return Buffer.alloc(size, "v").toString("base64");
}

test("a tar with nothing in it, zeros and the start of a tar are named as that, not as lines", async () => {
  await using it = new Subject();
  const whole = await makeTar([{ name: FRAMES, data: "" }]);
  for (const [body, detail] of [
    [new Uint8Array(10_240), /has no frames\.jsonl/],
    [new Uint8Array(512), /has no frames\.jsonl/],
    [new Uint8Array(100_000), /has no frames\.jsonl/],
    [new Uint8Array(100), /zeros/],
    [whole.slice(0, 100), /cut off/],
    [whole.slice(0, 511), /cut off/],
    [whole.slice(0, 512), /cut off|has no frames/],
  ] as const) {
    await expectProblem(await it.post("/import", body), 400, "bad_tar", detail);
  }
  expect(await it.frames()).toEqual([]);
});
