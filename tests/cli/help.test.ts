// What a command answers to a person who asks what there is, or mistypes it.
import { expect, setDefaultTimeout, test } from "bun:test";
import { join } from "node:path";
import { VERBS } from "../../src/cli/kit/verbs.ts";
import { TEST_MS } from "../support/wait.ts";
import { Home } from "./run-xs.ts";

setDefaultTimeout(TEST_MS);

/** The commands of a list, without their summaries. */
const namesIn = (help: string) =>
  [...help.matchAll(/^ {2}([a-z][a-z0-9 -]*?) {2,}/gm)].map(([, name]) => name);

test("xs help lists the commands that people use, --all every command, and each says how to see the other", async () => {
  using home = new Home();
  const groups = new Set(Object.keys(VERBS).map((name) => name.split(" ")[0]));
  const dozen =
    "append cat last topics search sql why on generator handler kv serve ui export help".split(" ");
  const there = dozen.filter((name) => name === "help" || groups.has(name));
  for (const args of [["help"], ["--help"], ["-h"]]) {
    const help = await home.ok(args);
    const [list = "", tries = ""] = help.split("Try:");
    expect(namesIn(list)).toEqual(there);
    expect(help).toContain("xs help --all");
    expect(tries).toContain("xs append note");
    expect(list).toMatch(/^ {2}kv .*get, put, delete, list, watch/m);
  }
  for (const args of [
    ["help", "--all"],
    ["--help", "--all"],
  ]) {
    const names = namesIn(await home.ok(args));
    for (const name of Object.keys(VERBS)) expect(names).toContain(name);
    expect(names).toContain("help");
  }
  const count = /lists all (\d+) commands/.exec(await home.ok(["help"]))?.[1];
  const [all = ""] = (await home.ok(["help", "--all"])).split("Try:");
  expect(Number(count)).toBe(namesIn(all).length);
  // No line is wider than a small terminal.
  for (const line of (await home.ok(["help"])).split("\n")) expect(line.length).toBeLessThan(81);
});

test("the help of help is the list of commands", async () => {
  using home = new Home();
  const help = await home.ok(["help"]);
  for (const args of [
    "help help",
    "help --help",
    "help -h",
    "--help --help",
    "-h help",
    "help help cat",
  ]) {
    const { code, stdout, stderr } = await home.xs(args.split(" "));
    expect([args, code, stdout, stderr]).toEqual([args, 0, help, ""]);
  }
});

test("the help of a group lists its commands and no quiet names; help takes two words", async () => {
  using home = new Home();
  const group = await home.ok(["kv", "--help"]);
  expect(namesIn(group)).toEqual(["kv get", "kv put", "kv delete", "kv list", "kv watch"]);
  expect(group).toContain("Usage: xs kv ");
  expect(group).not.toMatch(/\b(set|rm|ls)\b/);
  expect(await home.ok(["help", "kv"])).toBe(group);
  expect(await home.ok(["help", "kv", "put"])).toBe(await home.ok(["kv", "put", "--help"]));
  expect(await home.ok(["help", "kv", "set"])).toBe(await home.ok(["kv", "put", "--help"]));
});

test("kv takes set, rm and ls as put, delete and list", async () => {
  using home = new Home();
  await home.makeStore(join(home.path, "store"));
  expect(JSON.parse(await home.ok(["kv", "set", "views/a", "1"]))).toMatchObject({
    key: "views/a",
  });
  expect(await home.ok(["kv", "ls", "views/"])).toContain('"views/a"');
  await home.ok(["kv", "rm", "views/a"]);
  expect(await home.ok(["kv", "ls"])).toBe("");
  const wrong = await home.xs(["kv", "set"]);
  expect([wrong.code, wrong.stderr]).toEqual([2, expect.stringContaining("Usage: xs kv put")]);
});

test("a misspelt command is answered with the one that was meant", async () => {
  using home = new Home();
  for (const [args, meant] of [
    [["apend", "note"], "append"],
    [["appned"], "append"],
    [["Append"], "append"],
    [["lsat"], "last"],
    [["cta"], "cat"],
    [["tail"], "cat --follow"],
    [["rm", "x"], "remove"],
    [["vers"], "version"],
    [["kvput", "k"], "kv put"],
    [["kv", "putt", "k"], "kv put"],
    [["kv", "remove", "k"], "kv delete"],
    [["hander", "try"], "handler"],
    [["help", "apend"], "append"],
    [["hlep"], "help"],
    [["put", "k"], "kv put"],
  ] as const) {
    const { code, stdout, stderr } = await home.xs(args);
    expect([args, code, stdout]).toEqual([args, 2, ""]);
    expect([args, stderr]).toEqual([args, expect.stringContaining(`did you mean ${meant}?`)]);
    expect(stderr).toContain(`--help`.slice(2));
  }
  for (const args of [["frobnicate"], ["x"], [""], ["kv", "frobnicate"], ["constructor"]]) {
    const { code, stderr } = await home.xs(args);
    expect([args, code]).toEqual([args, 2]);
    expect(stderr).not.toContain("did you mean");
  }
  const before = await home.xs(["-s", "./store", "cat"]);
  expect([before.code, before.stderr]).toEqual([2, expect.stringContaining("xs cat -s")]);
  const between = await home.xs(["kv", "-s", "./store", "get", "k"]);
  expect([between.code, between.stderr]).toEqual([2, expect.stringContaining("xs kv get -s")]);
});

test("an option that is none is reported as it was typed, with the one that was meant", async () => {
  using home = new Home();
  await home.makeStore(join(home.path, "store"));
  for (const [args, typed, meant] of [
    [["cat", "--x"], "--x", undefined],
    [["cat", "--x=5"], "--x", undefined],
    [["cat", "-x"], "-x", undefined],
    [["cat", "-x=5"], "-x", undefined],
    [["cat", "--fooBar"], "--fooBar", undefined],
    [["cat", "--no-x"], "--no-x", undefined],
    [["cat", "--folow"], "--folow", "--follow"],
    [["cat", "--Follow"], "--Follow", "--follow"],
    [["cat", "--lmit=5"], "--lmit", "--limit"],
    [["cat", "--last_id", "x"], "--last_id", "--last-id"],
    [["cat", "--no-folow"], "--no-folow", "--no-follow"],
    [["cat", "--f"], "--f", "-f"],
    [["cat", "-F"], "-F", "-f"],
    [["cat", "-follow"], "-follow", "--follow"],
    [["cat", "-limit", "3"], "-limit", "--limit"],
    [["cat", "-t", "note"], "-t", "-T"],
    [["cat", "--hlep"], "--hlep", "--help"],
    [["cat", "--stor=x"], "--stor", "--store"],
    [["append", "note", "--mta", "1"], "--mta", "--meta"],
    [["append", "note", "--meta-data", "1"], "--meta-data", undefined],
    [["append", "note", "--emtpy"], "--emtpy", "--empty"],
    [["kv", "put", "k", "--if-mach", "x"], "--if-mach", "--if-match"],
  ] as const) {
    const { code, stdout, stderr } = await home.xs(args);
    expect([args, code, stdout]).toEqual([args, 2, ""]);
    const [line = ""] = stderr.split("\n").filter((each) => each.includes("there is no option"));
    expect([args, line]).toEqual([args, expect.stringContaining(typed)]);
    const question = /did you mean (.*)\?/.exec(line)?.[1];
    expect([args, question]).toEqual([args, meant]);
  }
});

test("a value that is none is reported with the option as it was typed", async () => {
  using home = new Home();
  await home.makeStore(join(home.path, "store"));
  for (const [args, said] of [
    [["cat", "--limit", "x"], '--limit "x"'],
    [["cat", "--limit=x"], '--limit "x"'],
    [["cat", "-a", "x"], '-a "x"'],
    [["cat", "--after", "x"], '--after "x"'],
    [["cat", "--last-id", "x"], '--last-id "x"'],
    [["cat", "--order", "up"], '--order "up"'],
    [["cat", "-p", "x"], '-p "x"'],
    [["cat", "-a"], "-a needs a value"],
    [["cat", "--after"], "--after needs a value"],
    [["cat", "--limit"], "--limit needs a value"],
  ] as const) {
    const { code, stderr } = await home.xs(args);
    expect([args, code, stderr]).toEqual([args, 2, expect.stringContaining(said)]);
  }
});
