import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { sqliteEngine } from "../support/store.ts";
import { tempDir } from "../support/temp.ts";
import { expectProblem, Subject, topicOf } from "./with-store.ts";

interface Change {
  key: string;
  rev: string;
  size?: number;
  type?: string;
  value?: unknown;
  base64?: string;
  deleted?: true;
}

const put = (it: Subject, key: string, value: string | Uint8Array<ArrayBuffer>, headers = {}) =>
  it.ask(`/kv/${encodeURIComponent(key)}`, { method: "PUT", body: value, headers });
const remove = (it: Subject, key: string, headers = {}) =>
  it.ask(`/kv/${encodeURIComponent(key)}`, { method: "DELETE", headers });
const get = (it: Subject, key: string, headers = {}) =>
  it.ask(`/kv/${encodeURIComponent(key)}`, { headers });
const revOf = (response: Response) => response.headers.get("etag") ?? "no etag";
const listed = async (it: Subject, prefix = "") => {
  const text = await (await it.ask(`/kv?${new URLSearchParams({ prefix })}`)).text();
  return text
    .split("\n")
    .filter(Boolean)
    .map((line) => JSON.parse(line) as Change);
};

describe("a pair", () => {
  test("comes back byte for byte, with its type and its revision", async () => {
    await using it = new Subject();
    const bytes = Uint8Array.from({ length: 256 }, (_, n) => n);
    const stored = await put(it, "a/b", bytes, { "content-type": "image/x-test" });
    expect(await stored.json()).toMatchObject({ key: "a/b", size: 256, type: "image/x-test" });
    const answer = await get(it, "a/b");
    expect(revOf(answer)).toBe(revOf(stored));
    expect(answer.headers.get("content-type")).toBe("image/x-test");
    expect(answer.headers.get("x-content-type-options")).toBe("nosniff");
    expect(await answer.bytes()).toEqual(bytes);
    expect((await get(it, "a/b", { "if-none-match": revOf(stored) })).status).toBe(304);
    const head = await it.ask("/kv/a/b", { method: "HEAD" });
    expect([head.status, revOf(head)]).toEqual([200, revOf(stored)]);
  });

  test("is replaced by POST as well, and is gone after DELETE", async () => {
    await using it = new Subject();
    await put(it, "k", "1");
    expect((await it.ask("/kv/k", { method: "POST", body: "2" })).status).toBe(200);
    expect(await (await get(it, "k")).text()).toBe("2");
    expect((await remove(it, "k")).status).toBe(204);
    expect((await remove(it, "k")).status).toBe(204);
    await expectProblem(await get(it, "k"), 404, "not_found", '"k"');
    expect(await listed(it)).toEqual([]);
  });

  test("has revisions that increase with the ids of frames, also over a restart", async () => {
    const path = `${tempDir()}/store`;
    let now = Date.now();
    let store = sqliteEngine(path, () => now);
    const one = await store.kv.put("k", "text/plain", Buffer.from("1"));
    await store.close();
    now -= 3_600_000;
    store = sqliteEngine(path, () => now);
    const two = (await store.kv.delete("k")) ?? "";
    await store.close();
    store = sqliteEngine(path, () => now);
    const three = await store.kv.put("k", "text/plain", Buffer.from("3"));
    expect([one, two, three]).toEqual([one, two, three].toSorted());
    expect(new Set([one, two, three]).size).toBe(3);
    await store.close();
  });

  test("is written only where its condition holds", async () => {
    await using it = new Subject();
    const create = { "if-none-match": "*" };
    const rev = revOf(await put(it, "k", "1", create));
    const refused = await put(it, "k", "2", create);
    expect(refused.status).toBe(412);
    expect(await refused.json()).toMatchObject({
      code: "precondition_failed",
      actual: rev.replaceAll('"', ""),
    });
    const next = revOf(await put(it, "k", "2", { "if-match": rev }));
    expect((await put(it, "k", "3", { "if-match": rev })).status).toBe(412);
    expect((await put(it, "k", "3", { "if-match": '"nonsense"' })).status).toBe(412);
    expect((await put(it, "k", "3", { "if-match": `${rev}, ${next}` })).status).toBe(200);
    // RFC 9110, 13.1.1: a weak tag never fits, as it says that the bytes may differ.
    const newest = revOf(await put(it, "k", "4", { "if-match": "*" }));
    expect((await put(it, "k", "5", { "if-match": `W/${newest}` })).status).toBe(412);
    expect((await remove(it, "k", { "if-none-match": `"x", W/${newest}` })).status).toBe(412);
    expect((await remove(it, "k", { "if-match": next })).status).toBe(412);
    expect((await remove(it, "k", { "if-match": "*" })).status).toBe(204);
    expect((await remove(it, "k", { "if-match": "*" })).status).toBe(412);
    expect((await put(it, "new", "1", { "if-match": "*" })).status).toBe(412);
    expect(await listed(it)).toEqual([]);
  });

  test("is not sent again to who has it, and not at all where If-Match says so", async () => {
    await using it = new Subject();
    const rev = revOf(await put(it, "k", "1"));
    const status = async (headers: Record<string, string>, method = "GET") =>
      (await it.ask("/kv/k", { headers, method })).status;
    for (const method of ["GET", "HEAD"]) {
      for (const tag of [rev, `W/${rev}`, `"x",${rev}`, rev.replaceAll('"', ""), "*"]) {
        expect([tag, await status({ "if-none-match": tag }, method)]).toEqual([tag, 304]);
      }
      expect(await status({ "if-none-match": '"x"' }, method)).toBe(200);
      expect(await status({ "if-match": rev }, method)).toBe(200);
      expect(await status({ "if-match": `W/${rev}` }, method)).toBe(412);
    }
  });

  test("that many clients want at once is given to one", async () => {
    await using it = new Subject();
    const answers = await Promise.all(
      Array.from({ length: 20 }, (_, n) => put(it, "lock", `${n}`, { "if-none-match": "*" })),
    );
    expect(answers.filter(({ status }) => status === 200)).toHaveLength(1);
    expect(answers.filter(({ status }) => status === 412)).toHaveLength(19);
  });

  test("has a value of at most 1 MiB, sent with its length or without", async () => {
    await using it = new Subject();
    const full = new Uint8Array(1024 * 1024).fill(7);
    const over = new Uint8Array(1024 * 1024 + 1);
    const stream = (bytes: Uint8Array<ArrayBuffer>) => new Blob([bytes]).stream();
    expect((await put(it, "k", full)).status).toBe(200);
    expect(await (await get(it, "k")).bytes()).toEqual(full);
    const streamed = await it.ask("/kv/k", { method: "PUT", body: stream(full) });
    expect(streamed.status).toBe(200);
    await expectProblem(await put(it, "k", over), 413, "body_too_large", "1048576");
    const overStream = await it.ask("/kv/k", { method: "PUT", body: stream(over) });
    await expectProblem(overStream, 413, "body_too_large");
    expect((await put(it, "empty", "")).status).toBe(200);
    expect((await (await get(it, "empty")).bytes()).length).toBe(0);
  });
});

describe("a key", () => {
  test.each([
    "a",
    "a/b.c",
    "a/../b",
    "../a",
    "a//b/",
    "%2f",
    "ü/€ 🎈",
    " ",
    "?x=1#y",
    "x".repeat(512),
    "€".repeat(170),
  ])("may be %p", async (key) => {
    await using it = new Subject();
    expect((await put(it, key, "here")).status).toBe(200);
    expect(await (await get(it, key)).text()).toBe("here");
    expect((await listed(it)).map((pair) => pair.key)).toEqual([key]);
    expect((await remove(it, key)).status).toBe(204);
  });

  test("holds a slash whether or not it is escaped", async () => {
    await using it = new Subject();
    await it.ask("/kv/a/b", { method: "PUT", body: "1" });
    expect(await (await it.ask("/kv/a%2fb")).text()).toBe("1");
    // As in every URL, a folder that is left again is not there.
    expect(await (await it.ask("/kv/a/x/../b")).text()).toBe("1");
  });

  test.each(["", "x".repeat(513), "€".repeat(171), "a\0b"])("may not be %p", async (key) => {
    await using it = new Subject();
    for (const response of [await put(it, key, "x"), await get(it, key), await remove(it, key)]) {
      await expectProblem(response, 400, "bad_key");
    }
  });

  test("with a broken escape is refused", async () => {
    await using it = new Subject();
    await expectProblem(await it.ask("/kv/%ff"), 400, "bad_request");
    await expectProblem(await it.ask("/kv/k?what=1"), 400, "bad_option");
    await expectProblem(await it.ask("/kv?follow=sometimes"), 400, "bad_option");
  });
});

describe("a listing", () => {
  test("gives the keys below a prefix, in their order, without the values", async () => {
    await using it = new Subject();
    for (const key of ["b/2", "a", "b/1", "b", "b0", "b/é", "b/\u{10ffff}x"]) {
      await put(it, key, key, { "content-type": "text/plain" });
    }
    const keys = async (prefix: string) => (await listed(it, prefix)).map(({ key }) => key);
    expect(await keys("b/")).toEqual(["b/1", "b/2", "b/é", "b/\u{10ffff}x"]);
    expect(await keys("")).toEqual(["a", "b", "b/1", "b/2", "b/é", "b/\u{10ffff}x", "b0"]);
    expect(await keys("zz")).toEqual([]);
    expect((await listed(it, "a"))[0]).toEqual({
      key: "a",
      rev: expect.stringMatching(/^[0-9a-z]{25}$/),
      size: 1,
      type: "text/plain",
    });
  });

  test("of many pairs comes in pages", async () => {
    await using it = new Subject();
    const keys = Array.from({ length: 5000 }, (_, n) => `many/${String(n).padStart(5, "0")}`);
    await Promise.all(keys.map((key) => it.store.kv.put(key, "text/plain", Buffer.from(key))));
    expect((await listed(it, "many/")).map(({ key }) => key)).toEqual(keys);
  });
});

describe("a watch", () => {
  const change = (line = "") => JSON.parse(line) as Change;

  test("gives what is there, a threshold, and then every change, deletions too", async () => {
    await using it = new Subject();
    await put(it, "views/a", "1", { "content-type": "text/plain" });
    await put(it, "other", "x");
    const lines = await it.follow("/kv?prefix=views/&follow");
    expect(change((await lines.take(1))[0])).toMatchObject({ key: "views/a", value: "1" });
    expect(topicOf((await lines.take(1))[0] ?? "")).toBe("stream.cross.threshold");
    await put(it, "other", "y");
    await put(it, "views/b", '{"n":2}', { "content-type": "application/json" });
    await put(it, "views/b", "not json", { "content-type": "application/json" });
    await put(it, "views/a", Uint8Array.of(0xff, 0));
    await remove(it, "views/a");
    await remove(it, "views/a");
    await put(it, "views/a", "back");
    const changes = (await lines.take(5)).map(change);
    expect(changes).toMatchObject([
      { key: "views/b", value: { n: 2 }, size: 7 },
      { key: "views/b", value: "not json" },
      { key: "views/a", base64: "/wA=" },
      { key: "views/a", deleted: true },
      { key: "views/a", value: "back" },
    ]);
    const revs = changes.map(({ rev }) => rev);
    expect(revs).toEqual(revs.toSorted());
    await lines.cancel();
  });

  test("of one key leaves the others alone, and begins with nothing where there is none", async () => {
    await using it = new Subject();
    const lines = await it.follow("/kv/cursor?follow");
    expect(topicOf((await lines.take(1))[0] ?? "")).toBe("stream.cross.threshold");
    await put(it, "cursor2", "x");
    await put(it, "cursor", "1");
    expect(change((await lines.take(1))[0])).toMatchObject({ key: "cursor", value: "1" });
    await lines.cancel();
  });

  test("has a heartbeat where one is asked for, and comes as server-sent events", async () => {
    await using it = new Subject();
    const lines = await it.follow("/kv?follow=20", { accept: "text/event-stream" });
    const events = await lines.through((line) => line.includes("stream.cross.pulse"));
    expect(events[0]).toStartWith("id: ");
    expect(events[1]).toStartWith('data: {"topic":"stream.cross.threshold"');
    await lines.cancel();
  });

  test("that falls far behind gets the newest state of every key, deletions too", async () => {
    await using it = new Subject();
    await put(it, "w/gone", "soon");
    const lines = await it.follow("/kv?prefix=w/&follow");
    await lines.through((line) => line.includes("threshold"));
    const big = "x".repeat(50_000);
    await remove(it, "w/gone");
    await remove(it, "w/never");
    for (let round = 0; round < 4; round++) {
      for (let n = 0; n < 60; n++) await put(it, `w/${n}`, `${round} ${big}`);
    }
    await put(it, "w/last", "1");
    const state = new Map<string, Change>();
    for (const line of await lines.through((text) => text.includes('"w/last"'))) {
      state.set(change(line).key, change(line));
    }
    expect(state.get("w/gone")).toMatchObject({ deleted: true });
    for (let n = 0; n < 60; n++) expect(String(state.get(`w/${n}`)?.value)).toStartWith("3 ");
    await put(it, "w/after", "2");
    expect(change((await lines.take(1))[0])).toMatchObject({ key: "w/after" });
    await lines.cancel();
  });

  test("adds up, change by change, to what the store holds", async () => {
    const keys = fc.constantFrom("a", "b/1", "b/2", "c");
    const step = fc.oneof(
      fc.record({ do: fc.constant("put"), key: keys, value: fc.string({ maxLength: 5 }) }),
      fc.record({ do: fc.constant("delete"), key: keys, value: fc.constant("") }),
    );
    await fc.assert(
      fc.asyncProperty(
        fc.array(step, { maxLength: 10 }),
        fc.array(step, { maxLength: 20 }),
        async (before, after) => {
          await using it = new Subject();
          const model = new Map<string, string>();
          const run = async (steps: typeof before) => {
            for (const { do: what, key, value } of steps) {
              if (what === "put") model.set(key, value);
              else model.delete(key);
              await (what === "put" ? put(it, key, value) : remove(it, key));
            }
          };
          await run(before);
          const lines = await it.follow("/kv?follow");
          const seen = new Map<string, string>();
          const watch = async (until: string) => {
            for (const line of await lines.through((text) => text.includes(until))) {
              const { key, value, deleted } = change(line);
              if (deleted) seen.delete(key);
              else if (key) seen.set(key, value as string);
            }
          };
          await watch("stream.cross.threshold");
          expect(seen).toEqual(model);
          await run(after);
          await put(it, "end", "");
          await watch('"end"');
          seen.delete("end");
          expect(seen).toEqual(model);
          await lines.cancel();
        },
      ),
      { numRuns: 50 },
    );
  });
});

test("a value without a media type, or with an empty one, is octets, once", async () => {
  await using it = new Subject();
  for (const headers of [{}, { "content-type": "" }, { "content-type": "  " }]) {
    const stored = (await (await put(it, "k", new Uint8Array([1]), headers)).json()) as object;
    expect(stored).toMatchObject({ type: "application/octet-stream" });
    const { headers: answered } = await it.ask("/kv/k");
    expect(answered.get("content-type")).toBe("application/octet-stream");
  }
});
