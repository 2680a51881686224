import { expect, setDefaultTimeout, test } from "bun:test";
import { existsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { nameOfPatterns } from "../../src/cli/kit/on-name.ts";
import { parseTopicFilter } from "../../src/core/pattern.ts";
import { parseTopic } from "../../src/core/topic.ts";
import { countOf, framesOf, say, statuses, textsOf } from "../support/processors.ts";
import { startServer } from "../support/server.ts";
import { TEST_MS, until } from "../support/wait.ts";
import { Home } from "./run-xs.ts";

setDefaultTimeout(TEST_MS);

test("xs on: a command on each event from now on, kept in the store, with a line that says how to end it", async () => {
  using home = new Home();
  const at = ["-s", home.store];
  await home.ok(["append", home.store, "door.front", "before"]);
  const without = await home.xs(["on", ...at, "door.*", 'echo "$XS_TOPIC: $XS_TEXT"']);
  expect(without).toMatchObject({ code: 0, stdout: "" });
  expect(without.stderr).toContain(`handler on.door starts with the next  xs serve ${home.store}`);
  expect(without.stderr).toContain("xs handler rm on.door");
  {
    await using server = await startServer(home.store);
    await say(server, "door.front", null, "after $(touch pwned)");
    await countOf(server, "on.door.out", 1);
    expect(await textsOf(server, "on.door.out")).toEqual(["door.front: after $(touch pwned)\n"]);
    expect(existsSync(join(home.path, "pwned"))).toBe(false);
    // The same again is there; another command, or another option, gets another name.
    const again = await home.xs(["on", ...at, "door.*", 'echo "$XS_TOPIC: $XS_TEXT"']);
    expect(again.code).toBe(0);
    expect(again.stderr).toContain("on.door is there already");
    const other = await home.xs(["on", ...at, "door.*", "cat", "--first"]);
    expect(other.code).toBe(0);
    expect(other.stderr.trim().split("\n").length).toBe(1);
    expect(other.stderr).toMatch(/on\.door-2 is active; end it with {2}xs handler rm on\.door-2/);
    await countOf(server, "on.door-2.out", 2);
    expect(await textsOf(server, "on.door-2.out")).toEqual(["before", "after $(touch pwned)"]);
    const spawns = await framesOf(server, "stream.cross.handler.spawn");
    expect(spawns.map(({ meta }) => meta)).toEqual([
      { topic: "on.door", topics: ["door.*"], runtime: "sh", on_error: "skip" },
      { topic: "on.door-2", topics: ["door.*"], runtime: "sh", start: "first", on_error: "skip" },
    ]);
    const taken = await home.xs(["on", ...at, "x", "cat", "--name", "on.door"]);
    expect(taken.code).toBe(1);
    expect(taken.stderr).toContain("xs handler rm on.door");
    await home.ok(["handler", "restart", ...at, "on.door"]);
    const resumed = await home.xs(["on", ...at, "door.*", 'echo "$XS_TOPIC: $XS_TEXT"']);
    expect(resumed.stderr).toContain("on.door is there already");
    await home.ok(["handler", "stop", ...at, "on.door"]);
    const stopped = await home.xs(["on", ...at, "door.*", 'echo "$XS_TOPIC: $XS_TEXT"']);
    expect(stopped.code).toBe(1);
    expect(stopped.stderr).toContain("is stopped: start it with  xs handler start on.door");
    await home.ok(["handler", "rm", ...at, "on.door"]);
    expect((await statuses(server)).map(({ name }) => name)).toEqual(["on.door-2"]);
  }
});

test("xs on: a command of several words without -- is told how to write it", async () => {
  using home = new Home();
  for (const words of [
    ["a", "echo", "one"],
    ["a", "echo", "one", "two"],
    [home.store, "a", "echo", "one", "two", "three"],
  ]) {
    const { code, stderr } = await home.xs(["on", ...words]);
    expect([words, code, stderr]).toEqual([
      words,
      2,
      expect.stringContaining("the command is several words: quote it, or write  --  before it"),
    ]);
  }
});

test("xs on: words after --, several patterns, and the options", async () => {
  using home = new Home();
  await using server = await startServer(home.store);
  const at = ["-s", home.store];
  await home.ok(["on", ...at, "a,b.*", "--ttl", "last:1", "--", "printf", "%s|", "x y", "$HOME"]);
  await home.ok([
    "on",
    ...at,
    "c",
    "false",
    "--name",
    "fails",
    "--on-error",
    "retry",
    "--retries",
    "3",
  ]);
  await home.ok(["on", ...at, "d", "exit 4", "--on-error", "stop", "--concurrency", "2"]);
  for (const topic of ["a", "b.c", "c", "d"]) await say(server, topic);
  await until(
    "the last output",
    async () => (await textsOf(server, "on.a-b.out"))[0] === "x y|$HOME|",
  );
  expect((await countOf(server, "stream.cross.handler.failed", 1))[0]?.meta).toMatchObject({
    topic: "on.d",
    reason: "it ended with exit code 4",
  });
  const row = await until("a retry", async () =>
    (await statuses(server)).find(({ state }) => state === "retrying"),
  );
  expect(row).toMatchObject({ name: "fails", retry: { retries: 3 } });
});

test("xs on: what is wrong is refused by name, and nothing is stored", async () => {
  using home = new Home();
  await using server = await startServer(home.store);
  const wrong: [string[], number, string][] = [
    [["a"], 2, "COMMAND"],
    [["a", ""], 2, "empty"],
    [["a", "echo", "b"], 2, "--"],
    [["a..b", "cat"], 2, "a..b"],
    [["a", "cat", "--on-error", "fail"], 2, "skip, retry, stop"],
    [["a", "cat", "--on-error", "retry", "--concurrency", "2"], 2, "concurrency"],
    [["a", "cat", "--retries", "2"], 2, "retries"],
    [["a", "cat", "--name", "stream.cross.x"], 2, "stream.cross.x"],
    [["a", "cat", "--ttl", "soon"], 2, "soon"],
    [["a", "echo 'open"], 1, "invalid"],
  ];
  for (const [args, code, part] of wrong) {
    const { stderr, ...outcome } = await home.xs(["on", "-s", home.store, ...args]);
    expect([args, outcome.code, stderr]).toEqual([args, code, expect.stringContaining(part)]);
  }
  expect(await statuses(server)).toEqual([]);
});

test("many xs on at the same time get names of their own", async () => {
  using home = new Home();
  await using server = await startServer(home.store);
  const all = Array.from({ length: 6 }, (_, n) =>
    home.xs(["on", "-s", home.store, "a.*", `echo ${n}`]),
  );
  expect((await Promise.all(all)).map(({ code }) => code)).toEqual(all.map(() => 0));
  expect((await statuses(server)).length).toBe(6);
  expect(await framesOf(server, "stream.cross.handler.replaced")).toEqual([]);
});

test("a name is made of any pattern", () => {
  const names = ["door.*", "*", "a.b", "a,b.*", "*.recv", "!a", "a".repeat(200)].map((pattern) =>
    nameOfPatterns(pattern.split(",")),
  );
  expect(names.slice(0, 4)).toEqual(["on.door", "on.all", "on.a.b", "on.a-b"]);
  for (const name of names) expect(parseTopic(`${name}-1000.stderr`)).toBeString();
});

test.each([
  ["*.recv", "on.any.recv"],
  ["a.*.c.*", "on.a.any.c"],
  ["*.recv,!tcp.recv", "on.any.recv-not-tcp.recv"],
  ["*,!noise.*", "on.all-not-noise"],
])("%s is handled under the name %s", (pattern, name) => {
  expect(nameOfPatterns(parseTopicFilter(pattern) ?? [])).toBe(name);
  expect(parseTopic(name)).toBe(name);
});

test("a shell command has effects, so no trial runs it", async () => {
  using home = new Home();
  await home.ok(["append", home.store, "a", "x"]);
  writeFileSync(join(home.path, "on.sh"), "touch ran\n");
  const { code, stderr } = await home.xs(["handler", "try", home.store, "on.sh"]);
  expect(code).toBe(2);
  expect(stderr).toContain("runs once for each event");
  expect(existsSync(join(home.path, "ran"))).toBe(false);
});
