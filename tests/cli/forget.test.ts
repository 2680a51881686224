// xs forget and xs keep, as a person and a program use them.
import { expect, setDefaultTimeout, test } from "bun:test";
import { chmodSync } from "node:fs";
import { join } from "node:path";
import { Pty } from "../support/pty.ts";
import { startServer } from "../support/server.ts";
import { TEST_MS, until } from "../support/wait.ts";
import { Home } from "./run-xs.ts";

setDefaultTimeout(TEST_MS);

/** Appends frames of these topics. */
async function fill(home: Home, store: string, topics: readonly string[]): Promise<void> {
  const stdin = topics.map((topic) => `{"topic":"${topic}","content":"of ${topic}"}\n`).join("");
  await home.ok(["append", store, "--batch"], { stdin });
}

const HELD = { frames: 2, kept: 0, damaged: 0 };

test.each([
  ["with a server", true],
  ["without one", false],
])("forget in a pipe needs --yes, and prints the counts: %s", async (_, served) => {
  using home = new Home();
  const { store } = home;
  await fill(home, store, ["a.b", "a.c", "b"]);
  await using _server = served ? await startServer(store) : undefined;
  const refused = await home.xs(["forget", store, "a.*"]);
  expect([refused.code, refused.stdout]).toEqual([2, ""]);
  expect(refused.stderr).toContain("add --yes");
  const dry = await home.xs(["forget", store, "a.*", "--dry-run"]);
  expect([dry.code, dry.stderr, JSON.parse(dry.stdout)]).toEqual([
    0,
    "",
    { ...HELD, contents: 2, bytes: 12 },
  ]);
  const none = await home.ok(["forget", store, "a.*", "--until", "1d", "-y"]);
  expect(JSON.parse(none)).toEqual({ ...HELD, frames: 0 });
  expect(JSON.parse(await home.ok(["forget", store, "a.*", "--yes"]))).toEqual(HELD);
  expect(await home.topics(store)).toEqual(expect.not.arrayContaining(["a.b"]));
  expect(await home.topics(store)).toContain("b");
  await home.ok(["verify", store]);
});

test("wrong usage of forget is refused before anything is opened", async () => {
  using home = new Home();
  for (const args of [
    ["forget"],
    ["forget", "a", "b"],
    ["forget", "a..b", "--yes"],
    ["forget", "a", "--until", "soon", "--yes"],
    ["forget", "a", "--since", "1d", "--yes"],
  ]) {
    const { code, stdout } = await home.xs(args);
    expect([args, code, stdout]).toEqual([args, 2, ""]);
  }
  const { code, stderr } = await home.xs(["forget", "./nothing", "a", "--yes"]);
  expect([code, stderr]).toEqual([1, expect.stringContaining("there is no store")]);
});

test("on a terminal forget says how many and how much, and asks", async () => {
  using home = new Home();
  const store = join(home.path, "store");
  await fill(home, store, ["a", "a", "b"]);
  for (const [answer, left] of [
    ["n\r", 3],
    ["\r", 3],
    ["\x04", 3],
    ["yes\r", 1],
  ] as const) {
    await using terminal = new Pty(["forget", "a"], { cwd: home.path });
    await terminal.shows("remove 2 events, with 1 content of 4 B for good? [y/N]");
    terminal.type(answer);
    expect([answer, await terminal.end()]).toEqual([answer, 0]);
    await terminal.shows(left === 3 ? "nothing was removed" : "removed 2 events");
    expect(await home.topics(store)).toHaveLength(left);
  }
  await using none = new Pty(["forget", "a"], { cwd: home.path });
  expect(await none.end()).toBe(0);
  await none.shows("there is nothing to remove");
  await using sure = new Pty(["forget", "b", "--yes"], { cwd: home.path });
  expect(await sure.end()).toBe(0);
  await sure.shows("removed 1 event");
});

test("keep sets, lists and ends rules, and a server applies them", async () => {
  using home = new Home();
  const { store } = home;
  const rule = { pattern: "s.*", age_ms: null, count: 2 };
  const set = await home.xs(["keep", store, "s.*", "2"]);
  expect([set.code, JSON.parse(set.stdout)]).toEqual([0, { ...rule, applied: false }]);
  expect(set.stderr).toContain("the next  xs serve  applies it");
  await fill(home, store, ["s.a", "s.a", "s.a", "s.b", "other"]);
  expect(await home.topics(store)).toHaveLength(5);
  await using server = await startServer(store);
  const count = async (topic: string) => (await server.frames(`/stream/${topic}`)).length;
  await until("the rule was applied", async () => (await count("s.a")) === 2);
  expect([await count("s.b"), await count("other")]).toEqual([1, 1]);
  const age = await home.xs(["keep", store, "other", "1s"]);
  expect([age.code, JSON.parse(age.stdout).applied, age.stderr]).toEqual([0, true, ""]);
  await until("the rule was applied", async () => (await count("other")) === 0);
  expect((await home.ok(["keep", store])).split("\n")).toEqual([
    JSON.stringify({ pattern: "other", age_ms: 1000, count: null }),
    JSON.stringify(rule),
    "",
  ]);
  expect(await home.ok(["keep", store, "other", "--off"])).toBe("");
  const again = await home.xs(["keep", store, "other", "--off"]);
  expect([again.code, again.stderr]).toEqual([1, expect.stringContaining("there is no rule")]);
  await home.ok(["verify", store]);
  for (const args of [
    ["keep", store, "a"],
    ["keep", store, "--off"],
    ["keep", store, "a", "1d", "--off"],
    ["keep", store, "a", "0"],
    ["keep", store, "a", "soon"],
    ["keep", store, "a..b", "1d"],
    ["keep", store, "a", "1d", "2"],
  ]) {
    expect([args, (await home.xs(args)).code]).toEqual([args, 2]);
  }
});

test("on a terminal the rules are a table", async () => {
  using home = new Home();
  const store = join(home.path, "store");
  await home.ok(["keep", store, "s.*", "1000"]);
  await home.ok(["keep", store, "a,b", "48h"]);
  await using terminal = new Pty(["keep"], { cwd: home.path });
  expect(await terminal.end()).toBe(0);
  expect(terminal.lines.map((line) => line.trimEnd())).toEqual([
    "PATTERN  KEEPS",
    "a,b      2d",
    "s.*      the 1,000 newest of each topic",
    "",
  ]);
});

test("rules travel with an export into an empty store, and forgotten frames do not come back", async () => {
  using home = new Home();
  const { store } = home;
  await fill(home, store, ["a", "b"]);
  await home.ok(["keep", store, "x", "5"]);
  const copy = join(home.path, "before.tar");
  await home.ok(["export", store, copy]);
  await home.ok(["forget", store, "a", "--yes"]);
  await home.ok(["import", store, copy]);
  expect(await home.topics(store)).toEqual(["b"]);
  const after = join(home.path, "after.tar");
  await home.ok(["export", store, after]);
  const other = join(home.path, "other");
  await home.ok(["import", other, after]);
  await home.ok(["import", other, copy]);
  expect(await home.topics(other)).toEqual(["b"]);
  expect(JSON.parse(await home.ok(["keep", other]))).toMatchObject({ pattern: "x", count: 5 });
  await home.ok(["verify", other]);
});

test("a paused server applies no rule, and says so", async () => {
  using home = new Home();
  const { store } = home;
  await fill(home, store, ["a", "a", "a"]);
  await home.ok(["keep", store, "a", "1"]);
  {
    await using server = await startServer(store, { args: ["--paused"] });
    const set = await home.xs(["keep", store, "b", "1"]);
    expect(JSON.parse(set.stdout)).toMatchObject({ applied: false });
    expect(await server.frames("/stream/a")).toHaveLength(3);
  }
  await using server = await startServer(store);
  await until("the rule was applied", async () => (await server.frames("/stream/a")).length === 1);
});

test("a store that cannot be written lists its rules and counts, and forgets nothing", async () => {
  using home = new Home();
  const { store } = home;
  await fill(home, store, ["a", "b"]);
  await home.ok(["keep", store, "a", "1"]);
  chmodSync(join(store, "events.db"), 0o400);
  const isRoot = process.getuid?.() === 0;
  try {
    expect(JSON.parse(await home.ok(["keep", store]))).toMatchObject({ pattern: "a" });
    const dry = await home.ok(["forget", store, "a", "--dry-run"]);
    expect(JSON.parse(dry)).toMatchObject({ frames: 1 });
    // Root writes whatever the mode is.
    if (!isRoot) expect((await home.xs(["forget", store, "a", "--yes"])).code).toBe(1);
  } finally {
    chmodSync(join(store, "events.db"), 0o600);
  }
});
