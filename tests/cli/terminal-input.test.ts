// A command that reads content from a terminal says so, and one that has its content does not wait.
import { expect, setDefaultTimeout, test } from "bun:test";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { Pty } from "../support/pty.ts";
import { TEST_MS } from "../support/wait.ts";
import { Home } from "./run-xs.ts";

setDefaultTimeout(TEST_MS);

/** A home whose commands find the store by themselves, as `./store`. */
async function withStore(): Promise<Home> {
  const home = new Home();
  await home.makeStore(join(home.path, "store"));
  return home;
}

const END = "\x04";

test("append and kv put say that they wait for content, and take it up to Ctrl-D", async () => {
  using home = await withStore();
  for (const [args, what] of [
    [["append", "note"], "content for note"],
    [["append", "note", "-F", "n=1"], "content for note"],
    [["kv", "put", "k"], 'the value of "k"'],
    [["kv", "put", "./store", "k"], 'the value of "k"'],
    [["cas-post"], "content"],
  ] as const) {
    await using terminal = new Pty(args, { cwd: home.path });
    await terminal.shows(`waiting for ${what}: it ends with Ctrl-D`);
    terminal.type(`hello\n${END}`);
    expect([args, await terminal.end()]).toEqual([args, 0]);
  }
  const { id, meta } = JSON.parse(await home.ok(["last", "note"]));
  expect([await home.ok(["content", id]), meta]).toEqual(["hello\n", { n: 1 }]);
  expect(await home.ok(["kv", "get", "k"])).toBe("hello\n");
});

test("Ctrl-C ends the wait, and nothing is stored", async () => {
  using home = await withStore();
  await using terminal = new Pty(["append", "note"], { cwd: home.path });
  await terminal.shows("waiting for content");
  terminal.type("hello\n\x03");
  expect(await terminal.end()).not.toBe(0);
  expect(await home.topics("./store")).toEqual([]);
});

test("what has its content, or needs none, does not wait", async () => {
  using home = await withStore();
  for (const args of [
    ["append", "note", "hello"],
    ["append", "note", "--empty"],
    ["append", "note", ""],
    ["kv", "put", "k", "3"],
    ["kv", "put", "k", "--empty"],
  ]) {
    await using terminal = new Pty(args, { cwd: home.path });
    expect([args, await terminal.end()]).toEqual([args, 0]);
    expect(terminal.output).not.toContain("waiting");
  }
});

test("the other commands that read stdin say what they wait for", async () => {
  using home = await withStore();
  for (const [args, what, typed] of [
    [["append", "note", "--chunked", "lines"], "content", "one\n"],
    [["append", "--batch"], "JSON lines", '{"topic":"note"}\n'],
    [["import", "./store"], "frames", ""],
    [["remove", "-"], "ids", ""],
    [["scru128", "unpack"], "an id", "03hadtdyn9s2dxl5soli9q9dz\n"],
    [["eval", "-"], "a script", "export default () => 'ran'\n"],
  ] as const) {
    await using terminal = new Pty(args, { cwd: home.path });
    await terminal.shows(`waiting for ${what}`);
    terminal.type(typed + END);
    expect([args, await terminal.end()]).toEqual([args, 0]);
  }
});

test("import of a path where nothing is does not wait for frames", async () => {
  using home = await withStore();
  await using terminal = new Pty(["import", "./new"], { cwd: home.path });
  expect(await terminal.end()).toBe(1);
  expect(terminal.output).toContain("there is no ./new");
  expect(existsSync(join(home.path, "new"))).toBe(false);
});

test("in a pipe nothing is said of a wait", async () => {
  using home = await withStore();
  const { code, stderr } = await home.shell("(sleep 0.2; echo hello) | xs append note");
  expect([code, stderr]).toEqual([0, ""]);
});
