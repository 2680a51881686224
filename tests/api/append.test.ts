import { expect, test } from "bun:test";
import type { Frame } from "../../src/core/frame.ts";
import { hashOf } from "../../src/core/hash.ts";
import { timestampOf } from "../../src/core/id.ts";
import { expectProblem, Subject } from "./with-store.ts";

test("every append path gives the frame, its keys in order", async () => {
  await using subject = new Subject();
  for (const path of ["/stream/note", "/note", "/append/note"]) {
    const response = await subject.post(path, "hello", { "xs-meta": '{"b":1,"a":[null]}' });
    expect(response.status).toBe(200);
    const line = (await response.text()).trimEnd();
    const { id } = JSON.parse(line);
    const hash = hashOf(Buffer.from("hello"));
    const frame = { topic: "note", id, hash, meta: { b: 1, a: [null] }, ttl: "forever" };
    expect(line).toBe(JSON.stringify(frame));
    expect(await (await subject.ask(`/${id}`)).text()).toBe(`${line}\n`);
  }
});

test("ids strictly increase in log order, also of appends at the same time", async () => {
  await using subject = new Subject();
  const appended = await Promise.all(
    Array.from({ length: 200 }, (_, n) => subject.append("n", `${n}`)),
  );
  const ids = await subject.ids();
  expect(ids).toEqual([...new Set(ids)].sort());
  expect(ids).toEqual(appended.map(({ id }) => id).sort());
});

test("an empty body is no content", async () => {
  await using subject = new Subject();
  expect((await subject.append("note")).hash).toBeNull();
  expect(await (await subject.post("/note")).json()).toMatchObject({ hash: null, meta: null });
});

test("meta is any JSON value, also as base64 and in UTF-8", async () => {
  await using subject = new Subject();
  const metas = ["null", "0", "false", '"x"', "[]", "{}", '{"ü":"→ 🐚"}'];
  for (const meta of metas) {
    const bytes = Buffer.from(meta);
    for (const header of [bytes.toString("latin1"), bytes.toString("base64")]) {
      const response = await subject.post("/note", "", { "xs-meta": header });
      expect(await response.json()).toMatchObject({ meta: JSON.parse(meta) });
    }
  }
});

test("meta that is neither JSON nor base64 of JSON is refused", async () => {
  await using subject = new Subject();
  for (const meta of ["{", "not json", "bm90IGpzb24=", "", "\xff"]) {
    await expectProblem(await subject.post("/note", "", { "xs-meta": meta }), 400, "bad_meta");
  }
  expect(await subject.ids()).toEqual([]);
});

test("meta of more than 64 KiB is refused with 413, of 64 KiB it is kept", async () => {
  await using subject = new Subject();
  const meta = (size: number) => ({ "xs-meta": JSON.stringify("m".repeat(size - 2)) });
  expect((await subject.post("/note", "", meta(65536))).status).toBe(200);
  await expectProblem(await subject.post("/note", "", meta(65537)), 413, "meta_too_large");
});

test("a bad ttl is refused", async () => {
  await using subject = new Subject();
  const bad = ["", "never", "time:", "time:0", "time:-1", "time:1.5", "last:0", "last:x", "LAST:1"];
  for (const ttl of [...bad, "time:99999999999999999999", "last:1;", "forever "]) {
    const response = await subject.post(`/note?ttl=${encodeURIComponent(ttl)}`);
    await expectProblem(response, 400, "bad_ttl");
  }
  expect(await subject.ids()).toEqual([]);
});

test("a bad topic is refused", async () => {
  await using subject = new Subject();
  const bad = ["1a", "-a", ".a", "a.", "a..b", "a b", "ä", "a/b", "a*", "a".repeat(256), "a\n"];
  for (const topic of bad) {
    const response = await subject.post(`/stream/${encodeURIComponent(topic)}`, "x");
    await expectProblem(response, 400, "bad_topic");
  }
  expect(await subject.ids()).toEqual([]);
  expect((await subject.append("a".repeat(255))).topic).toHaveLength(255);
});

test("topics of the runtime are refused with 403, but not what asks it for something", async () => {
  await using subject = new Subject();
  for (const topic of ["start", "threshold", "generator.active", "spawn", "generator.spawn.x"]) {
    const response = await subject.post(`/stream/stream.cross.${topic}`, "x");
    await expectProblem(response, 403, "reserved_topic", "stream.cross.");
  }
  expect(await subject.ids()).toEqual([]);
  for (const topic of ["generator.spawn", "generator.terminate", "handler.spawn"]) {
    expect((await subject.append(`stream.cross.${topic}`)).topic).toEndWith(topic);
  }
  expect((await subject.append("stream.crossing")).topic).toBe("stream.crossing");
});

test("with-timestamp adds a last key, taken from the id, and is not stored", async () => {
  await using subject = new Subject();
  const response = await subject.post("/note?with-timestamp");
  const frame = (await response.json()) as Frame & { timestamp: string };
  expect(Object.keys(frame).at(-1)).toBe("timestamp");
  expect(frame.timestamp).toBe(new Date(timestampOf(frame.id)).toISOString());
  expect(Object.keys((await subject.frames())[0] ?? {})).not.toContain("timestamp");
});

test("an unknown option of an append is named and nothing is appended", async () => {
  await using subject = new Subject();
  await expectProblem(await subject.post("/note?tll=forever", "x"), 400, "bad_option", "tll");
  await expectProblem(
    await subject.post("/note?with-timestamp=1", "x"),
    400,
    "bad_option",
    "with-timestamp",
  );
  expect(await subject.ids()).toEqual([]);
});

test("the same option twice in an append is named and nothing is appended", async () => {
  await using subject = new Subject();
  const response = await subject.post("/note?ttl=forever&ttl=ephemeral", "x");
  await expectProblem(response, 400, "bad_option", "ttl");
  expect(await subject.ids()).toEqual([]);
});

test("a topic named like a route is reached under /stream", async () => {
  await using subject = new Subject();
  for (const topic of ["stream", "first", "last", "cas", "version", "health"]) {
    expect((await subject.append(topic)).topic).toBe(topic);
    expect(await subject.frames(`/stream/${topic}`)).toHaveLength(1);
  }
});

test("content of any size comes back byte for byte", async () => {
  await using subject = new Subject();
  for (const size of [1, 65535, 65536, 65537, 300 * 1024, 3 * 1024 * 1024]) {
    const bytes = Uint8Array.from({ length: size }, (_, n) => (n * 31 + (n >> 8)) % 256);
    const { id, hash } = (await (await subject.post("/blob", bytes)).json()) as Frame;
    expect(hash).toBe(hashOf(bytes));
    const back = await (await subject.ask(`/${id}/content`)).bytes();
    expect(Buffer.compare(back, bytes)).toBe(0);
  }
});
