import { expect, setDefaultTimeout, test } from "bun:test";
import { join } from "node:path";
import { WITH_NU } from "../support/processors.ts";
import { NU, startServer, XS } from "../support/server.ts";
import { LineReader, TEST_MS, until } from "../support/wait.ts";
import { Home } from "./run-xs.ts";

setDefaultTimeout(TEST_MS);

/** Scripts, and what each prints into a pipe, as latin1. */
const PRINTED: readonly (readonly [script: string, output: string])[] = [
  ["{ a: 1, b: [x y] }", '{"a":1,"b":["x","y"]}\n'],
  ["[[a b]; [1 2] [3 4]]", '{"a":1,"b":2}\n{"a":3,"b":4}\n'],
  ['[1 2.5 true null { a: 1 } [1 2] "text"]', '1\n2.5\ntrue\nnull\n{"a":1}\n[1,2]\ntext\n'],
  ['"text"', "text\n"],
  ['"several\nlines"', "several\nlines\n"],
  ["5", "5\n"],
  ["null", ""],
  ["def unused [] { 1 }", ""],
  ["print hi; 5", "hi\n5\n"],
  ["0x[00 ff 0a]", "\x00\xff\n"],
  ['[0x[41] "b" 0x[43]]', "Ab\nC"],
  ['"in the store" | .append note | get topic', "note\n"],
  [".last note | .cas", "in the store"],
  ["0x[00 ff] | .append bytes | ignore; .last bytes | .cas", "\x00\xff"],
  ["^printf 'ab\\0\\377'", "ab\x00\xff"],
  [".cat --topic note | get topic", "note\n"],
  ["1..3", "1\n2\n3\n"],
  ["1.. | each { $in * 2 } | first 2", "2\n4\n"],
  ["2sec", "2000000000\n"],
  ["2024-02-03T04:05:06Z", '"2024-02-03T04:05:06+00:00"\n'],
  ["$env.XS_ADDR | path basename", "its-store\n"],
];

test("xs eval prints what nushell gives for a pipe: JSON lines, text and bytes", async () => {
  using home = new Home();
  await home.makeStore();
  for (const [script, output] of PRINTED) {
    const { code, bytes, stderr } = await home.xs(["eval", home.store, "-c", script], {
      env: WITH_NU,
    });
    const printed = Buffer.from(bytes).toString("latin1");
    expect([script, printed, code, stderr]).toEqual([script, output, 0, ""]);
  }
});

test("xs eval prints a table on a terminal, and JSON where that is redirected", async () => {
  using home = new Home();
  await home.makeStore();
  const line = `"${XS}" eval "${home.store}" -c "[[a b]; [1 2]]"`;
  const shown = await home.shell(`script -qec 'stty cols 80; ${line}' /dev/null`, { env: WITH_NU });
  expect(Bun.stripANSI(shown.stdout)).toContain("│ a │ b │");
  const piped = await home.shell(`script -qec '${line} | cat' /dev/null`, { env: WITH_NU });
  expect(piped.stdout.trim()).toBe('{"a":1,"b":2}');
});

test("what nushell gives one by one is printed as it comes, and ends with its reader", async () => {
  using home = new Home();
  await using server = await startServer(home.store);
  for (const script of [
    ".cat --follow --topic n | get topic",
    "export default async function* (xs) { for await (const { topic } of xs.cat({ follow: true, topic: 'n' })) yield topic; }",
  ]) {
    const child = Bun.spawn([XS, "eval", home.store, "-c", script], {
      env: { ...process.env, ...WITH_NU },
      stdio: ["ignore", "pipe", "pipe"],
    });
    try {
      const lines = new LineReader(child.stdout);
      await lines.through((text) => text === "stream.cross.threshold");
      for (let n = 0; n < 3; n++) {
        await server.append("n");
        // Before the next one is there.
        expect(await lines.next()).toBe("n");
      }
      await lines.cancel();
      // A write after the pipe is closed finds that nobody reads it.
      await until("xs eval to end", async () => {
        await server.append("n");
        return child.exitCode !== null;
      });
      expect([script, await child.exited, await new Response(child.stderr).text()]).toEqual([
        script,
        0,
        "",
      ]);
    } finally {
      child.kill("SIGKILL");
    }
  }
});

test("xs eval fails with what nushell says, and with its exit code", async () => {
  using home = new Home();
  await home.makeStore();
  for (const [script, code, message, printed] of [
    ["exit 7", 7, "", ""],
    ["^sh -c 'echo a; exit 3'", 3, "", "a\n"],
    ["{|| 1 }", 1, "a value is a closure, which JSON cannot say", ""],
    ["[1 { a: inf } 2]", 1, "a value.a is inf, which JSON cannot say", "1\n"],
    ['[1 2] | each {|n| if $n == 2 { error make { msg: "no two" } }; $n }', 1, "no two", "1\n"],
    ['.cat --topic "no topic"', 1, 'topic "no topic" may hold', ""],
    ['.cat --topic "no topic" | length', 1, 'topic "no topic" may hold', ""],
    [".cat --follow", 1, "following needs a server", ""],
    [".kv watch a", 1, "following needs a server", ""],
  ] as const) {
    const run = await home.xs(["eval", home.store, "-c", script], { env: WITH_NU });
    expect([script, run.code, run.stdout]).toEqual([script, code, printed]);
    expect(run.stderr.replace(/\s+(\| )?/g, " ")).toContain(message);
  }
  const full = await home.shell(`xs eval "${home.store}" -c '[1 2]' > /dev/full`, { env: WITH_NU });
  expect([full.code, full.stderr]).toEqual([1, expect.stringContaining("no space left")]);
});

test("a script of xs eval may have any name, and define what it likes", async () => {
  using home = new Home();
  await home.makeStore();
  for (const name of ["xs.nu", "lines.nu", "it's [a] $x.nu"]) {
    const file = join(home.path, name);
    await Bun.write(
      file,
      "def print-each [] { 1 }; def rows [] { 2 }; def main [] { 3 }; [(rows)]",
    );
    const run = await home.xs(["eval", home.store, file], { env: WITH_NU });
    expect([name, run.stdout, run.stderr]).toEqual([name, "2\n", ""]);
  }
});

test("what nobody reads any more ends without a word, as cat does", async () => {
  using home = new Home();
  const lines = Array.from({ length: 3000 }, (_, n) => `{"topic":"n","meta":{"n":${n}}}\n`);
  await home.ok(["append", home.store, "--batch"], { stdin: lines.join("") });
  // The wrapper of npm hands no signal on.
  const wrapper = join(import.meta.dir, "../../node_modules/.bin/nu");
  const nushells = [NU, ...(Bun.which("node") ? [wrapper] : [])];
  for (const script of [
    ".cat --limit 3000",
    ".cat | get topic",
    ".cat | each { $in.meta.n }",
    "1..100000",
    "^seq 100000",
    "print a; .cat",
    "export default (xs) => xs.cat()",
  ]) {
    const line = `xs eval "${home.store}" -c '${script}' | head -1; echo "\${PIPESTATUS[0]}"`;
    for (const nu of nushells) {
      const { stdout, stderr } = await home.shell(line, { env: { XS_NU: nu } });
      expect([script, stderr, stdout.split("\n").slice(1)]).toEqual([script, "", ["0", ""]]);
    }
  }
});
