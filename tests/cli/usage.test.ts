import { expect, setDefaultTimeout, test } from "bun:test";
import { existsSync, symlinkSync } from "node:fs";
import { basename, join } from "node:path";
import { VERBS } from "../../src/cli/kit/verbs.ts";
import { TEST_MS } from "../support/wait.ts";
import { Home } from "./run-xs.ts";

setDefaultTimeout(TEST_MS);

const ID = "03hadtdyn9s2dxl5soli9q9dz";
const STACK_TRACE = /\n\s+at .*[(:]\d+|\/src\/|\$bunfs|node_modules/;

test("an option that takes one value is refused the second time, by every name it has", async () => {
  using home = new Home();
  await home.makeStore();
  const twice: [args: string[], named: RegExp][] = [
    [["serve", home.store, "--expose", ":0", "--expose", ":0"], /--expose is given twice/],
    [["serve", home.store, "--http=:0", "--http=:0"], /--http is given twice/],
    [["cat", home.store, "--limit", "1", "--limit", "1"], /--limit is given twice/],
    [["cat", home.store, "-a", ID, "--after", ID], /--last-id \(-a, --after\) is given twice/],
    [["append", home.store, "a", "--meta", "1", "--meta", "2"], /--meta is given twice/],
    [["append", home.store, "a", "--ttl", "last:1", "--ttl", "last:1"], /--ttl is given twice/],
    [["kv", "put", home.store, "k", "--type", "a", "--type", "b"], /--type is given twice/],
    [["eval", home.store, "-c", "1", "--command", "2"], /--command \(-c\) is given twice/],
  ];
  for (const [args, named] of twice) {
    const { code, stdout, stderr } = await home.xs(args);
    expect([args, code, stdout]).toEqual([args, 2, ""]);
    expect(stderr).toMatch(named);
  }
  // Nothing came of any.
  expect(await home.ok(["cat", home.store])).toBe("");
});

test("topics may be given several times, and a flag does no more the second time", async () => {
  using home = new Home();
  for (const topic of ["a", "b", "c"]) await home.ok(["append", home.store, topic]);
  const topics = async (args: string[]) =>
    (await home.ok(args)).match(/(?<="topic":")\w+/g)?.join("") ?? "";
  expect(await topics(["cat", home.store, "--topic", "a", "-T", "c"])).toBe("ac");
  expect(await topics(["tac", home.store, "--topic=a,b", "--topic=c"])).toBe("cba");
  const twice = ["cat", home.store, "--with-timestamp", "--with-timestamp", "--last=1"];
  expect(await topics(twice)).toBe("c");
  expect(await topics(["cat", home.store, "--follow", "--no-follow"])).toBe("abc");
  expect(await topics(["cat", home.store, "--follow=false"])).toBe("abc");
});

test("wrong usage is exit 2, with the usage on stderr and nothing on stdout", async () => {
  using home = new Home();
  await home.makeStore();
  const wrong = [
    ["append"],
    ["append", home.store, "note", "content", "extra"],
    ["append", home.store, "note", "--wrong"],
    ["append", home.store, "note", "--meta"],
    ["append", home.store, "note", "--meta", "--with-timestamp"],
    ["serve", home.store, "extra"],
    ["serve", home.store, "--http", "3000"],
    ["serve", home.store, "--http", ":65536"],
    ["serve", home.store, "--expose", "host"],
    ["serve", home.store, "--expose", "iroh://"],
    ["serve", home.store, "--expose", "http://127.0.0.1:0"],
    ["serve", home.store, "--http", "iroh://node"],
    ["serve", "iroh://node"],
    ["cat", "iroh://node"],
    ["kv", "list", "ssh://host/store"],
    ["serve", home.store, "--http-timeout", "100"],
    ["serve", home.store, "--http", ":0", "--http-timeout", "0"],
    ["serve", home.store, "--http", ":0", "--http-body-max", "1k"],
    ["serve", home.store, "--http", ":0", "--http-in-flight", "-1"],
    ["serve", home.store, "--http", ":0", "--http-ttl", "day"],
    ["serve", home.store, "--script-env", "A=b"],
    ["serve", home.store, "--script-env", "HOME,XS_TOKEN"],
    ["serve", home.store, "--script-env", "HOME LANG"],
    ["serve", home.store, "--expose", `${home.store}/sock`],
    ["serve", home.store, "--http", "./its-store/sock"],
    ["serve", home.store, "--expose", "./x", "--http", `../${basename(home.path)}/x`],
    ["cat", home.store, "extra"],
    ["cat", home.store, "--limit", "x"],
    ["cat", home.store, "--limit"],
    ["cat", home.store, "--limit="],
    ["cat", home.store, "--limit", "1000000000000000000"],
    ["cat", home.store, "--last-id", "nope"],
    ["cat", home.store, "--tail"],
    ["cat", home.store, "--pulse", "x"],
    ["cat", home.store, "--follow", "--pulse", "x"],
    ["cat", home.store, "--order", "up"],
    ["cat", home.store, "--order", "desc", "--follow"],
    ["cat", home.store, "-x"],
    ["cat", home.store, "--topic", "a..b"],
    ["tac", home.store, "--follow"],
    ["get"],
    ["get", home.store],
    ["get", home.store, "nope"],
    ["get", home.store, ID, "extra"],
    ["remove", home.store, "nope"],
    ["next", home.store, "nope"],
    ["previous", home.store, ID, "--topic", ".."],
    ["first", home.store, "note", "1", "extra"],
    ["last", home.store, "a..b"],
    ["content", home.store, "nope"],
    ["cas"],
    ["cas", home.store, "sha256-x"],
    ["cas-post", home.store, "extra"],
    ["import", home.store, "a", "b"],
    ["verify", home.store, "extra"],
    ["gc", home.store, "--wrong"],
    ["scru128", "wrong"],
    ["scru128", "unpack", "nope"],
    ["scru128", "pack", "extra"],
    ["serve", home.store, "extra"],
    ["serve", "http://localhost:1"],
    ["version", home.store, "extra"],
    ["completions"],
    ["completions", "tcsh"],
  ];
  for (const args of wrong) {
    const { code, stdout, stderr } = await home.xs(args);
    expect([args, code, stdout]).toEqual([args, 2, ""]);
    expect(stderr).toContain(`Usage: xs ${args[0]}`);
    // What is wrong is not to be scrolled away by all that would be right.
    expect(stderr).toMatch(/^xs [a-z0-9 -]+ --help says more, with examples\.$/m);
    expect(stderr.trim().split("\n").length).toBeLessThan(6);
    expect(stderr).not.toMatch(STACK_TRACE);
  }
  expect(await home.topics(home.store)).toEqual([]);
});

test("no command, or one that is none, is exit 2 and says what there is", async () => {
  using home = new Home();
  const none = await home.xs([]);
  expect([none.code, none.stdout]).toEqual([2, ""]);
  expect(none.stderr).toContain("xs append");
  for (const name of ["frobnicate", "", "-x", "--wrong"]) {
    const { code, stdout, stderr } = await home.xs([name]);
    expect([name, code, stdout]).toEqual([name, 2, ""]);
    expect(stderr).toContain("help");
    expect(stderr).not.toMatch(STACK_TRACE);
  }
});

test("a name that every JavaScript object knows is no command", async () => {
  using home = new Home();
  for (const name of ["constructor", "toString", "__proto__"]) {
    const { code, stdout, stderr } = await home.xs([name]);
    expect([name, code, stdout]).toEqual([name, 2, ""]);
    expect(stderr).toContain("help");
  }
});

test("help of a command that is none is exit 2", async () => {
  using home = new Home();
  const { code, stdout, stderr } = await home.xs(["help", "frobnicate"]);
  expect([code, stdout]).toEqual([2, ""]);
  expect(stderr).toContain("frobnicate");
});

test("the help of xs names every command", async () => {
  using home = new Home();
  for (const args of [
    ["help", "--all"],
    ["--help", "--all"],
    ["-h", "--all"],
  ]) {
    const help = await home.ok(args);
    for (const name of Object.keys(VERBS)) expect(help).toMatch(new RegExp(`^  ${name} `, "m"));
  }
});

test("the help of every command has an example and names its options", async () => {
  using home = new Home();
  for (const [name, load] of Object.entries(VERBS)) {
    const { code, stdout, stderr } = await home.xs([name, "--help"]);
    expect([name, code, stderr]).toEqual([name, 0, ""]);
    expect(stdout).toContain(`Usage: xs ${name}`);
    expect(stdout).toMatch(new RegExp(`Examples:\n(.*\n)*.*\\bxs ${name}\\b`));
    for (const option of Object.keys((await load()).options))
      expect(stdout).toContain(`--${option}`);
  }
  for (const args of [
    ["help", "cat"],
    ["cat", "-h"],
  ]) {
    expect(await home.ok(args)).toBe(await home.ok(["cat", "--help"]));
  }
});

test("a failure is exit 1 with a message and no stack trace", async () => {
  using home = new Home();
  await home.makeStore();
  for (const args of [
    ["get", home.store, ID],
    ["cat", "./nowhere"],
    ["cat", "/dev/null"],
    ["append", "/dev/null/store", "note"],
    ["cat", ":1"],
  ]) {
    const { code, stdout, stderr } = await home.xs(args);
    expect([args, code, stdout]).toEqual([args, 1, ""]);
    expect(stderr).toMatch(/\S/);
    expect(stderr).not.toMatch(STACK_TRACE);
    expect(stderr).not.toContain("should not have happened");
  }
});

test("a store whose database is damaged is named, and left as it is", async () => {
  using home = new Home();
  const database = `${home.path}/damaged/events.db`;
  const damaged = "this is no database at all ".repeat(100);
  await Bun.write(database, damaged);
  for (const args of [
    ["cat", "./damaged"],
    ["append", "./damaged", "note"],
    ["serve", "./damaged"],
  ]) {
    const { code, stdout, stderr } = await home.xs(args);
    expect([args, code, stdout]).toEqual([args, 1, ""]);
    expect(stderr).toContain("damaged");
    expect(stderr).not.toContain("should not have happened");
  }
  expect(await Bun.file(database).text()).toBe(damaged);
});

test("messages have no colour where stderr is no terminal", async () => {
  using home = new Home();
  const { stderr } = await home.xs(["cat", "./nowhere"]);
  expect(stderr).not.toContain("\x1b");
});

test("completion scripts parse in their shells and know every command and option", async () => {
  using home = new Home();
  for (const shell of ["bash", "zsh", "fish"]) {
    const script = await home.ok(["completions", shell]);
    for (const [name, load] of Object.entries(VERBS)) {
      for (const word of name.split(" ")) expect(script).toContain(word);
      for (const option of Object.keys((await load()).options)) expect(script).toContain(option);
    }
    const there = Bun.which(shell);
    if (!there) continue;
    await Bun.write(`${home.path}/completions`, script);
    const { code, stderr } = await home.run([there, "-n", "completions"], {});
    expect([shell, code, stderr]).toEqual([shell, 0, ""]);
  }
});

test("the completions of bash complete commands and options", async () => {
  using home = new Home();
  const complete = (...words: string[]) =>
    home.shell(
      `source <(xs completions bash)
       COMP_WORDS=(${words.join(" ")}); COMP_CWORD=${words.length - 1}; _xs; echo "\${COMPREPLY[*]}"`,
    );
  expect((await complete("xs", "app")).stdout).toBe("append\n");
  expect((await complete("xs", "cat", "--fol")).stdout).toBe("--follow\n");
});

test("scru128 makes ids, takes them apart and puts them together again", async () => {
  using home = new Home();
  const before = Date.now();
  const id = (await home.ok(["scru128"])).trim();
  expect(id).toMatch(/^[0-9a-z]{25}$/);
  for (const of of [id, "0".repeat(25), "f5lxx1zz5pnorynqglhzmsp33", ID]) {
    const fields = await home.ok(["scru128", "unpack", of]);
    expect(Object.keys(JSON.parse(fields))).toEqual(["ts_ms", "counter_hi", "counter_lo", "node"]);
    expect(JSON.parse(fields).node).toMatch(/^[0-9a-f]{8}$/);
    expect(await home.ok(["scru128", "pack"], { stdin: fields })).toBe(`${of}\n`);
  }
  const { ts_ms } = JSON.parse(await home.ok(["scru128", "unpack", id]));
  expect(ts_ms).toBeGreaterThanOrEqual(before);
  for (const stdin of ["", "{}", "nonsense", '{"ts_ms":-1}', "null"]) {
    const { code, stdout } = await home.xs(["scru128", "pack"], { stdin });
    expect([stdin, code, stdout]).toEqual([stdin, 2, ""]);
  }
});

test("a value that no server takes is wrong usage: it is named before anything is sent or made", async () => {
  using home = new Home();
  const store = join(home.path, "none-yet");
  const wrong: [args: string[], named: string][] = [
    ...["a\nb", "€", "a b", "x".repeat(256)].map((key): [string[], string] => [
      ["append", store, "note", `--idempotency-key=${key}`],
      "--idempotency-key",
    ]),
    [["append", store, "--batch", "--idempotency-key", "€"], "--idempotency-key"],
    [["append", store, "note", "--expect-last", "€"], "€"],
    [["append", store, "note", "--chunked", "foo"], '--chunked "foo" is not one of'],
    [["append", store, "note", "--chunked="], "--chunked"],
    [
      ["append", store, "note", "--chunked", "lines", "--expect-last", "none"],
      "--expect-last does not go with --chunked",
    ],
    [
      ["append", store, "note", "--chunked", "lines", "--idempotency-key", "k"],
      "--idempotency-key does not go with --chunked",
    ],
    [["append", store, "x".repeat(256)], "topic"],
    [["append", store, "note", "--meta", JSON.stringify("x".repeat(65_536))], "meta"],
    ...["a\nb", "€/b", "", " ", "a/b ", "x".repeat(256)].map((type): [string[], string] => [
      ["kv", "put", store, "k", `--type=${type}`],
      "--type",
    ]),
    ...["€", "a\nb", "", "nope", `${ID},nope`].flatMap((rev): [string[], string][] => [
      [["kv", "put", store, "k", `--if-match=${rev}`], "--if-match"],
      [["kv", "put", store, "k", `--if-none-match=${rev}`], "--if-none-match"],
      [["kv", "delete", store, "k", `--if-match=${rev}`], "--if-match"],
    ]),
    [["kv", "put", store, "stream.cross.k"], "belongs to the runtime"],
    [["kv", "delete", store, "stream.cross.k"], "belongs to the runtime"],
    [["kv", "put", store, "k".repeat(513)], "longer than 512"],
    [["kv", "watch", store, "k", "--pulse", "0"], "--pulse"],
    [["cat", store, "--pulse", "0"], '--pulse "0": the pulse is from 1'],
    [["cat", store, "--pulse", "2147483648"], "--pulse"],
    [["last", store, "note", "99999999999999999999"], "COUNT"],
    [["first", store, "99999999999999999999"], "COUNT"],
  ];
  for (const [args, named] of wrong) {
    const { code, stdout, stderr } = await home.xs(args, { stdin: "x" });
    expect([args, code, stdout]).toEqual([args, 2, ""]);
    expect(stderr).toContain(named);
    expect(stderr).not.toContain("should not have happened");
  }
  expect(existsSync(store)).toBe(false);
});

test("the revisions that kv put prints are taken as they are, in quotes, and several", async () => {
  using home = new Home();
  const put = async (...args: string[]) => {
    const printed = await home.ok(["kv", "put", home.store, "k", ...args], { stdin: "v" });
    return (JSON.parse(printed) as { rev: string }).rev;
  };
  const first = await put("--if-none-match", "*");
  const second = await put("--if-match", first);
  const third = await put("--if-match", `"${second}"`);
  await put("--if-match", `${first}, "${third}"`);
  await put("--if-match", "*");
});

test("the store's own socket is no other place to listen, and is said to be that", async () => {
  using home = new Home();
  for (const option of ["--expose", "--http"]) {
    for (const path of ["./its-store/sock", `${home.store}/sock`, "./link/sock"]) {
      if (!existsSync(join(home.path, "link"))) symlinkSync("its-store", join(home.path, "link"));
      await home.makeStore();
      const { code, stderr } = await home.xs(["serve", home.store, option, path]);
      expect([option, path, code]).toEqual([option, path, 2]);
      expect(stderr).toContain("the store's own socket");
    }
  }
});

test("what a script says of an append or a read that nobody knows is refused by name", async () => {
  using home = new Home();
  for (const [script, said] of [
    ["xs.append('note', 'hi', { tt: 'last:1' })", 'knows no "tt"'],
    ["xs.cat({ limt: 1 }).next()", 'cat knows no "limt": it knows lastId'],
    ["xs.cat({ 'last-id': 'x' }).next()", 'knows no "last-id"'],
  ] as const) {
    const args = ["eval", home.store, "-c", `export default async (xs) => { await ${script} }`];
    const { code, stderr } = await home.xs(args);
    expect([script, code, stderr]).toEqual([script, 1, expect.stringContaining(said)]);
  }
  expect(await home.topics(home.store)).toEqual([]);
});
