// xs why: what an event came of and what came of it, as a tree on a terminal and as JSON lines in a pipe.
import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { Frame } from "../../src/core/frame.ts";
import { importLine, lateId } from "../support/late.ts";
import { Pty } from "../support/pty.ts";
import { parseLines, type Server, startServer } from "../support/server.ts";
import { TEST_MS, until } from "../support/wait.ts";
import { Home } from "./run-xs.ts";

setDefaultTimeout(TEST_MS);

interface Line extends Frame {
  readonly relation: string;
  readonly depth: number;
}

async function why(home: Home, ...args: string[]): Promise<string[]> {
  const lines = parseLines(await home.ok(["why", ...args])) as unknown as Line[];
  return lines.map(({ relation, depth, topic }) => `${relation} ${depth} ${topic}`);
}

/** The time of a row, and its distance from the event, which has none itself. */
const STAMPS = /^ *(\d{4}-\d\d-\d\d )?\d\d:\d\d:\d\d( {2} *[-+][\d.]+ (ms|s|min|h|d) {2}| +(?=●))/;

/** The rows of the tree, without times. */
async function tree(home: Home, args: string[], columns = 100): Promise<string[]> {
  await using pty = new Pty(["why", ...args], { cwd: home.path, columns });
  expect([await pty.end(), pty.output]).toEqual([0, pty.output]);
  return pty.lines.filter((line) => line !== "").map((line) => line.replace(STAMPS, ""));
}

async function add(server: Server, topic: string, content: string, ...causes: Frame[]) {
  const [frame_id, handler_id] = causes.map(({ id }) => id);
  return server.append(topic, content, { "xs-meta": JSON.stringify({ frame_id, handler_id }) });
}

test("a chain of handlers, from the first event to the last output", async () => {
  using home = new Home();
  await using server = await startServer(home.store);
  const script = (from: string) =>
    `export default { topics: ["${from}"], run: ({ id }) => ({ out: "from " + id }) }`;
  for (const [name, from] of [
    ["second", "first.out"],
    ["first", "note"],
  ] as const) {
    const file = join(home.path, `${name}.ts`);
    await Bun.write(file, script(from));
    await home.ok(["handler", "add", home.store, name, file]);
  }
  const note = await server.append("note", "hello");
  const out = await until("the last output", async () => {
    const [frame] = await server.frames("/stream/second.out");
    return frame;
  });
  const lines = await why(home, home.store, out.id);
  expect(lines).toEqual([
    "self 0 second.out",
    "cause 1 first.out",
    "cause 1 stream.cross.handler.spawn",
    "cause 2 note",
    "cause 2 stream.cross.handler.spawn",
  ]);
  expect(await why(home, home.store, note.id)).toEqual([
    "self 0 note",
    "effect 1 first.out",
    "effect 2 second.out",
  ]);
  expect(await tree(home, [home.store, out.id])).toEqual([
    expect.stringMatching(/^┌─ stream\.cross\.handler\.spawn {2}\{"topic":"second"/),
    expect.stringMatching(/^│ {2}┌─ stream\.cross\.handler\.spawn {2}\{"topic":"first"/),
    "│  ├─ note  hello",
    `├─ first.out  from ${note.id}`,
    expect.stringMatching(/^● second\.out {2}from /),
  ]);
  expect(await tree(home, [home.store, note.id])).toEqual([
    "● note  hello",
    `└─ first.out  from ${note.id}`,
    expect.stringMatching(/^ {3}└─ second\.out {2}from /),
  ]);
});

test("the output of a generator, chunks of content, and the run of a command", async () => {
  using home = new Home();
  await using server = await startServer(home.store);
  await home.ok(["generator", "add", home.store, "tick", "--", "echo", "one"]);
  const tick = await until("an output", async () => (await server.frames("/stream/tick.recv"))[0]);
  expect((await why(home, home.store, tick.id))[1]).toBe("cause 1 stream.cross.generator.spawn");
  const chunked = await home.ok(["append", home.store, "log", "--chunked", "lines"], {
    stdin: "a\nb\n",
  });
  const [first] = parseLines(chunked);
  expect(await why(home, home.store, first?.id ?? "")).toEqual([
    "self 0 log",
    "effect 1 log",
    "effect 1 log",
  ]);
  await home.ok(["on", home.store, "note", "cat"]);
  const note = await server.append("note", "hello");
  await until("the run", async () => (await server.frames(`/${note.id}/effects`)).length > 0);
});

test("a request, its handler and its response", async () => {
  using home = new Home();
  await using server = await startServer(home.store, { args: ["--http", "127.0.0.1:0"] });
  const file = join(home.path, "web.ts");
  const web = `export default { topics: ["http.request"], run: () => ({ response: { body: "hi" } }) }`;
  await Bun.write(file, web);
  await home.ok(["handler", "add", home.store, "web", file]);
  const page = await fetch(`http://${await server.listensAt("http")}/`);
  expect(await page.text()).toBe("hi");
  const [request] = await server.frames("/stream/http.request");
  const [response] = await server.frames("/stream/http.response");
  expect(await why(home, home.store, response?.id ?? "")).toEqual([
    "self 0 http.response",
    "cause 1 http.request",
    "cause 1 stream.cross.handler.spawn",
  ]);
  expect(await why(home, home.store, request?.id ?? "")).toContain("effect 1 http.response");
});

describe("on one store", () => {
  let home: Home;
  let server: Server;
  let root: Frame;
  beforeAll(async () => {
    home = new Home();
    server = await startServer(home.store, { args: ["--expose", "127.0.0.1:0"] });
    root = await add(server, "root", "the root");
  });
  afterAll(async () => {
    await server[Symbol.asyncDispose]();
    home[Symbol.dispose]();
  });

  test("each event has one row with what is below it; another row says where that is", async () => {
    const start = await add(server, "start", "");
    const left = await add(server, "left", "l", start);
    const right = await add(server, "right", "r", start);
    const end = await add(server, "end", "both", left, right);
    const after = await add(server, "after", "more", end);
    expect(await tree(home, [home.store, start.id])).toEqual([
      "● start  {}",
      "├─ left  l",
      "│  └─ end  both",
      "│     └─ after  more",
      "└─ right  r",
      "   └─ end  (see above)",
    ]);
    expect(await tree(home, [home.store, after.id])).toEqual([
      "      ┌─ start  (see below)",
      "   ┌─ right  r",
      "   │  ┌─ start  {}",
      "   ├─ left  l",
      "┌─ end  both",
      "● after  more",
    ]);
  });

  test("a circle ends, and what is gone is named", async () => {
    const [one, other, gone] = [1, 2, 3].map(lateId) as [string, string, string];
    const lines = [
      importLine("one", one, { frame_id: other, spawn_id: gone }),
      importLine("other", other, { frame_id: one }),
    ];
    await server.fetch("/import", { method: "POST", body: lines.join("\n") });
    const [row, ...rows] = await tree(home, [home.store, one]);
    expect(row).toMatch(new RegExp(`^┌─ ${gone} {2}\\(not there\\)`));
    expect(rows).toEqual([
      expect.stringMatching(/ │ {2}┌─ one {2}\(see below\)$/),
      expect.stringMatching(/^├─ other {2}\{"frame_id":/),
      expect.stringMatching(/^● one {2}\{"frame_id":/),
      expect.stringMatching(/^└─ other {2}\{"frame_id":/),
      expect.stringMatching(/ {4}└─ one {2}\(see above\)$/),
    ]);
    expect(await why(home, home.store, one)).toEqual([
      "self 0 one",
      "cause 1 other",
      "effect 1 other",
    ]);
  });

  test("many effects, and a deep chain, are bounded on a terminal, which says how to get the rest", async () => {
    const start = await add(server, "start", "");
    const batch = Array.from({ length: 150 }, (_, n) =>
      JSON.stringify({ topic: "many", meta: { frame_id: start.id, n } }),
    );
    await server.fetch("/stream", { method: "POST", body: batch.join("\n") });
    const rows = await tree(home, [home.store, start.id], 200);
    expect(rows.length).toBe(102);
    expect(rows.at(-1)).toContain(`xs why ${home.store} ${start.id} --limit 1000 shows more`);
    expect((await tree(home, [home.store, start.id, "--limit", "150"])).length).toBe(151);
    expect((await why(home, home.store, start.id)).length).toBe(151);
    expect((await why(home, home.store, start.id, "--limit", "2")).length).toBe(3);
    const ids = Array.from({ length: 400 }, (_, n) => lateId(1000 + n));
    const chain = ids.map((id, n) =>
      importLine("deep", id, n > 0 ? { frame_id: ids[n - 1] } : null),
    );
    await server.fetch("/import", { method: "POST", body: chain.join("\n") });
    const deep = await tree(home, [home.store, ids.at(-1) ?? ""], 80);
    expect(deep.length).toBe(102);
    expect(deep[0]).toContain("more causes");
    await using pty = new Pty(["why", home.store, ids[0] ?? "", "--limit", "500"], {
      cwd: home.path,
      columns: 80,
    });
    expect(await pty.end()).toBe(0);
    expect(pty.lines.filter((line) => line.includes("deep")).length).toBe(400);
    for (const line of pty.lines) expect(Bun.stringWidth(line)).toBeLessThanOrEqual(80);
  });

  test("a terminal obeys nothing of what it shows; --json prints lines there too", async () => {
    const start = await add(server, "start", "\x1b[31mred\u202e");
    await add(server, "end", "\x07bell", start);
    await using pty = new Pty(["why", home.store, start.id], { cwd: home.path });
    expect(await pty.end()).toBe(0);
    for (const obeyed of ["\x1b[31m", "\x07", "\u202e"]) expect(pty.output).not.toContain(obeyed);
    expect(pty.output).toContain("\\u{1b}");
    await using json = new Pty(["why", home.store, start.id, "--json", "--content"], {
      cwd: home.path,
      columns: 400,
    });
    expect(await json.end()).toBe(0);
    const lines = json.lines.filter((line) => line !== "").map((line) => JSON.parse(line));
    expect(lines.map(({ relation, content }) => [relation, content])).toEqual([
      ["self", "\x1b[31mred\u202e"],
      ["effect", "\x07bell"],
    ]);
  });

  test("through HOST:PORT with a token, which sees what it reads", async () => {
    const token = readFileSync(join(home.store, "token"), "utf8").trim();
    const address = await server.listensAt("expose");
    const start = await add(server, "open.start", "");
    const hidden = await add(server, "closed", "", start);
    await add(server, "open.end", "", start, hidden);
    const owner = { env: { XS_TOKEN: token } };
    const { stdout } = await home.xs(["why", address, start.id], owner);
    expect(parseLines(stdout).map(({ topic }) => topic)).toEqual([
      "open.start",
      "closed",
      "open.end",
    ]);
    const reader = (await home.ok(["token", "add", home.store, "r", "--read", "open.*"])).trim();
    const asReader = { env: { XS_TOKEN: reader } };
    const seen = await home.xs(["why", address, start.id], asReader);
    expect(parseLines(seen.stdout).map(({ topic }) => topic)).toEqual(["open.start", "open.end"]);
    const none = await home.xs(["why", address, hidden.id], asReader);
    expect([none.code, none.stdout]).toEqual([1, ""]);
    expect(none.stderr).toContain(`there is no frame ${hidden.id}`);
  });

  test("a wrong id, an unknown one, and wrong options say what is wrong", async () => {
    for (const [args, code, said] of [
      [["why", home.store], 2, "ID is missing"],
      [["why", home.store, "note"], 2, "not an id"],
      [["why", home.store, lateId(77)], 1, `there is no frame ${lateId(77)}`],
      [["why", home.store, root.id, "--limit", "x"], 2, "--limit"],
      [["why", home.store, root.id, "more"], 2, "too many arguments"],
    ] as const) {
      const outcome = await home.xs(args);
      expect([args, outcome.code, outcome.stdout]).toEqual([args, code, ""]);
      expect(outcome.stderr).toContain(said);
    }
  });
});

test("without a server", async () => {
  using home = new Home();
  let start: Frame;
  let end: Frame;
  {
    await using server = await startServer(home.store);
    start = await add(server, "start", "");
    end = await add(server, "end", "", start);
    await server.stop("SIGTERM");
  }
  expect(await why(home, home.store, start.id)).toEqual(["self 0 start", "effect 1 end"]);
  expect(await why(home, home.store, end.id)).toEqual(["self 0 end", "cause 1 start"]);
});
