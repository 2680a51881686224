// The tokens as people see them.
import { expect, setDefaultTimeout, test } from "bun:test";
import { Pty } from "../support/pty.ts";
import { parseLines, startServer } from "../support/server.ts";
import { TEST_MS } from "../support/wait.ts";
import { Home } from "./run-xs.ts";

setDefaultTimeout(TEST_MS);

test("on a terminal the list is a table, and add says that nothing shows the token again", async () => {
  using home = new Home();
  const onTerminal = async (args: readonly string[], columns = 120) => {
    await using pty = new Pty(args, { cwd: home.path, columns });
    expect(await pty.end()).toBe(0);
    return pty.lines.filter((line) => line !== "");
  };
  await home.makeStore();
  expect(await onTerminal(["token", "list", home.store])).toEqual([
    "NAME  READS  APPENDS  KEYS  ALL  ORIGIN  DAYS LEFT  LAST USE",
  ]);
  const page = [
    "--read",
    "note.*",
    "--read",
    "alarm",
    "--cors",
    "https://app.example",
    "--days",
    "30",
  ];
  const added = await onTerminal(["token", "add", home.store, "page", ...page]);
  expect(added[0]).toMatch(/^xs_[A-Za-z0-9_-]{43}$/);
  expect(added.slice(1).join("\n")).toContain("nothing shows this token again");
  await home.ok([
    "token",
    "add",
    home.store,
    "phone",
    "--append",
    "inbox.*",
    "--keys",
    "phone/",
    "--all",
  ]);
  const lines = await onTerminal(["token", "list", home.store]);
  expect(lines.map((line) => line.split(/ {2,}/))).toEqual([
    ["NAME", "READS", "APPENDS", "KEYS", "ALL", "ORIGIN", "DAYS LEFT", "LAST USE"],
    ["page", "alarm,note.*", "-", "-", "-", "https://app.example", "30", "never"],
    ["phone", "-", "inbox.*", "phone/", "yes", "-", "-", "never"],
  ]);
  for (const columns of [20, 40, 60]) {
    for (const line of await onTerminal(["token", "list", home.store], columns)) {
      expect(line.length).toBeLessThanOrEqual(columns);
    }
  }
  const json = await onTerminal(["token", "list", home.store, "--json"], 400);
  expect(json.map((line) => (JSON.parse(line) as { name: string }).name)).toEqual([
    "page",
    "phone",
  ]);
});

test("a token that may start code handles processors from elsewhere; any other is told which may", async () => {
  using home = new Home();
  await using server = await startServer(home.store, { args: ["--expose", ":0"] });
  const address = await server.listensAt("expose");
  const tokenOf = async (name: string, ...options: string[]) =>
    (await home.ok(["token", "add", home.store, name, ...options])).trim();
  const full = await tokenOf("full", "--read", "*", "--append", "*", "--keys", "", "--all");
  const script = 'export default { topics: ["n"], run: () => {} };';
  const as =
    (token: string) =>
    (verb: string, ...rest: string[]) =>
      home.xs([...verb.split(" "), address, ...rest], { env: { XS_TOKEN: token }, stdin: script });
  const may = as(full);
  for (const [told, verb, ...rest] of [
    ["handler count is active", "handler add", "count", "-"],
    ["handler on.n is active", "on", "n", "true"],
    ["generator tick is active", "generator add", "tick", "--every", "1h", "--", "true"],
    ["generator tick is active", "generator restart", "tick"],
    ["count is stopped", "handler stop", "count"],
    ["count is active", "handler start", "count"],
    ["count is active", "handler restart", "count"],
    ["count is removed", "handler rm", "count"],
    ["tick is removed", "generator rm", "tick"],
  ] as const) {
    const { code, stderr } = await may(verb, ...rest);
    expect([verb, code, stderr]).toEqual([verb, 0, expect.stringMatching(told)]);
  }
  const { code, stdout } = await may("ps", "--json");
  expect([
    code,
    parseLines(stdout).map((row) => (row as unknown as { name: string }).name),
  ]).toEqual([0, ["on.n"]]);
  for (const options of [
    ["--read", "note", "--append", "note"],
    ["--read", "*", "--append", "*"],
    ["--append", "*", "--all"],
    ["--read", "*", "--append", "note", "--all"],
  ]) {
    const mayNot = as(await tokenOf(`t${options.join("").length}`, ...options));
    for (const [verb, ...rest] of [
      ["handler add", "x", "-"],
      ["on", "n", "echo x"],
      ["generator add", "x", "--", "true"],
      ["handler rm", "on.n"],
      ["handler stop", "on.n"],
    ] as const) {
      const { code, stderr } = await mayNot(verb, ...rest);
      expect([options, verb, code, stderr]).toEqual([
        options,
        verb,
        1,
        expect.stringContaining(
          "with one that may start code:  xs token add NAME --read '*' --append '*' --keys '' --all",
        ),
      ]);
    }
  }
  expect(await server.frames("/stream/x.recv")).toEqual([]);
});

test("token takes ls as list, and remove and delete as rm", async () => {
  using home = new Home();
  for (const verb of ["remove", "delete"]) {
    await home.ok(["token", "add", home.store, "phone", "--read", "*"]);
    expect(await home.ok(["token", "ls", home.store])).toContain('"name":"phone"');
    await home.ok(["token", verb, home.store, "phone"]);
    expect(await home.ok(["token", "list", home.store])).toBe("");
  }
});

test("large content of an event is shown on a terminal with a token that reads it", async () => {
  using home = new Home();
  await using server = await startServer(home.store, { args: ["--expose", ":0"] });
  const address = await server.listensAt("expose");
  const token = (await home.ok(["token", "add", home.store, "reader", "--read", "note"])).trim();
  await server.append("note", `the first line\n${"more\n".repeat(70_000)}the last line\n`);
  for (const [option, told] of [
    ["--follow", "the first line"],
    ["--long", "the last line"],
  ] as const) {
    const args = ["cat", address, "--topic", "note", option];
    const env = { XS_TOKEN: token };
    await using pty = new Pty(args, { cwd: home.path, env, keeps: 20_000 });
    await pty.shows(told);
    expect(pty.output).not.toContain("cannot be read");
  }
});

test("a refusal names the token, what it is not for, and what it is for", async () => {
  using home = new Home();
  await using server = await startServer(home.store, {
    args: ["--expose", ":0"],
  });
  const address = await server.listensAt("expose");
  const add = async (...args: string[]) =>
    (await home.ok(["token", "add", home.store, ...args])).trim();
  const token = await add("phone", "--append", "inbox.*", "--keys", "phone/");
  const reader = await add("reader", "--read", "note.*,alarm");
  for (const [XS_TOKEN, told, ...args] of [
    [
      token,
      'the token "phone" does not append to "note": it appends to inbox.*',
      "append",
      address,
      "note",
      "x",
    ],
    [token, 'the token "phone" reads no topics', "cat", address],
    [token, 'the token "phone" reads no topics', "last", address],
    [
      token,
      'the token "phone" does not use the key "other": it uses those that begin with "phone/"',
      "kv",
      "get",
      address,
      "other",
    ],
    [
      token,
      'the token "phone" is not for GET /export, which takes the token of the owner',
      "export",
      address,
      "-",
    ],
    [
      reader,
      'the token "reader" does not read inbox: it reads alarm, note.*',
      "cat",
      address,
      "--topic",
      "inbox",
    ],
    [reader, 'the token "reader" appends to no topic', "append", address, "note.a", "x"],
    [reader, 'the token "reader" uses no keys', "kv", "list", address],
  ] as const) {
    const { code, stdout, stderr } = await home.xs(args, { env: { XS_TOKEN } });
    expect([args, code, stdout]).toEqual([args, 1, ""]);
    expect([args, stderr]).toEqual([args, expect.stringContaining(told)]);
    // The token in the address says the same.
    const inAddress = args.map((word) => (word === address ? `user:${XS_TOKEN}@${address}` : word));
    const again = await home.xs(inAddress);
    expect([args, again.code, again.stderr]).toEqual([args, 1, expect.stringContaining(told)]);
    expect(again.stderr).not.toContain(XS_TOKEN);
  }
  await home.ok(["append", address, "inbox.note", "hello"], { env: { XS_TOKEN: token } });
  await home.ok(["kv", "put", address, "phone/x", "1"], { env: { XS_TOKEN: token } });
  expect(await home.ok(["kv", "get", address, "phone/x"], { env: { XS_TOKEN: token } })).toBe("1");
});
