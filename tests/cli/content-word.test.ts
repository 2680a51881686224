// Content that is a word of the command line, content from stdin, and metadata of fields.
import { expect, setDefaultTimeout, test } from "bun:test";
import { existsSync } from "node:fs";
import { join } from "node:path";
import type { Frame } from "../../src/core/frame.ts";
import { TEST_MS } from "../support/wait.ts";
import { Home } from "./run-xs.ts";

setDefaultTimeout(TEST_MS);

/** A home whose commands find the store by themselves, as `./store`. */
async function withStore(): Promise<Home> {
  const home = new Home();
  await home.makeStore(join(home.path, "store"));
  return home;
}

/** Runs an append, and returns the line that it printed and the content of its frame. */
async function appended(home: Home, args: string[], stdin = "unread") {
  const line = await home.ok(["append", ...args], { stdin });
  const { id, hash } = JSON.parse(line) as Frame;
  return { line, content: hash === null ? null : await home.ok(["content", id]) };
}

test("content as a word is stored as it is, and stdin is not read", async () => {
  using home = await withStore();
  for (const word of ["hello", "two words", "1", "{}", "ünï → 😀", "a\nb\n", "x".repeat(100_000)]) {
    expect((await appended(home, ["note", word])).content).toBe(word);
    await home.ok(["kv", "put", "k", word], { stdin: "unread" });
    expect(await home.ok(["kv", "get", "k"])).toBe(word);
  }
  for (const word of ["-5", "--follow", "-", "--"]) {
    expect((await appended(home, ["note", "--", word])).content).toBe(word);
    await home.ok(["kv", "put", "--", "k", word]);
    expect(await home.ok(["kv", "get", "k"])).toBe(word);
  }
  expect(
    JSON.parse(await home.ok(["kv", "put", "k", "3", "--type", "application/json"])).type,
  ).toBe("application/json");
  expect(JSON.parse(await home.ok(["kv", "put", "k", "3"])).type).toBe("text/plain; charset=utf-8");
  const minus = await home.xs(["append", "note", "-5"]);
  expect([minus.code, minus.stderr]).toEqual([2, expect.stringContaining("-- -5")]);
  for (const args of [
    ["append", "note", "-"],
    ["kv", "put", "k", "-"],
  ]) {
    const { code, stderr } = await home.xs(args, { stdin: "x" });
    expect([args, code, stderr]).toEqual([args, 2, expect.stringContaining("-- -")]);
  }
});

test("without a word content comes from stdin, also beside metadata", async () => {
  using home = await withStore();
  expect((await appended(home, ["note"], "piped\n")).content).toBe("piped\n");
  expect((await appended(home, ["note"], "")).content).toBe(null);
  const both = await appended(home, ["note", "-F", "n=1"], "piped");
  expect([both.content, (JSON.parse(both.line) as Frame).meta]).toEqual(["piped", { n: 1 }]);
});

test("--empty stores nothing and reads nothing, as an empty word does", async () => {
  using home = await withStore();
  for (const how of ["--empty", ""]) {
    expect((await appended(home, ["note", how])).content).toBe(null);
    expect(JSON.parse(await home.ok(["kv", "put", "k", how], { stdin: "unread" })).size).toBe(0);
    expect(await home.ok(["kv", "get", "k"])).toBe("");
  }
  for (const args of [
    ["append", "note", "word", "--empty"],
    ["kv", "put", "k", "word", "--empty"],
    ["append", "--batch", "--empty"],
    ["append", "note", "--chunked", "lines", "--empty"],
  ]) {
    const { code, stderr } = await home.xs(args);
    expect([args, code, stderr]).toEqual([args, 2, expect.stringContaining("--empty")]);
  }
});

test("a command whose content is a word leaves the stdin of a loop alone", async () => {
  using home = await withStore();
  const lines = "one\ntwo\nthree\n";
  for (const [command, count] of [
    ['xs append note "$line"', 3],
    ['xs kv put "$line" value', 3],
    ["xs append note --empty", 3],
    ["xs kv put k --empty", 3],
    // Without a word the first one takes all that is left.
    ["xs append note", 1],
  ] as const) {
    const { code, stdout } = await home.shell(
      `printf '${lines}' | while read -r line; do ${command}; done`,
    );
    expect([command, code, stdout.trimEnd().split("\n").length]).toEqual([command, 0, count]);
  }
  const notes = await home.ok(["cat", "--topic", "note"]);
  const contents = notes
    .trimEnd()
    .split("\n")
    .slice(0, 3)
    .map((line) => JSON.parse(line).id as string);
  expect(await Promise.all(contents.map((id) => home.ok(["content", id])))).toEqual([
    "one",
    "two",
    "three",
  ]);
});

test("-F makes metadata: true, false, null and numbers are typed and keep their text, the rest is text", async () => {
  using home = await withStore();
  const meta = async (...args: string[]) => {
    const { line } = await appended(home, ["note", "--empty", ...args]);
    return /"meta":(.*),"ttl"/.exec(line)?.[1];
  };
  const cases: [value: string, json: string][] = [
    ["true", "true"],
    ["false", "false"],
    ["null", "null"],
    ["0", "0"],
    ["-1", "-1"],
    ["1.0", "1.0"],
    ["1234567890123456789", "1234567890123456789"],
    ["1e400", "1e400"],
    ["-0.5E+3", "-0.5E+3"],
    ["True", '"True"'],
    ["007", '"007"'],
    ["+1", '"+1"'],
    [".5", '".5"'],
    ["1.", '"1."'],
    ["NaN", '"NaN"'],
    ["Infinity", '"Infinity"'],
    ["0x10", '"0x10"'],
    [" 1", '" 1"'],
    ["", '""'],
    ["a=b", '"a=b"'],
    ['say "hi"', '"say \\"hi\\""'],
    ["a,b\nc", '"a,b\\nc"'],
    ["[1]", '"[1]"'],
    ["-x", '"-x"'],
  ];
  for (const [value, json] of cases) {
    expect([value, await meta("-F", `key=${value}`)]).toEqual([value, `{"key":${json}}`]);
  }
  expect(await meta("-F", "b=1", "--field=a=x", "-Fc d=true")).toBe('{"b":1,"a":"x","c d":true}');
  expect(await meta("-F", "__proto__=1", "-F", 'ü"=2')).toBe('{"__proto__":1,"ü\\"":2}');
  expect(await meta("--meta", '{"n": 1.0, "o": {"a": [1e400]}}', "-F", "m=2")).toBe(
    '{"n":1.0,"o":{"a":[1e400]},"m":2}',
  );
  expect(await meta("--meta", "{}", "-F", "m=2")).toBe('{"m":2}');
  for (const args of [
    ["-F", "key"],
    ["-F", "=1"],
    ["-F", ""],
    ["-F"],
    ["-F", "a=1", "-F", "a=2"],
    ["--meta", '{"a":1}', "-F", "a=2"],
    ["--meta", "[1]", "-F", "a=2"],
    ["--meta", "null", "-F", "a=2"],
    ["--meta", "{", "-F", "a=2"],
    ["-F", `a=${"x".repeat(65_536)}`],
    ["--batch", "-F", "a=1"],
  ]) {
    const words = args.includes("--batch") ? [] : ["note", "--empty"];
    const { code, stdout, stderr } = await home.xs(["append", ...words, ...args]);
    expect([args, code, stdout]).toEqual([args, 2, ""]);
    expect(stderr).toMatch(/-F|--field|meta|twice/);
    expect(stderr).not.toContain("should not have happened");
  }
});

test("content as a word goes with nothing that reads stdin, and a wrong word makes no store", async () => {
  using home = new Home();
  for (const args of [
    ["append", "note", "word", "--chunked", "lines"],
    ["append", "note", "word", "--batch"],
    ["append", "note", "word", "more"],
    ["append", "a..b", "word"],
    ["append", "stream.cross.start", "word"],
    ["kv", "put", "k", "word", "more"],
    ["kv", "put"],
    ["append"],
  ]) {
    const { code, stdout, stderr } = await home.xs(args);
    expect([args, code, stdout]).toEqual([args, 2, ""]);
    expect(stderr).toContain("Usage: xs");
  }
  expect(existsSync(join(home.path, ".local"))).toBe(false);
});
