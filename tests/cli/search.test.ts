import { Database } from "bun:sqlite";
import { expect, setDefaultTimeout, test } from "bun:test";

import { chmodSync, cpSync, readdirSync, readFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Pty } from "../support/pty.ts";
import { searchProcesses } from "../support/search-processes.ts";
import { parseLines, startServer } from "../support/server.ts";
import { TEST_MS, until } from "../support/wait.ts";
import { Home } from "./run-xs.ts";

setDefaultTimeout(TEST_MS);

async function filled(home: Home): Promise<void> {
  await home.ok(["append", home.store, "note", "buy milk and sugar", "--meta", '{"who":"Zoë"}']);
  await home.ok(["append", home.store, "note.b", "sell milk"]);
}

const contentsOf = (lines: string) =>
  parseLines(lines).map(
    (frame) => (frame as unknown as { snippet: { text: string } }).snippet.text,
  );

test("xs search finds events, with a server and without one, also at its socket", async () => {
  using home = new Home();
  await filled(home);
  const search = async (...words: string[]) =>
    contentsOf(await home.ok(["search", "-s", home.store, ...words]));
  const expectAll = async () => {
    expect(await search("milk")).toEqual(["sell milk", "buy milk and sugar"]);
    expect(await search("milk", "-sugar")).toEqual(["sell milk"]);
    expect(await search("-sugar", "milk", "--limit", "5")).toEqual(["sell milk"]);
    expect(await search('"buy milk"')).toEqual(["buy milk and sugar"]);
    expect(await search('-"buy milk"', "mil*")).toEqual(["sell milk"]);
    expect(await search("zoe")).toEqual(["Zoë"]);
    expect(await search("milk", "topic:note")).toEqual(["buy milk and sugar"]);
    expect(await search("milk", "-T", "note.*")).toEqual(["sell milk"]);
    expect(await search("milk", "--limit=1", "--since", "1h")).toEqual(["sell milk"]);
    expect(await search("--", "milk", "-sugar")).toEqual(["sell milk"]);
    expect(await search("milk", "--until", "1h")).toEqual([]);
  };
  await expectAll();
  await using server = await startServer(home.store);
  await expectAll();
  const atSocket = await home.ok(["search", "-s", server.unix, "milk"]);
  expect(contentsOf(atSocket)).toHaveLength(2);
});

test("wrong words are a wrong command line", async () => {
  using home = new Home();
  await home.makeStore();
  const failing = async (...args: string[]) => {
    const { code, stdout, stderr } = await home.xs(["search", "-s", home.store, ...args]);
    expect(stdout).toBe("");
    return `${code} ${stderr}`;
  };
  expect(await failing()).toMatch(/^2 .*WORDS are missing/s);
  expect(await failing('say "hello')).toMatch(/^2 .*second one/s);
  expect(await failing("???")).toMatch(/^2 .*no word/s);
  expect(await failing("a", "--limit", "x")).toMatch(/^2 .*limit/s);
  expect(await failing("a", "--colour")).toMatch(/^2 .*--colour/s);
  const none = await home.xs(["search", "-s", `${home.path}/none`, "milk"]);
  expect([none.code, none.stderr]).toEqual([1, expect.stringContaining("no store")]);
});

test("on a terminal the words are marked, and nothing in a text is obeyed", async () => {
  using home = new Home();
  await home.ok([
    "append",
    home.store,
    "note",
    `${"a ".repeat(200)}\u001b]0;title\u0007 needle\n\tend`,
  ]);
  await using pty = new Pty(["search", "-s", home.store, "needle"], { cwd: home.path });
  expect(await pty.end()).toBe(0);
  expect(pty.output).toContain("\u001b[31mneedle");
  expect(pty.output).not.toContain("\u001b]0;");
  expect(pty.lines.filter((line) => line.includes("needle"))[0]).toContain("\\u{1b}]0;title");
  await using none = new Pty(["search", "-s", home.store, "nothing"], { cwd: home.path });
  expect(await none.end()).toBe(0);
  expect(none.output).toContain("nothing found");
});

test("on a terminal the newest hundred come unless --limit says more; in a pipe all", async () => {
  using home = new Home();
  const batch = Array.from({ length: 130 }, (_, n) =>
    JSON.stringify({ topic: "note", meta: `milk ${n}` }),
  );
  {
    await using server = await startServer(home.store);
    const response = await server.fetch("/stream", { method: "POST", body: batch.join("\n") });
    expect(response.ok).toBe(true);
    expect(parseLines(await home.ok(["search", "-s", home.store, "milk"]))).toHaveLength(130);
    const count = async (...args: string[]) => {
      await using pty = new Pty(["search", "-s", home.store, "milk", ...args], { cwd: home.path });
      expect(await pty.end()).toBe(0);
      return { hits: pty.lines.filter((line) => / milk \d/.test(line)).length, text: pty.output };
    };
    const usual = await count();
    expect([usual.hits, usual.text.includes("--limit N shows more")]).toEqual([100, true]);
    expect((await count("--limit", "200")).hits).toBe(130);
  }
});

test("a store that cannot be written is searched by an index in a temporary folder", async () => {
  using home = new Home();
  await filled(home);
  const before = readdirSync(home.store).sort();
  const reader = 12_345;
  if (process.getuid?.() !== 0) return;
  for (const [path, mode] of [
    [home.path, 0o755],
    [home.store, 0o755],
  ] as const)
    chmodSync(path, mode);
  Bun.spawnSync(["chmod", "-R", "a+rX", home.store]);
  const { XS } = await import("../support/server.ts");
  const run = Bun.spawnSync([XS, "search", "-s", home.store, "milk"], {
    cwd: "/",
    uid: reader,
    gid: reader,
    env: { PATH: process.env.PATH ?? "", HOME: "/nonexistent", TMPDIR: tmpdir() },
  } as Parameters<typeof Bun.spawnSync>[1]);
  expect([run.exitCode, run.stderr?.toString()]).toEqual([0, ""]);
  expect(contentsOf(run.stdout?.toString() ?? "")).toHaveLength(2);
  expect(readdirSync(home.store).sort()).toEqual(before);
  expect(readdirSync(tmpdir()).filter((name) => name.startsWith("xs-search-"))).toEqual([]);
});

test("while the index is made a terminal shows how far it is, and the hits when it is there", async () => {
  using home = new Home();
  await using server = await startServer(home.store);
  await server.append("note", "milk");
  expect(contentsOf(await home.ok(["search", "-s", home.store, "milk"]))).toEqual(["milk"]);
  const pids = await searchProcesses(server.pid);
  for (const pid of pids) process.kill(pid, "SIGSTOP");
  await server.append("note", "more milk");
  await using pty = new Pty(["search", "-s", home.store, "milk"], { cwd: home.path });
  await pty.shows(/search: \d+ % indexed/);
  for (const pid of pids) process.kill(pid, "SIGCONT");
  expect(await pty.end()).toBe(0);
  expect(pty.lines.filter((line) => line.endsWith("milk"))).toHaveLength(2);
});

test("while the index is made without a server, others find the store free now and then", async () => {
  using home = new Home();
  await filled(home);
  // Somebody else writes the index, so that it does not get on.
  using other = new Database(`${home.store}/search.db-lock`, { create: true });
  other.run("BEGIN EXCLUSIVE");
  await using search = home.start(["search", "-s", home.store, "milk"]);
  await until("the search has begun", async () => (await searchProcesses(search.pid)).length > 0);
  for (let n = 0; n < 3; n++) await home.ok(["append", home.store, "note", `milk ${n}`]);
  expect(await Promise.race([search.exited, "still there"])).toBe("still there");
  other.run("ROLLBACK");
  expect(await search.exited).toBe(0);
  expect(contentsOf((await search.lines.take(5)).join("\n"))[0]).toBe("milk 2");
});

test("xs gc takes the words of what was removed out of the index of a server", async () => {
  using home = new Home();
  await using server = await startServer(home.store);
  const { id } = await server.append("note", "forgettable");
  await server.append("note", "kept");
  const words = () =>
    readdirSync(home.store)
      .filter((name) => name.startsWith("search.db"))
      .map((name) => readFileSync(join(home.store, name), "latin1"))
      .join("");
  expect(contentsOf(await home.ok(["search", "-s", home.store, "forgettable"]))).toHaveLength(1);
  expect(words()).toContain("forgettable");
  await home.ok(["remove", home.store, id]);
  await home.ok(["gc", home.store]);
  expect(words()).not.toContain("forgettable");
  expect(words()).toContain("kept");
  expect(await home.ok(["search", "-s", home.store, "forgettable"])).toBe("");
});

test("a store of an older version is searched, and an export has no index", async () => {
  using home = new Home();
  for (const schema of ["schema-1", "schema-2"]) {
    const store = join(home.path, schema);
    cpSync(join(import.meta.dir, "../fixtures", schema), store, { recursive: true });
    const found = parseLines(await home.ok(["search", "-s", store, "topic:note"]));
    const read = parseLines(await home.ok(["tac", store, "-T", "note"]));
    expect(found.map(({ id }) => id)).toEqual(read.map(({ id }) => id));
    const { stdout } = await home.shell(`xs export ${store} - | tar -t`);
    expect(stdout).toContain("frames");
    expect(stdout).not.toContain("search");
  }
});
