import { expect, test } from "bun:test";
import { api } from "../../src/api/api.ts";
import type { Frame } from "../../src/core/frame.ts";
import { makeDamagedStore } from "../support/damage.ts";
import { sqliteEngine } from "../support/store.ts";
import { tempDir } from "../support/temp.ts";
import { LineReader, until } from "../support/wait.ts";
import { expectProblem, Subject } from "./with-store.ts";

const linesOf = async (response: Response) =>
  (await response.text())
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line));

test("GET /verify of a sound store is one line with the counts", async () => {
  await using subject = new Subject();
  await subject.append("note", "one");
  await subject.append("note", "one");
  await subject.append("note", "x".repeat(70_000));
  await subject.ask("/kv/a", { method: "PUT", body: "1" });
  const response = await subject.ask("/verify");
  expect(response.headers.get("content-type")).toBe("application/x-ndjson");
  expect(await linesOf(response)).toEqual([
    { frames: 3, contents: 2, pairs: 1, staged: 1, problems: 0 },
  ]);
});

test("GET /verify tells each problem in a line, at the pace of the client, and then the counts", async () => {
  const path = `${tempDir()}/store`;
  await makeDamagedStore(path, 500);
  const store = sqliteEngine(path);
  const response = await api(store)(new Request("http://localhost/verify?progress"));
  const lines = new LineReader(response.body);
  const first = await lines.next();
  expect(JSON.parse(first ?? "")).toEqual({
    problem: expect.stringMatching(/^frame \w{25}: does not match its checksum$/),
  });
  const rest: { problem?: string; checked?: { frames: number } }[] = [];
  for (let line = await lines.next(); line !== undefined; line = await lines.next()) {
    rest.push(JSON.parse(line));
    // A slow client: at its pace the check takes so long that it tells how far it is.
    await Bun.sleep(1);
  }
  expect(rest.filter(({ problem }) => problem)).toHaveLength(499);
  const told = rest.find(({ checked }) => checked)?.checked;
  expect(told?.frames).toBeGreaterThan(0);
  expect(told?.frames).toBeLessThanOrEqual(500);
  expect<object | undefined>(rest.at(-1)).toEqual({
    frames: 500,
    contents: 0,
    pairs: 0,
    staged: 0,
    problems: 500,
  });
  await store.close();
});

test("a check goes on beside writes and reads, keeps content from being freed, and ends when its client leaves", async () => {
  const path = `${tempDir()}/store`;
  await makeDamagedStore(path, 500);
  const store = sqliteEngine(path);
  const ask = (url: string, init?: RequestInit) =>
    api(store)(new Request(`http://localhost${url}`, init));
  const lines = new LineReader((await ask("/verify")).body);
  await lines.next();
  const appended = await ask("/stream/note", { method: "POST", body: "hi" });
  const frame = (await appended.json()) as Frame;
  expect(await (await ask(`/${frame.id}/content`)).text()).toBe("hi");
  await expectProblem(await ask("/gc", { method: "POST" }), 503, "busy");
  await lines.cancel();
  await until("the end of the check", async () => {
    return (await ask("/gc?dry-run", { method: "POST" })).ok;
  });
  await store.close();
});

test("POST /gc frees what nothing names any more, and with dry-run only tells", async () => {
  await using subject = new Subject();
  const { id, hash } = await subject.append("note", "x".repeat(70_000));
  await subject.append("note", "kept");
  await subject.ask(`/${id}`, { method: "DELETE" });
  const gc = async (query: string) => {
    const response = await subject.post(`/gc${query}`);
    expect(response.headers.get("content-type")).toBe("application/json");
    return response.json();
  };
  expect(await gc("?dry-run")).toEqual({ contents: 1, bytes: 70_000 });
  expect((await subject.ask(`/cas/${hash}`)).status).toBe(200);
  expect(await gc("?dry-run=false")).toEqual({ contents: 1, bytes: 70_000 });
  await expectProblem(await subject.ask(`/cas/${hash}`), 404, "content_not_found");
  expect(await gc("")).toEqual({ contents: 0, bytes: 0 });
});

test("an unknown option of /verify and /gc is named", async () => {
  await using subject = new Subject();
  await expectProblem(await subject.ask("/verify?x"), 400, "bad_option", "x");
  await expectProblem(await subject.post("/gc?dry=1"), 400, "bad_option", "dry");
  await expectProblem(await subject.post("/gc?dry-run=perhaps"), 400, "bad_option", "perhaps");
});
