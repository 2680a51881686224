// The rules of retention and forgetting, over HTTP.
import { expect, test } from "bun:test";
import { Subject } from "./with-store.ts";

async function lines(response: Response): Promise<object[]> {
  const text = await response.text();
  return text.split("\n").flatMap((line) => (line === "" ? [] : [JSON.parse(line) as object]));
}

test("rules are set, replaced, listed by their patterns, and ended", async () => {
  await using subject = new Subject();
  const ask = (path: string, method: string) => subject.ask(path, { method });
  const put = await ask("/-/keep/sensor.*?age=30d", "PUT");
  const rule = { pattern: "sensor.*", age_ms: 30 * 86_400_000, count: null };
  expect([put.status, await put.json()]).toEqual([200, { ...rule, applied: false }]);
  expect((await ask("/-/keep/b,%20a?count=5", "POST")).status).toBe(200);
  const ab = { pattern: "a,b", age_ms: null, count: 5 };
  expect(await lines(await subject.ask("/-/keep"))).toEqual([ab, rule]);
  expect((await ask("/-/keep/sensor.*?count=7", "PUT")).status).toBe(200);
  expect(await lines(await subject.ask("/-/keep"))).toEqual([
    ab,
    { pattern: "sensor.*", age_ms: null, count: 7 },
  ]);
  expect((await ask("/-/keep/b,a", "DELETE")).status).toBe(204);
  expect((await ask("/-/keep/b,a", "DELETE")).status).toBe(404);
  expect((await ask("/-/keep/sensor.*", "DELETE")).status).toBe(204);
  expect(await lines(await subject.ask("/-/keep"))).toEqual([]);
});

test("a rule is an entry that no client writes", async () => {
  await using subject = new Subject();
  await subject.ask("/-/keep/a.*?count=5", { method: "PUT" });
  const key = "/kv/stream.cross.keep/a.*";
  const entry = await subject.ask(key);
  expect([entry.headers.get("content-type"), await entry.json()]).toEqual([
    "application/json",
    { pattern: "a.*", age_ms: null, count: 5 },
  ]);
  for (const init of [{ method: "PUT", body: "{}" }, { method: "DELETE" }]) {
    expect((await subject.ask(key, init)).status).toBe(403);
  }
  expect(await lines(await subject.ask("/-/keep"))).toHaveLength(1);
});

test.each([
  ["PUT", "/-/keep/a", "bad_option"],
  ["PUT", "/-/keep/a?age=30d&count=1", "bad_option"],
  ["PUT", "/-/keep/a?age=30", "bad_option"],
  ["PUT", "/-/keep/a?age=0s", "bad_option"],
  ["PUT", "/-/keep/a?count=0", "bad_option"],
  ["PUT", "/-/keep/a?count=5d", "bad_option"],
  ["PUT", "/-/keep/a?until=1d", "bad_option"],
  ["PUT", "/-/keep/a..b?count=1", "bad_topic"],
  [
    "PUT",
    `/-/keep/${Array.from({ length: 9 }, (_, n) => "x".repeat(90) + n)}?count=1`,
    "bad_topic",
  ],
  ["DELETE", "/-/keep/9", "bad_topic"],
  ["PATCH", "/-/keep/a", "method_not_allowed"],
  ["POST", "/-/keep", "method_not_allowed"],
  ["DELETE", "/stream/a..b", "bad_topic"],
  ["DELETE", "/stream/a?until=soon", "bad_option"],
  ["DELETE", "/stream/a?since=1d", "bad_option"],
])("%s %s is refused: %s", async (method, path, code) => {
  await using subject = new Subject();
  await subject.append("a");
  const response = await subject.ask(path, { method });
  expect(((await response.json()) as { code: string }).code).toBe(code);
  expect(await subject.ids()).toHaveLength(1);
});

test("DELETE of a pattern counts with dry-run, and removes without", async () => {
  await using subject = new Subject();
  for (const topic of ["a.b", "a.c", "b"]) await subject.append(topic);
  const remove = (query: string) => subject.ask(`/stream/a.*${query}`, { method: "DELETE" });
  const counts = { frames: 2, kept: 0, damaged: 0 };
  const dry = await remove("?dry-run");
  expect(dry.headers.get("content-type")).toBe("application/x-ndjson");
  expect(await lines(dry)).toEqual([{ ...counts, contents: 0, bytes: 0 }]);
  expect(await lines(await remove("?until=1d"))).toEqual([{ ...counts, frames: 0 }]);
  expect(await subject.ids()).toHaveLength(3);
  expect(await lines(await remove(""))).toEqual([counts]);
  expect(await lines(await remove(""))).toEqual([{ ...counts, frames: 0 }]);
  expect(await subject.ids()).toHaveLength(1);
});
