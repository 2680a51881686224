import { describe, expect, setDefaultTimeout, test } from "bun:test";
import {
  contentEntry,
  FRAMES,
  KV_ENTRIES,
  LATE,
  TOMBSTONES,
} from "../../src/core/export-format.ts";
import { hashOf } from "../../src/core/hash.ts";
import { packId } from "../../src/core/id.ts";
import { entriesIn, makeTar } from "../support/tar.ts";
import { TEST_MS, until } from "../support/wait.ts";
import { DAY_MS, exported, furnish, imported } from "./furnished.ts";
import { expectProblem, idsOf, Subject } from "./with-store.ts";

setDefaultTimeout(TEST_MS);

const RECEIVED = "stream.cross.received";

function idAt(ts_ms: number, counter_lo = 0): string {
  return packId({ ts_ms, counter_hi: 1, counter_lo, node: "00000001" });
}

function lineAt(ts_ms: number, more: object = {}): string {
  const frame = { topic: "old", id: idAt(ts_ms), hash: null, meta: null, ttl: "forever" };
  return JSON.stringify({ ...frame, ...more });
}

function ndjson(values: readonly (object | string)[]): string {
  return values
    .map((value) => `${typeof value === "string" ? value : JSON.stringify(value)}\n`)
    .join("");
}

function tarOf(files: Record<string, readonly (object | string)[]>) {
  const entries = Object.entries(files).map(([name, lines]) => ({ name, data: ndjson(lines) }));
  return makeTar(entries);
}

async function filesOf(tar: Uint8Array): Promise<Map<string, string>> {
  const entries = [...(await entriesIn(tar))];
  return new Map(entries.map(([name, bytes]) => [name, Buffer.from(bytes).toString()]));
}

async function importLines(subject: Subject, lines: readonly string[], query = "") {
  const response = await subject.post(`/import${query}`, `${lines.join("\n")}\n`);
  expect(response.status).toBe(200);
  return response;
}

/** The frames in the order of arrival. */
async function arrivals(subject: Subject): Promise<string[]> {
  return idsOf(await subject.frames("/?order=arrival"));
}

/** A store with late frames, removals, and entries of a handler and deleted ones. */
async function withAll(subject: Subject): Promise<void> {
  await furnish(subject);
  await importLines(subject, [lineAt(5000), lineAt(3000)]);
  await subject.append("between", "x");
  await importLines(subject, [lineAt(4000), lineAt(1000, { ttl: "last:9" }), lineAt(2000)]);
  const { id } = await subject.append("removed", "gone");
  await subject.ask(`/${id}`, { method: "DELETE" });
  await subject.ask(`/${idAt(2000)}`, { method: "DELETE" });
  await subject.store.kv.put("gone", "text/plain", Buffer.from("1"));
  await subject.store.kv.delete("gone");
  const value = Buffer.from("{}");
  await subject.store.apply([
    { put: { key: "views/a", type: "application/json", value }, writer: "view" },
    { put: { key: "views/b", type: "application/json", value }, writer: "view" },
    { put: { key: "stream.cross.handler/view", type: "application/json", value }, writer: "view" },
  ]);
  await subject.store.apply([{ delete: "views/b", writer: "view" }]);
  await subject.store.upkeep.collect();
}

test("an export has positions, removals and deletions, with what each line says, where there are any", async () => {
  await using subject = new Subject();
  await furnish(subject);
  const before = await filesOf(await exported(subject));
  expect([...before.keys()].filter((name) => name.endsWith(".jsonl"))).toEqual([
    FRAMES,
    KV_ENTRIES,
  ]);
  await withAll(subject);
  const files = await filesOf(await exported(subject));
  const names = [...files.keys()].filter((name) => name.endsWith(".jsonl"));
  expect(names).toEqual([FRAMES, KV_ENTRIES, LATE, TOMBSTONES]);
  const [first, second] = await subject.frames(`/stream/${RECEIVED}`);
  expect(files.get(LATE)).toBe(
    ndjson([
      { id: idAt(3000), position: first?.id },
      { id: idAt(5000), position: first?.id },
      { id: idAt(1000), position: second?.id },
      { id: idAt(4000), position: second?.id },
    ]),
  );
  const removed = (files.get(TOMBSTONES) ?? "").trimEnd().split("\n");
  expect(removed.map((line) => Object.keys(JSON.parse(line)))).toEqual(
    Array(2).fill(["id", "removed"]),
  );
  expect(JSON.parse(removed[0] ?? "").id).toBe(idAt(2000));
  expect(Math.abs(JSON.parse(removed[0] ?? "").removed - Date.now())).toBeLessThan(60_000);
  const entries = (files.get(KV_ENTRIES) ?? "")
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line));
  const shape = (key: string) => {
    const { rev: _, value: __, ...rest } = entries.find((entry) => entry.key === key);
    return rest;
  };
  expect(shape("gone")).toEqual({ key: "gone", deleted: true });
  expect(shape("views/a")).toEqual({ key: "views/a", type: "application/json", by: "view" });
  expect(shape("views/b")).toEqual({ key: "views/b", deleted: true, by: "view" });
  expect(shape("empty")).toEqual({ key: "empty", type: "" });
  // In the order of ids, as they are read.
  expect(files.get(FRAMES)).toBe(await (await subject.ask("/")).text());
});

test("what is exported, imported into an empty store and exported again is the same, byte for byte", async () => {
  await using subject = new Subject();
  await withAll(subject);
  const tar = await exported(subject);
  expect(await exported(subject)).toEqual(tar);
  await using copy = new Subject();
  const counts = (await imported(copy, tar)) as { added: number; frames: number };
  expect(counts.added).toBe(counts.frames);
  await copy.store.upkeep.collect();
  expect(await exported(copy)).toEqual(tar);
  expect(await arrivals(copy)).toEqual(await arrivals(subject));
  // A second time it changes nothing, here or where it came from.
  for (const again of [copy, subject]) {
    const result = await imported(again, tar);
    expect(result).toEqual({ ...counts, added: 0 });
    expect(await exported(again)).toEqual(tar);
  }
  // What comes later comes after all of it.
  await importLines(copy, [lineAt(6000)]);
  expect((await arrivals(copy)).at(-2)).toBe(idAt(6000));
});

test("positions go on above those of an export, also where the frame that reported them is gone", async () => {
  await using subject = new Subject();
  await subject.append("note");
  await importLines(subject, [lineAt(1000)]);
  const [received] = await subject.frames("/last");
  await subject.ask(`/${received?.id}`, { method: "DELETE" });
  await using copy = new Subject();
  await imported(copy, await exported(subject));
  expect(await exported(copy)).toEqual(await exported(subject));
  const { id } = await copy.append("next");
  expect(id > (received?.id ?? "")).toBe(true);
  await importLines(copy, [lineAt(2000)]);
  expect(await arrivals(copy)).toEqual([
    ...(await subject.ids("/stream/note")),
    idAt(1000),
    id,
    idAt(2000),
    ...(await copy.ids(`/stream/${RECEIVED}`)),
  ]);
});

test("a store that has a frame gives late frames a position, whatever the tar says", async () => {
  await using subject = new Subject();
  const { id } = await subject.append("mine");
  const late = { id: idAt(1000), position: idAt(9000) };
  const tar = await tarOf({ [FRAMES]: [lineAt(1000), lineAt(2000)], [LATE]: [late] });
  await imported(subject, tar);
  const [received] = await subject.frames("/last");
  expect(received).toMatchObject({ topic: RECEIVED, meta: { frames: 2, oldest: idAt(1000) } });
  expect(await arrivals(subject)).toEqual([id, idAt(1000), idAt(2000), received?.id ?? ""]);
});

describe.each([
  ["of lines", false],
  ["of a tar", true],
])("a frame that was removed, and an import %s:", (_, isTar) => {
  const send = async (subject: Subject, lines: string[], query = "") => {
    const body = isTar ? await tarOf({ [FRAMES]: lines }) : lines.join("\n");
    const response = await subject.post(`/import${query}`, body);
    expect(response.status).toBe(200);
    return JSON.parse(response.headers.get("xs-import") ?? (await response.text()));
  };

  test("it stays removed, is counted, and comes back with restore", async () => {
    await using subject = new Subject();
    const { id: removed } = await subject.append("note", "1");
    const { id: kept } = await subject.append("note", "2");
    const lines = (await (await subject.ask("/")).text()).trimEnd().split("\n");
    await subject.ask(`/${removed}`, { method: "DELETE" });
    for (let n = 0; n < 2; n++) {
      expect(await send(subject, lines)).toMatchObject({ frames: 2, added: 0, stay_removed: 1 });
      expect(await subject.ids()).toEqual([kept]);
    }
    const back = await send(subject, lines, "?restore=true");
    expect(back).toMatchObject({ frames: 2, added: 1 });
    expect(back).not.toHaveProperty("stay_removed");
    expect(await subject.ids("/stream/note")).toEqual([removed, kept]);
    // It is a frame like any other again: once more it is there, and removed once more it stays removed.
    expect(await send(subject, lines)).not.toHaveProperty("stay_removed");
    await subject.ask(`/${removed}`, { method: "DELETE" });
    expect(await send(subject, lines)).toMatchObject({ added: 0, stay_removed: 1 });
  });

  test("one alone is told of as well", async () => {
    await using subject = new Subject();
    await subject.append("other");
    await importLines(subject, [lineAt(1000)]);
    await subject.ask(`/${idAt(1000)}`, { method: "DELETE" });
    expect(await send(subject, [lineAt(1000)])).toMatchObject({ frames: 1, stay_removed: 1 });
    // What is over by now does not come back either, and nobody has to be told.
    await importLines(subject, [lineAt(Date.now() - 1000, { ttl: `time:${DAY_MS}` })]);
    const over = lineAt(2000, { ttl: "time:1" });
    expect(await send(subject, [over])).not.toHaveProperty("stay_removed");
  });

  test("what a last: ttl took away is no removal: it would come back, and goes again", async () => {
    await using subject = new Subject();
    await subject.append("other");
    const lines = [1, 2, 3].map((n) => lineAt(n * 1000, { ttl: "last:2" }));
    expect(await send(subject, lines)).toMatchObject({ frames: 3, added: 2 });
    const again = await send(subject, lines);
    expect([again.added, "stay_removed" in again]).toEqual([0, false]);
    // Removed by hand the older of both makes room for none.
    await subject.ask(`/${idAt(2000)}`, { method: "DELETE" });
    expect(await send(subject, lines)).toMatchObject({ added: 1, stay_removed: 1 });
    expect(await subject.ids("/stream/old")).toEqual([idAt(1000), idAt(3000)]);
    // Restored it is the second newest, so the oldest goes.
    expect(await send(subject, lines, "?restore")).toMatchObject({ added: 1 });
    expect(await subject.ids("/stream/old")).toEqual([idAt(2000), idAt(3000)]);
  });
});

test("an import brings removals, and removes nothing", async () => {
  await using source = new Subject();
  await importLines(source, [lineAt(1000), lineAt(2000), lineAt(3000)]);
  const whole = await exported(source);
  await source.ask(`/${idAt(1000)}`, { method: "DELETE" });
  await source.ask(`/${idAt(2000)}`, { method: "DELETE" });
  const tar = await exported(source);
  await using subject = new Subject();
  await subject.append("mine");
  await importLines(subject, [lineAt(1000)]);
  await imported(subject, tar);
  const old = () => subject.ids("/stream/old");
  expect(await old()).toEqual([idAt(1000), idAt(3000)]);
  // What was removed there is removed here from now on, unless it was here.
  expect(await imported(subject, whole)).toMatchObject({ added: 0, stay_removed: 1 });
  const response = await subject.post("/import?restore", whole);
  expect(await response.json()).toMatchObject({ added: 1 });
  expect(await old()).toEqual([idAt(1000), idAt(2000), idAt(3000)]);
});

test("a frame of the tar itself is not held back by its own tombstone", async () => {
  await using subject = new Subject();
  const tombstone = { id: idAt(1000), removed: 1 };
  const tar = await tarOf({ [TOMBSTONES]: [tombstone], [FRAMES]: [lineAt(1000)] });
  expect(await imported(subject, tar)).toMatchObject({ added: 1 });
  expect(await subject.ids()).toEqual([idAt(1000)]);
  expect((await filesOf(await exported(subject))).has(TOMBSTONES)).toBe(false);
});

describe("many lines, in any order,", () => {
  const MANY = 25_000;
  const backward = Array.from({ length: MANY }, (_, n) =>
    lineAt(2000, { id: idAt(2000, MANY - n) }),
  );
  const sorted = backward.map((line) => JSON.parse(line).id).reverse();

  test("into a store without a frame: none is late", async () => {
    await using subject = new Subject();
    const counts = await (await importLines(subject, backward)).json();
    expect(counts).toEqual({ frames: MANY, added: MANY });
    expect(await subject.ids()).toEqual(sorted);
    expect(await arrivals(subject)).toEqual(sorted);
    expect((await filesOf(await exported(subject))).has(LATE)).toBe(false);
  });

  test("into one that has some: those are late that are older, in the order of ids", async () => {
    await using subject = new Subject();
    const middle = sorted[MANY / 2] ?? "";
    await importLines(subject, [lineAt(0, { id: middle })]);
    // The same process has given ids since; another one starts at the newest frame.
    const counts = await (await importLines(subject, backward)).json();
    expect(counts).toEqual({ frames: MANY, added: MANY - 1 });
    expect(await subject.ids("/stream/old")).toEqual(sorted);
    const arrived = await subject.frames("/?order=arrival");
    const old = arrived.filter(({ topic }) => topic === "old");
    expect(idsOf(old)).toEqual([middle, ...sorted.filter((id) => id !== middle)]);
    const received = arrived.filter(({ topic }) => topic === RECEIVED);
    const late = received.map(({ meta }) => (meta as { frames: number }).frames);
    expect(late.length).toBe(3);
    expect(late.reduce((sum, frames) => sum + frames, 0)).toBe(MANY - 1);
  });

  test("a wrong line at the end keeps all of them away", async () => {
    await using subject = new Subject();
    const response = await subject.post("/import", `${backward.join("\n")}\n{`);
    await expectProblem(response, 400, "bad_frame", /line 25001: .*nothing was imported/);
    expect(await subject.ids()).toEqual([]);
  });
});

test("two imports at once bring each frame once, each late one by a report", async () => {
  await using subject = new Subject();
  const { id } = await subject.append("mine");
  const lines = Array.from({ length: 12_000 }, (_, n) => lineAt(0, { id: idAt(1000, n) }));
  const tar = await tarOf({ [FRAMES]: lines });
  const responses = await Promise.all([
    subject.post("/import", tar),
    subject.post("/import", lines.toReversed().join("\n")),
    subject.post("/import", tar),
  ]);
  const counts = await Promise.all(responses.map((response) => response.json()));
  const added = (counts as { added: number }[]).map(({ added }) => added);
  expect(added.reduce((sum, n) => sum + n, 0)).toBe(lines.length);
  const arrived = await subject.frames("/?order=arrival");
  expect(arrived[0]?.id).toBe(id);
  expect(new Set(idsOf(arrived)).size).toBe(arrived.length);
  const reports = arrived.filter(({ topic }) => topic === RECEIVED);
  const reported = reports.map(({ meta }) => (meta as { frames: number }).frames);
  expect(reported.reduce((sum, n) => sum + n, 0)).toBe(lines.length);
});

describe("key/value entries:", () => {
  const early = idAt(1000);
  const later = packId({
    ts_ms: Date.now() + DAY_MS / 2,
    counter_hi: 1,
    counter_lo: 0,
    node: "00000001",
  });
  const put = (key: string, rev: string, text: string, more: object = {}) => {
    const value = Buffer.from(text).toString("base64");
    return { key, rev, type: "text/plain", value, ...more };
  };
  const gone = (key: string, rev: string, more: object = {}) => ({
    key,
    rev,
    deleted: true,
    ...more,
  });
  const textOf = (subject: Subject, key: string) => {
    const entry = subject.store.kv.getNow(key);
    return entry && Buffer.from(entry.value).toString();
  };

  test("of a key the newer revision counts, and a deletion is one", async () => {
    await using subject = new Subject();
    const { kv } = subject.store;
    for (const key of ["a", "b", "c", "d"]) await kv.put(key, "text/plain", Buffer.from("mine"));
    await kv.delete("c");
    await kv.delete("d");
    const lines = [
      gone("a", later),
      gone("b", early),
      put("c", early, "older"),
      put("d", later, "newer"),
      gone("e", later),
    ];
    const counts = await imported(subject, await tarOf({ [FRAMES]: [], [KV_ENTRIES]: lines }));
    expect(counts).toMatchObject({ pairs: 2 });
    expect(["a", "b", "c", "d", "e"].map((key) => textOf(subject, key))).toEqual([
      undefined,
      "mine",
      undefined,
      "newer",
      undefined,
    ]);
    // The deletion of what was not here is known as well.
    await imported(subject, await tarOf({ [FRAMES]: [], [KV_ENTRIES]: [put("e", early, "old")] }));
    expect(textOf(subject, "e")).toBeUndefined();
  });

  test("keys of the runtime come only into a store that had no frame", async () => {
    const lines = [
      put("stream.cross.handler/h", later, "theirs", { by: "h" }),
      put("stream.cross.other", later, "theirs"),
      put("views/h", later, "theirs", { by: "h" }),
    ];
    const tar = await tarOf({ [FRAMES]: [lineAt(1000)], [KV_ENTRIES]: lines });
    await using empty = new Subject();
    await imported(empty, tar);
    await using used = new Subject();
    await used.append("mine");
    await imported(used, tar);
    const all = ["stream.cross.handler/h", "stream.cross.other", "views/h"];
    expect(all.map((key) => textOf(empty, key))).toEqual(Array(3).fill("theirs"));
    expect(all.map((key) => textOf(used, key))).toEqual([undefined, undefined, "theirs"]);
  });

  test("an entry tells the handler that wrote it, wherever it is seen", async () => {
    await using subject = new Subject();
    const watch = await subject.follow("/kv?prefix=views/&follow");
    const value = Buffer.from("1");
    const type = "application/json";
    await subject.store.apply([{ put: { key: "views/a", type, value }, writer: "view" }]);
    await subject.store.kv.put("views/b", type, value);
    await subject.store.apply([{ delete: "views/b", writer: "view" }]);
    const seen = (await watch.take(4)).slice(1).map((line) => JSON.parse(line));
    expect(seen).toEqual([
      { key: "views/a", rev: expect.any(String), size: 1, type, by: "view", value: 1 },
      { key: "views/b", rev: expect.any(String), size: 1, type, value: 1 },
      { key: "views/b", rev: expect.any(String), deleted: true, by: "view" },
    ]);
    await watch.cancel();
    expect((await subject.ask("/kv/views/a")).headers.get("xs-by")).toBe("view");
    await subject.store.kv.put("views/b", type, value);
    expect((await subject.ask("/kv/views/b")).headers.has("xs-by")).toBe(false);
    const listed = (await (await subject.ask("/kv")).text()).trimEnd().split("\n");
    expect(listed.map((line) => JSON.parse(line).by)).toEqual(["view", undefined]);
  });
});

test("gc forgets removals and deletions that are old enough, and counts them", async () => {
  await using subject = new Subject();
  const { id } = await subject.append("note");
  const line = (await (await subject.ask("/")).text()).trimEnd();
  await subject.ask(`/${id}`, { method: "DELETE" });
  await subject.store.kv.put("k", "", new Uint8Array());
  await subject.store.kv.delete("k");
  const then = Date.now();
  await until("the clock moves on", () => Date.now() > then);
  const gc = async (query: string) => (await subject.post(`/gc?${query}`)).json();
  const files = async () => [...(await filesOf(await exported(subject))).keys()];
  for (const age of ["1h", "3600000", "4w", "90s"]) {
    expect(await gc(`tombstones=${age}`)).toEqual({ contents: 0, bytes: 0, tombstones: 0 });
  }
  expect(await gc("tombstones=0&dry-run")).toEqual({ contents: 0, bytes: 0, tombstones: 2 });
  expect(await files()).toContain(TOMBSTONES);
  expect(await gc("tombstones=0s")).toEqual({ contents: 0, bytes: 0, tombstones: 2 });
  const tar = await filesOf(await exported(subject));
  expect([tar.has(TOMBSTONES), tar.get(KV_ENTRIES)]).toEqual([false, ""]);
  expect(await gc("")).toEqual({ contents: 0, bytes: 0 });
  expect(await (await subject.post("/import", line)).text()).toBe(`${line}\n`);
  for (const age of ["", "x", "1y", "-1d", "1.5h", "9999999999999w"]) {
    const response = await subject.post(`/gc?tombstones=${age}`);
    await expectProblem(response, 400, "bad_option", /tombstones.*90s/);
  }
});

describe("a tar is refused for a line", () => {
  const id = idAt(1000);
  test.each([
    [LATE, { id }],
    [LATE, { id, position: id }],
    [LATE, { id: idAt(2000), position: id }],
    [LATE, { id, position: idAt(Date.now() + 2 * DAY_MS) }],
    [LATE, { id, position: idAt(2000), more: 1 }],
    [LATE, { id: "x", position: id }],
    [LATE, []],
    [TOMBSTONES, { id }],
    [TOMBSTONES, { id, removed: "1" }],
    [TOMBSTONES, { id, removed: -1 }],
    [TOMBSTONES, { id, removed: 1.5 }],
    [TOMBSTONES, { id: "x", removed: 1 }],
    [TOMBSTONES, { id, removed: 1, more: 1 }],
    [KV_ENTRIES, { key: "k", rev: id, deleted: false }],
    [KV_ENTRIES, { key: "k", rev: id, deleted: true, value: "" }],
    [KV_ENTRIES, { key: "k", rev: id, type: "", value: "", by: "" }],
    [KV_ENTRIES, { key: "k", rev: id, type: "", value: "", by: "a\r\nb: c" }],
    [KV_ENTRIES, { key: "k", rev: id, type: "", value: "", by: null }],
  ])("of %s: %j", async (name, line) => {
    await using subject = new Subject();
    const tar = await tarOf({ [FRAMES]: [lineAt(1000)], [name]: [line] });
    const response = await subject.post("/import", tar);
    await expectProblem(response, 400, "bad_tar", new RegExp(`"${name}".*line 1.*nothing`));
    expect(await subject.ids()).toEqual([]);
  });
});

test("content and frames of one import stay together, with positions", async () => {
  await using subject = new Subject();
  const hash = hashOf(Buffer.from("late"));
  const late = { id: idAt(1000), position: idAt(5000) };
  const tar = await makeTar([
    { name: LATE, data: ndjson([late]) },
    { name: contentEntry(hash), data: Buffer.from("late") },
    { name: FRAMES, data: ndjson([lineAt(1000, { hash }), lineAt(2000)]) },
  ]);
  expect(await imported(subject, tar)).toEqual({ frames: 2, added: 2, contents: 1, pairs: 0 });
  expect(await arrivals(subject)).toEqual([idAt(2000), idAt(1000)]);
  expect(await (await subject.ask(`/${idAt(1000)}/content`)).text()).toBe("late");
});
