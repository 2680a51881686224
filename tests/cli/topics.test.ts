// biome-ignore-all lint/suspicious/noControlCharactersInRegex: a terminal obeys these characters.
// xs topics and xs info, with a server and without, on a terminal and in a pipe.
import { expect, setDefaultTimeout, test } from "bun:test";
import { Pty } from "../support/pty.ts";
import { parseLines, type Server, startServer } from "../support/server.ts";
import { Exposed } from "../support/tokens.ts";
import { TEST_MS } from "../support/wait.ts";
import { Home } from "./run-xs.ts";

setDefaultTimeout(TEST_MS);

async function fill(server: Server, topics: readonly string[]): Promise<void> {
  for (let at = 0; at < topics.length; at += 10_000) {
    const lines = topics.slice(at, at + 10_000).map((topic) => JSON.stringify({ topic }));
    const response = await server.fetch("/stream", { method: "POST", body: lines.join("\n") });
    expect(response.status).toBe(200);
    await response.text();
  }
}

async function onTerminal(home: Home, args: readonly string[], columns = 80) {
  await using pty = new Pty(args, { cwd: home.path, columns });
  const code = await pty.end();
  return { code, output: pty.output, lines: pty.lines.slice(0, -1) };
}

/** The first column, and the count in the second. */
function treeIn(lines: readonly string[]): string[] {
  const [head = "", ...rows] = lines;
  const end = head.indexOf("EVENTS") + "EVENTS".length;
  return rows.map((row) =>
    row
      .slice(0, end)
      .replace(/ +(?=[\d,]*$)/, " ")
      .trimEnd(),
  );
}

test("in a pipe: JSON lines, the same with a server and without", async () => {
  using home = new Home();
  await using server = await startServer(home.store);
  await fill(server, ["b", "a.x", "b", "a.y"]);
  const beside = await home.ok(["topics", home.store]);
  expect(parseLines(beside).map(({ topic }) => topic)).toEqual([
    "a.x",
    "a.y",
    "b",
    "stream.cross.start",
  ]);
  const [, , b] = beside.split("\n");
  expect(Object.keys(JSON.parse(b ?? ""))).toEqual(["topic", "frames", "first", "last"]);
  expect(await home.ok(["topics", home.store, "-T", "b,a.y"])).toBe(
    beside.split("\n").slice(1, 3).join("\n").concat("\n"),
  );
  expect(await home.ok(["topics", home.store, "-T", "*,!stream.cross.*"])).toBe(
    beside.split("\n").slice(0, 3).join("\n").concat("\n"),
  );
  const info = JSON.parse(await home.ok(["info", home.store]));
  expect(info).toMatchObject({ serves: true, frames: 5, topics: 4, server: { pid: server.pid } });
  await server.stop("SIGTERM");
  const alone = await home.ok(["topics", home.store, "-T", "a.*,b"]);
  expect(alone).toBe(beside.split("\n").slice(0, 3).join("\n").concat("\n"));
  const rest = JSON.parse(await home.ok(["info", home.store]));
  expect(rest).toMatchObject({ serves: false, frames: 6, topics: 5, path: home.store });
  expect(rest.server).toBeUndefined();
  // What is wrong is said, with the exit code for it.
  expect(await home.xs(["topics", home.store, "-T", "a..b"])).toMatchObject({
    code: 2,
    stdout: "",
  });
  expect((await home.xs(["topics", `${home.path}/none`])).code).toBe(1);
  expect((await home.xs(["info", home.store, "more"])).code).toBe(2);
});

test("on a terminal: a tree with counts, the newest and the first; the runtime's dimmed", async () => {
  using home = new Home();
  await using server = await startServer(home.store);
  await fill(server, ["note", "note", "sensor.kitchen.temp", "sensor.kitchen.hum", "sensor.hall"]);
  await fill(server, ["a", "a-b", "a.b.c.d", "a.b.c.e"]);
  const { code, lines, output } = await onTerminal(home, ["topics", home.store]);
  expect(code).toBe(0);
  expect(lines[0]).toMatch(/^TOPIC +EVENTS {2}NEWEST +FIRST$/);
  expect(treeIn(lines)).toEqual([
    "a 1",
    "└─ b.c",
    "   ├─ d 1",
    "   └─ e 1",
    "a-b 1",
    "note 2",
    "sensor",
    "├─ hall 1",
    "└─ kitchen",
    "   ├─ hum 1",
    "   └─ temp 1",
    "stream.cross.start 1",
  ]);
  expect(lines[1]).toMatch(/ (now|\d+ s ago) +(\d{4}-\d\d-\d\d )?\d\d:\d\d:\d\d$/);
  const [runtime = ""] = output.split("\n").filter((line) => line.includes("stream.cross"));
  expect(runtime).toMatch(/^\x1b\[2m[^\x1b]*\x1b\[22m$/);
  const wide = await onTerminal(home, ["topics", home.store], 140);
  const [first] = parseLines(await home.ok(["topics", home.store, "-T", "note"]));
  expect(wide.lines.find((line) => line.startsWith("note"))).toEndWith(
    (first as unknown as { last: string }).last,
  );
  const json = await onTerminal(home, ["topics", home.store, "--json"]);
  expect(json.output).toBe(await home.ok(["topics", home.store]));
});

test("ten thousand topics fold, and a line says how to see more", async () => {
  using home = new Home();
  await using server = await startServer(home.store);
  const many = Array.from({ length: 5000 }, (_, n) => `device.d${n}`);
  const deep = Array.from({ length: 5000 }, (_, n) => `site.s${n % 10}.room${n % 500}.t${n}`);
  await fill(server, [...many, ...deep, "device", "note"]);
  const { code, lines } = await onTerminal(home, ["topics", home.store]);
  expect(code).toBe(0);
  expect(lines.length).toBeLessThan(210);
  expect(treeIn(lines)).toEqual([
    "device 1",
    "└─ …  (5,000 topics) 5,000",
    "note 1",
    "site",
    ...Array.from({ length: 10 }, (_, n) => `${n < 9 ? "├─" : "└─"} s${n}.*  (500 topics) 500`),
    "stream.cross.start 1",
    expect.any(String),
  ]);
  expect(lines.at(-1)).toMatch(/^10,000 topics folded: .*-T .*--all/);
  // One large node alone is shown in part.
  const below = await onTerminal(home, ["topics", home.store, "-T", "device.*"]);
  expect(below.lines.length).toBeLessThan(210);
  expect(treeIn(below.lines)[1]).toBe("├─ d0 1");
  expect(treeIn(below.lines).at(-2)).toStartWith("└─ …  (4,8");
  const all = await onTerminal(home, ["topics", home.store, "-T", "device.*", "--all"]);
  expect(all.lines).toHaveLength(5002);
  const site = await onTerminal(home, ["topics", home.store, "-T", "site.s3.*"]);
  expect(treeIn(site.lines)[0]).toBe("site.s3");
  expect(treeIn(site.lines)[1]).toBe("├─ room103.*  (10 topics) 10");
  // As many names side by side.
  await fill(
    server,
    Array.from({ length: 1000 }, (_, n) => `flat${n}`),
  );
  const flat = await onTerminal(home, ["topics", home.store]);
  expect(flat.lines.length).toBeLessThan(210);
  expect(treeIn(flat.lines).at(-2)).toMatch(/^… {2}\([\d,]+ topics\)/);
  await server.stop("SIGTERM");
});

test("long and deep names, and any width, fit", async () => {
  using home = new Home();
  await using server = await startServer(home.store);
  const deep = Array.from({ length: 100 }, (_, n) =>
    Array(n + 1)
      .fill("x")
      .join("."),
  );
  await fill(server, ["t".repeat(255), ...deep]);
  for (const columns of [1, 8, 30, 80, 200]) {
    for (const verb of ["topics", "info"]) {
      const { code, lines } = await onTerminal(home, [verb, home.store], columns);
      expect([verb, columns, code]).toEqual([verb, columns, 0]);
      for (const line of lines) expect(Bun.stringWidth(line)).toBeLessThanOrEqual(columns);
    }
  }
  await server.stop("SIGTERM");
});

test("an empty store has an empty tree, and facts", async () => {
  using home = new Home();
  await home.makeStore();
  expect(await home.ok(["topics", home.store])).toBe("");
  expect((await onTerminal(home, ["topics", home.store])).lines).toEqual([
    "TOPIC  EVENTS  NEWEST  FIRST",
  ]);
  const { lines } = await onTerminal(home, ["info", home.store]);
  const shown = lines.map((line) => line.replace(/ {2,}/, ": "));
  expect(shown).toContain(`store: ${home.store}`);
  expect(shown).toContain("events: 0 in 0 topics");
  expect(shown.find((line) => line.startsWith("newest"))).toBeUndefined();
});

test("a token sees its topics, and what it may do", async () => {
  await using it = await Exposed.start();
  await it.server.append("open.a", "x");
  await it.server.append("closed", "x");
  const token = await it.add("page", "--read", "open.*", "--append", "inbox");
  const env = { env: { XS_TOKEN: token } };
  const topics = parseLines(await it.home.ok(["topics", it.address], env));
  expect(topics.map(({ topic }) => topic)).toEqual(["open.a"]);
  expect((await it.home.xs(["topics", it.address, "-T", "closed"], env)).stderr).toContain(
    "does not read closed",
  );
  expect(JSON.parse(await it.home.ok(["info", it.address], env)).token.name).toBe("page");
  await using pty = new Pty(["info", it.address], { cwd: it.home.path, env: { XS_TOKEN: token } });
  expect(await pty.end()).toBe(0);
  const shown = pty.lines.map((line) => line.replace(/ {2,}/, ": "));
  expect(shown).toContain("may: read open.*; append inbox");
  expect(pty.output).not.toContain(it.home.store);
});
