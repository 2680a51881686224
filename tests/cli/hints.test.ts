// Command lines in messages: a person copies them into a shell.
import { expect, setDefaultTimeout, test } from "bun:test";
import { join } from "node:path";
import { Follower } from "../support/follower.ts";
import { Pty } from "../support/pty.ts";
import { TEST_MS } from "../support/wait.ts";
import { Home } from "./run-xs.ts";

setDefaultTimeout(2 * TEST_MS);

const BINARY = new Uint8Array([137, 80, 78, 71, 0, 255]);

async function onTerminal(home: Home, args: readonly string[]): Promise<string> {
  await using pty = new Pty(args, { cwd: home.path, columns: 300 });
  await pty.end();
  return pty.output;
}

/** Copies the command line that ends with "> FILE" out of a text, and runs it. */
async function copied(home: Home, text: string): Promise<Uint8Array> {
  const [line = ""] = /xs [^\n]*(?=> FILE)/.exec(Bun.stripANSI(text)) ?? [];
  expect([text, line]).toEqual([text, expect.stringMatching(/^xs /)]);
  const { code, bytes, stderr } = await home.shell(line);
  expect([line, code, stderr]).toEqual([line, 0, ""]);
  return bytes;
}

test("the command for binary content names its store, and works as it is", async () => {
  using home = new Home();
  for (const path of ["./other", "./a b/it's", "store"]) {
    const at = path.startsWith(".") ? [path] : [];
    const store = join(home.path, path);
    await home.makeStore(store);
    const to = at.length === 0 ? [] : ["-s", path];
    const line = await home.ok(["append", ...to, "photo"], { stdin: BINARY });
    const { id, hash } = JSON.parse(line) as { id: string; hash: string };
    await home.ok(["kv", "put", ...to, "--", "./odd key"], { stdin: BINARY });
    for (const args of [
      ["cat", ...at, "--long"],
      ["last", ...at, "--long"],
      ["get", ...at, id, "--long"],
      ["content", ...at, id],
      ["content", ...to, id],
      ["cas", ...at, hash],
      ["kv", "get", ...at, "--", "./odd key"],
    ]) {
      expect([args, await copied(home, await onTerminal(home, args))]).toEqual([args, BINARY]);
    }
  }
});

test("the commands that a server prints quote its path", async () => {
  using home = new Home();
  const store = join(home.path, "a b", "it's");
  await using server = new Follower(home.path, ["serve", store, "--expose", ":0"]);
  await server.says("\n  xs cat ");
  const lines = server.stderr.split("\n").map((line) => line.trim());
  const word = `'${store.replaceAll("'", "'\\''")}'`;
  expect(lines).toContain(`xs append ${word} note hi`);
  expect(lines).toContain(
    `export XS_TOKEN=$(cat '${join(store, "token").replaceAll("'", "'\\''")}')`,
  );
  const ran = await home.shell(lines.filter((line) => /^(xs|export) /.test(line)).join(" && "));
  expect([ran.code, ran.stderr]).toEqual([0, ""]);
  expect(ran.stdout).toContain('"topic":"note"');
  const twice = await home.xs(["serve", store]);
  expect(twice.stderr).toContain(`use it as  xs cat ${word}  `);
  const away = join(home.path, "no where");
  const key = await home.xs(["kv", "put", "./odd key"], { stdin: "" });
  expect(key.stderr).toContain("write  -- './odd key'");
  for (const args of [
    ["cat", away],
    ["cat", away, "-f"],
  ]) {
    const { stderr } = await home.xs(args);
    expect([args, stderr]).toEqual([args, expect.stringContaining(`xs serve '${away}'`)]);
  }
});
