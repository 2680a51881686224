// On a terminal, reads leave the runtime's frames out unless they are asked for; in a pipe they are always there.
import { afterAll, beforeAll, expect, setDefaultTimeout, test } from "bun:test";
import { Pty } from "../support/pty.ts";
import { parseLines, type Server, startServer } from "../support/server.ts";
import { TEST_MS } from "../support/wait.ts";
import { Home } from "./run-xs.ts";

setDefaultTimeout(TEST_MS);

let home: Home;
let server: Server;
beforeAll(async () => {
  home = new Home();
  // Two servers before, so that frames of the runtime are first, in between, and last.
  for (const content of ["one", "two"]) {
    await using before = await startServer(home.store);
    await before.append("note", content);
    await before.append("stream", `${content} stream`);
    await before.stop("SIGTERM");
  }
  server = await startServer(home.store);
});
afterAll(async () => {
  await server[Symbol.asyncDispose]();
  home[Symbol.dispose]();
});

const RUNTIME = /stream\.cross\.\w+/;

async function onTerminal(...args: string[]) {
  const [verb = "", ...rest] = args;
  await using pty = new Pty([verb, home.store, ...rest], { cwd: home.path });
  const code = await pty.end();
  const lines = pty.lines.slice(0, -1);
  return {
    code,
    output: pty.output,
    lines: lines.map((line) => line.replace(/^\S+ +/, "").replace(/ +/g, " ")),
  };
}

test("cat and tac show what users wrote; limits count what is shown", async () => {
  const all = ["note one", "stream one stream", "note two", "stream two stream"];
  expect((await onTerminal("cat")).lines).toEqual(all);
  expect((await onTerminal("tac")).lines).toEqual(all.toReversed());
  expect((await onTerminal("cat", "--last", "3")).lines).toEqual(all.slice(-3));
  expect((await onTerminal("cat", "--limit", "1")).lines).toEqual(all.slice(0, 1));
  expect((await onTerminal("tac", "--limit", "1")).lines).toEqual(all.slice(-1));
  const long = await onTerminal("cat", "--long");
  expect(long.output).toContain("one stream");
  expect(long.output).not.toMatch(RUNTIME);
});

test("first and last show what users wrote too, where no topic is given", async () => {
  expect((await onTerminal("last")).lines).toEqual(["stream two stream"]);
  expect((await onTerminal("last", "2")).lines).toEqual(["note two", "stream two stream"]);
  expect((await onTerminal("first")).lines).toEqual(["note one"]);
  expect((await onTerminal("first", "2")).lines).toEqual(["note one", "stream one stream"]);
  expect((await onTerminal("last", "--all")).lines[0]).toStartWith("stream.cross.start");
  expect((await onTerminal("first", "1", "--all")).lines[0]).toStartWith("stream.cross.start");
  expect((await onTerminal("last", "stream.cross.stop")).lines[0]).toContain("stream.cross.stop");
});

test("--all, a topic, --json and a pipe bring them back", async () => {
  for (const args of [
    ["cat", "--all"],
    ["cat", "--all", "--long"],
    ["tac", "--all"],
    ["cat", "--topic", "stream.cross.*"],
    ["cat", "--topic", "*"],
    ["cat", "--json"],
    ["cat", "--sse"],
  ]) {
    const { code, output } = await onTerminal(...args);
    expect([args, code, RUNTIME.test(output)]).toEqual([args, 0, true]);
  }
  const piped = await home.ok(["cat", home.store]);
  expect(parseLines(piped).map(({ topic }) => topic)).toEqual([
    "stream.cross.start",
    "note",
    "stream",
    "stream.cross.stop",
    "stream.cross.start",
    "note",
    "stream",
    "stream.cross.stop",
    "stream.cross.start",
  ]);
  expect(await home.ok(["cat", home.store, "--all"])).toBe(piped);
  expect(await home.ok(["last", home.store])).toContain("stream.cross.start");
  expect(await home.ok(["cat", home.store, "--long"])).toMatch(RUNTIME);
});

test("a read that follows leaves out what the runtime writes meanwhile", async () => {
  await using pty = new Pty(["cat", home.store, "-f"], { cwd: home.path });
  await using all = new Pty(["last", home.store, "-f", "--all"], { cwd: home.path });
  for (const each of [pty, all]) await each.shows("── live ──");
  const spawn = { "xs-meta": '{"topic":"nothing","wrong":1}' };
  await server.append("stream.cross.generator.spawn", "", spawn);
  await all.shows("generator.invalid");
  await server.append("note", "comes live");
  await pty.shows("comes live");
  expect(pty.output).not.toMatch(RUNTIME);
  for (const each of [pty, all]) {
    each.type("\x03");
    expect(await each.end()).toBe("SIGINT");
  }
});

test("a store with frames of the runtime alone says how to see them", async () => {
  using other = new Home();
  await using only = await startServer(other.store);
  for (const verb of ["last", "first"]) {
    await using pty = new Pty([verb, other.store], { cwd: other.path });
    expect(await pty.end()).toBe(1);
    expect(pty.output).toContain("--all");
  }
  await using cat = new Pty(["cat", other.store], { cwd: other.path });
  expect([await cat.end(), cat.output]).toEqual([0, ""]);
  await only.stop("SIGTERM");
});
