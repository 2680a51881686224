// biome-ignore-all lint/suspicious/noControlCharactersInRegex: a terminal obeys these characters.
// What a person sees: every test runs the program on a real pseudo terminal.
import { afterAll, beforeAll, expect, setDefaultTimeout, test } from "bun:test";
import { join } from "node:path";
import { memoryOf } from "../support/memory.ts";
import { Pty } from "../support/pty.ts";
import { type Server, startServer, XS } from "../support/server.ts";
import { TEST_MS, until } from "../support/wait.ts";
import { Home } from "./run-xs.ts";

setDefaultTimeout(TEST_MS);

/** With its date if the test runs over midnight. */
const TIME = /^(\d{4}-\d\d-\d\d )?\d\d:\d\d:\d\d {2}/;
/** What a terminal obeys, but for line ends and tabs. */
const OBEYED = /[\0-\x08\x0b-\x1f\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]/;
/** The sequences that format text. */
const FORMATS = /\x1b\[[0-9;]+m/g;
const HOSTILE = [
  "\x1b]0;owned\x07title",
  "\x1b[2J\x1b[Hcleared",
  "\x9b31mC1\x9d0;t\x9c",
  "over\rwrite",
  "back\b\b\bspace\x7f",
  "bell\x07\x0e\x0f",
  "rtl \u202eevil\u202c \u2066iso\u2069",
  "zero\u200bwidth\ufeff\u2060",
  "line\u2028separator",
].join(" | ");

let home: Home;
let server: Server;
beforeAll(async () => {
  home = new Home();
  server = await startServer(join(home.path, "store"));
});
afterAll(async () => {
  await server[Symbol.asyncDispose]();
  home[Symbol.dispose]();
});

interface Options {
  readonly columns?: number;
  readonly env?: Record<string, string>;
}

/** Runs xs on a terminal to its end. */
async function onTerminal(args: readonly string[], options: Options = {}) {
  await using pty = new Pty(args, { cwd: home.path, ...options });
  const code = await pty.end();
  return { code, output: pty.output, lines: pty.lines.slice(0, -1) };
}

test("a read prints an event a line: time, topic, content or else meta, in colour", async () => {
  const frame = await server.append("line.note", "hello\nworld\n");
  await server.append("line.door", "", { "xs-meta": '{"open":true}' });
  await server.append("line.both", "content", { "xs-meta": "1" });
  const reads = [
    ["cat", "--topic", "line.*"],
    ["tac", "--topic", "line.*"],
    ["last", "line.*", "3"],
    ["first", "line.*", "3"],
    ["get", frame.id],
    ["next", frame.id, "--topic", "line.*"],
    ["previous", frame.id],
  ];
  for (const read of reads) {
    const { code, output, lines } = await onTerminal(read);
    expect([read, code]).toEqual([read, 0]);
    expect(output).toContain("\x1b[");
    for (const line of lines) expect(line).toMatch(TIME);
  }
  const { lines } = await onTerminal(["cat", "--topic", "line.*"]);
  expect(lines.map((line) => line.replace(TIME, "").replace(/ +/g, " "))).toEqual([
    "line.note hello …",
    'line.door {"open":true}',
    "line.both content",
  ]);
});

test("nothing changes in a pipe, and --json prints the same lines on a terminal", async () => {
  const meta = '{"n":1.0,"s":"\\u001b\u202e"}';
  const frame = await server.append("json", "text", {
    "xs-meta": Buffer.from(meta).toString("base64"),
  });
  const reads = [
    ["cat", "--topic", "json"],
    ["tac", "--topic", "json"],
    ["first", "json"],
    ["last", "json", "1"],
    ["get", frame.id],
    ["kv", "list"],
    ["ps"],
  ];
  await server.fetch("/kv/json", { method: "PUT", body: "1" });
  for (const read of reads) {
    const piped = await home.ok(read);
    expect(piped).toBe(await home.ok([...read, "--json"]));
    const { output, code } = await onTerminal([...read, "--json"]);
    expect([read, code]).toEqual([read, 0]);
    expect(output).not.toMatch(OBEYED);
    const values = (text: string) => text.trim().split("\n").filter(Boolean).map(JSONparse);
    const settled = (all: unknown[]) => (read[0] === "ps" ? [] : all);
    expect(settled(values(output))).toEqual(settled(values(piped)));
  }
  const { code, output } = await onTerminal(["cat", "--sse", "--topic", "json"]);
  expect([code, output.startsWith(`id: ${frame.id}\ndata: {"topic":"json"`)]).toEqual([0, true]);
  for (const forms of [
    ["--json", "--long"],
    ["--sse", "--long"],
    ["--sse", "--json"],
  ]) {
    expect((await onTerminal(["cat", ...forms])).code).toBe(2);
    expect((await home.xs(["cat", ...forms])).stderr).toContain("does not go with");
  }
});

function JSONparse(text: string): unknown {
  return JSON.parse(text);
}

test("--long shows all fields and the whole content, in a pipe too", async () => {
  const frame = await server.append("long", "one\n\ttwo\nthree", { "xs-meta": '{"a":1.0}' });
  for (const text of [
    (await onTerminal(["get", frame.id, "--long"])).output,
    await home.ok(["get", frame.id, "--long"]),
    await home.ok(["last", "long", "--long"]),
  ]) {
    const lines = Bun.stripANSI(text).split("\n");
    expect(lines[0]).toBe("long");
    expect(lines).toContain(`id     ${frame.id}`);
    expect(lines).toContain(`hash   ${frame.hash}`);
    expect(lines).toContain('meta   {"a":1.0}');
    expect(lines).toContain("ttl    forever");
    expect(lines.find((line) => line.startsWith("time"))).toMatch(
      /^time {3}\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3} [+-]\d\d:\d\d$/,
    );
    expect(lines.slice(-6)).toEqual(["", "    one", "    \ttwo", "    three", "", ""]);
  }
  expect(await home.ok(["get", frame.id, "--long"])).not.toContain("\x1b");
});

test("--long shows large text to its end, and names binary content with its size", async () => {
  const large = `${"x".repeat(99)}\n`.repeat(4000);
  await server.append("large", `${large}the end`);
  const { lines, code } = await onTerminal(["last", "large", "--long"]);
  expect([code, lines.at(-2)]).toEqual([0, "    the end"]);
  expect(lines.filter((line) => line.includes("xxxx"))).toHaveLength(4000);
  const short = await onTerminal(["last", "large"]);
  expect(short.lines[0]).toMatch(/x{30,}…$/);

  for (const [topic, bytes] of [
    ["bin.small", new Uint8Array(1500).fill(255)],
    ["bin.nul", new Uint8Array(1500)],
    ["bin.large", new Uint8Array(400_000).fill(254)],
  ] as const) {
    const response = await server.fetch(`/stream/${topic}`, { method: "POST", body: bytes });
    const { id } = (await response.json()) as { id: string };
    const size = bytes.length === 1500 ? "1.5 kB" : "400 kB";
    expect((await onTerminal(["last", topic])).lines[0]).toEndWith(`(binary, ${size})`);
    expect((await onTerminal(["last", topic, "--long"])).output).toContain(
      `(binary, ${size}: xs content ${id} > FILE)`,
    );
  }
});

test("lines are as wide as the terminal, with the id where there is room", async () => {
  const { id } = await server.append("wide.note", "日本語 👨‍👩‍👧 ".repeat(100));
  await server.append("wide.note", "x".repeat(256 * 1024));
  await server.append("wide.note", `${"e\u0301".repeat(500)}\n`);
  await server.append(`wide.${"t".repeat(250)}`, "rest");
  for (const columns of [1, 2, 20, 79, 80, 200]) {
    const { code, lines } = await onTerminal(["cat", "--topic", "wide.*"], { columns });
    expect([columns, code, lines.length]).toEqual([columns, 0, 4]);
    const widths = lines.map((line) => Bun.stringWidth(line));
    for (const width of widths) expect(width).toBeLessThanOrEqual(columns);
    // A wide character may leave one column.
    if (columns > 20)
      for (const width of widths.slice(0, 3)) expect(width).toBeGreaterThan(columns - 3);
    expect(lines.some((line) => line.includes(id))).toBe(columns === 200);
  }
  // A terminal that does not know its size.
  const command = ["bash", "-c", `stty cols 0; COLUMNS=40 "${XS}" cat --topic 'wide.*'`];
  await using pty = new Pty([], { cwd: home.path, command });
  expect(await pty.end()).toBe(0);
  for (const line of pty.lines) expect(Bun.stringWidth(line)).toBeLessThanOrEqual(40);
});

test("the colours are readable on light and on dark backgrounds", async () => {
  await server.append("colour", "\x1b");
  const { output } = await onTerminal(["cat"]);
  const codes = new Set(output.match(FORMATS)?.map((format) => format.slice(2, -1)));
  // Bold, dim, reverse, red, magenta, and what ends them.
  const readable = ["1", "2", "7", "22", "27", "31", "35", "39"];
  expect([...codes].filter((code) => !readable.includes(code))).toEqual([]);
  expect(output.replaceAll(FORMATS, "")).not.toContain("\x1b");
});

test("NO_COLOR and TERM=dumb print no escape sequence, on both streams", async () => {
  await server.append("plain", "\x1b[31mred");
  await server.fetch("/kv/plain", { method: "PUT", body: "1" });
  const commands = [
    ["cat"],
    ["last", "plain", "--long"],
    ["kv", "list"],
    ["ps"],
    ["verify"],
    ["wrong"],
    ["get", "wrong"],
  ];
  for (const env of [{ NO_COLOR: "1" }, { TERM: "dumb" }, { TERM: "" }]) {
    for (const command of commands) {
      const { output } = await onTerminal(command, { env });
      // The progress of a check redraws its line, which is no colour.
      const rest = "NO_COLOR" in env ? output.replaceAll("\r\x1b[K", "") : output;
      expect([command, env, rest.includes("\x1b")]).toEqual([command, env, false]);
    }
  }
  const forced = { env: { FORCE_COLOR: "1" } };
  expect((await home.xs(["last", "plain", "--long"], forced)).stdout).toContain("\x1b[");
  expect((await home.xs(["last", "plain"], forced)).stdout).toStartWith('{"topic":"plain"');
  for (const off of ["0", "false"]) {
    const { output } = await onTerminal(["help", "x"], { env: { FORCE_COLOR: off } });
    expect([off, output]).toEqual([off, expect.not.stringContaining("\x1b[")]);
  }
  const both = { env: { FORCE_COLOR: "1", NO_COLOR: "1" } };
  expect((await home.xs(["last", "plain", "--long"], both)).stdout).not.toContain("\x1b");
  const { output } = await onTerminal(["last", "plain"], { env: { NO_COLOR: "" } });
  expect(output).toContain("\x1b[");
});

test("a message has colours where stderr is a terminal, whatever stdout is", async () => {
  const shell = (line: string) => ({ command: ["bash", "-c", line.replaceAll("xs", XS)] });
  const run = async (line: string) => {
    await using pty = new Pty([], { cwd: home.path, ...shell(line) });
    await pty.end();
    return pty.output;
  };
  expect(await run("xs wrong | cat")).toContain("\x1b[");
  expect(await run("xs wrong 2>&1 >/dev/null | cat")).not.toContain("\x1b");
  const hostile = await run(
    `xs get $'a\\e]0;t\\a\\xe2\\x80\\xae' | cat; xs kv get $'k\\xe2\\x80\\xae'`,
  );
  expect(Bun.stripANSI(hostile)).not.toMatch(OBEYED);
});

test("what is hostile is shown and not obeyed, wherever it is", async () => {
  const meta = JSON.stringify({ text: HOSTILE });
  const { id } = await server.append("hostile", HOSTILE, {
    "xs-meta": Buffer.from(meta).toString("base64"),
  });
  await server.append("hostile.meta", "", { "xs-meta": Buffer.from(meta).toString("base64") });
  const key = `hostile/${HOSTILE}`;
  await server.fetch(`/kv/${encodeURIComponent(key)}`, { method: "PUT", body: HOSTILE });
  const commands = [
    ["cat", "--topic", "hostile,hostile.*"],
    ["cat", "--topic", "hostile,hostile.*", "--long"],
    ["cat", "--topic", "hostile,hostile.*", "--json"],
    ["content", id],
    ["kv", "list"],
    ["kv", "list", "--json"],
    ["kv", "get", key],
    ["kv", "get", key, "--json"],
  ];
  for (const command of commands) {
    for (const columns of [80, 2000]) {
      const { code, output } = await onTerminal(command, { columns });
      // Only our own sequences, which format.
      const rest = output.replaceAll(FORMATS, "");
      expect([command, code, OBEYED.exec(rest)?.[0]]).toEqual([command, 0, undefined]);
    }
  }
  const { output } = await onTerminal(["content", id], { env: { NO_COLOR: "1" } });
  expect(output).toStartWith("\\u{1b}]0;owned\\u{7}title | ");
  expect(await home.ok(["content", id])).toBe(HOSTILE);
});

test("content is printed to a terminal only where it is text", async () => {
  const text = await server.append("content", "one\r\n\ttwo");
  expect(await onTerminal(["content", text.id])).toMatchObject({ code: 0, output: "one\n\ttwo\n" });
  expect((await onTerminal(["cas", text.hash ?? ""])).output).toBe("one\n\ttwo\n");
  const body = new Uint8Array([137, 80, 78, 71, 13, 10, 26, 10, 0]);
  const response = await server.fetch("/stream/content", { method: "POST", body });
  const { id, hash } = (await response.json()) as { id: string; hash: string };
  await server.fetch("/kv/binary", { method: "PUT", body });
  for (const command of [
    ["content", id],
    ["cas", hash],
    ["kv", "get", "binary"],
  ]) {
    const { code, output } = await onTerminal(command);
    expect([command, code]).toEqual([command, 1]);
    expect(output).toContain(`this is binary (9 B), and a terminal cannot show it`);
    expect(output).toContain("> FILE");
    expect(output).not.toContain("PNG");
    expect((await home.xs(command)).bytes).toEqual(body);
  }
  // Where the beginning looks like text.
  const late = new Uint8Array(3_000_000).fill(97);
  late[2_999_999] = 255;
  const { id: lateId } = (await (
    await server.fetch("/stream/content", { method: "POST", body: late })
  ).json()) as { id: string };
  const shown = await onTerminal(["content", lateId]);
  expect(shown.code).toBe(1);
  expect(shown.output).toContain("the rest is binary");
});

test("a following read shows a rule at the threshold, no pulses, and what comes live", async () => {
  await server.append("live", "before");
  await using pty = new Pty(["cat", "-p", "20", "--topic", "live"], { cwd: home.path });
  await pty.shows("── live ──");
  await server.append("live", "after");
  await pty.shows("after");
  expect(pty.lines.slice(0, 3).map((line) => line.replace(TIME, ""))).toEqual([
    "live          before",
    `── live ${"─".repeat(72)}`,
    "live          after",
  ]);
  // Runtime frames are dim as a whole, and so is the rule.
  expect(pty.output).toContain("\x1b[2m── live");
  expect(pty.output).not.toContain("pulse");
  pty.type("\x03");
  expect(await pty.end()).toBe("SIGINT");
  // No format stays on.
  expect(pty.output).toEndWith("\x1b[0m");
});

test("after Ctrl-C the shell goes on as it was", async () => {
  const command = ["bash", "--norc", "--noprofile", "-i"];
  await using pty = new Pty([], { cwd: home.path, command });
  pty.type(`stty -a > before; "${XS}" cat -f\n`);
  await pty.shows("── live ──");
  pty.type("\x03");
  await pty.shows("^C");
  pty.type('echo "code $?"; stty -a > after; exit\n');
  await pty.shows("code 130");
  await pty.end();
  const state = (name: string) => Bun.file(join(home.path, name)).text();
  expect(await state("after")).toBe(await state("before"));
});

test("a line that comes after a resize is as wide as the terminal is then", async () => {
  await using pty = new Pty(["cat", "-f", "--tail", "--topic", "resize"], { cwd: home.path });
  await pty.shows("── live ──");
  for (const columns of [200, 40, 120]) {
    pty.resize(columns);
    // The signal may come after the frame.
    await until("a line of the new width", async () => {
      await server.append("resize", "y".repeat(300));
      return pty.lines.some((line) => Bun.stringWidth(line) === columns);
    });
  }
  pty.type("\x03");
  await pty.end();
});

test("content that still grows is printed as it comes", async () => {
  const chunks = new TransformStream<Uint8Array, Uint8Array>();
  const writer = chunks.writable.getWriter();
  const appended = server.fetch("/stream/growing?chunked=lines", {
    method: "POST",
    body: chunks.readable,
  });
  const say = (text: string) => writer.write(Buffer.from(text));
  await say("one\r\n");
  const id = await until("the first chunk", async () => {
    const [first] = await server.frames("/first/growing?limit=1");
    return first?.id;
  });
  await using pty = new Pty(["content", id], { cwd: home.path });
  await pty.shows("one\n");
  await say("t\x1bwo\n");
  await pty.shows(/t\S+wo\n/);
  await writer.close();
  await (await appended).text();
  expect(await pty.end()).toBe(0);
  expect(Bun.stripANSI(pty.output)).toBe("one\nt\\u{1b}wo\n");
});

test("with --reconnect, lines go on after the server's end, each once", async () => {
  using other = new Home();
  await using first = await startServer(other.store);
  await first.append("again", "one");
  const args = ["cat", other.store, "-f", "--reconnect", "-T", "again"];
  await using pty = new Pty(args, { cwd: other.path });
  await pty.shows("── live ──");
  await first.stop("SIGTERM");
  await using second = await startServer(other.store);
  await second.append("again", "two");
  await pty.shows("two");
  const shown = pty.lines.filter((line) => TIME.test(line)).map((line) => line.trim().slice(-3));
  expect(shown).toEqual(["one", "two"]);
});

test("the memory of a read does not grow with what it shows", async () => {
  using other = new Home();
  await using busy = await startServer(other.store);
  const batch = (from: number) =>
    Array.from({ length: 10_000 }, (_, at) => {
      const frame = { topic: "many", meta: { n: from + at }, content: `é ${"x".repeat(at % 500)}` };
      return JSON.stringify(frame);
    }).join("\n");
  const add = (body: string) => busy.fetch("/stream", { method: "POST", body });
  await (await add(batch(0))).text();
  await using pty = new Pty(["cat", other.store, "-f"], { cwd: other.path, keeps: 1000 });
  await pty.shows("── live ──");
  const before = memoryOf(pty.pid);
  for (let n = 1; n <= 10; n++) await (await add(batch(n * 10_000))).text();
  await busy.append("last", "the last one");
  await pty.shows("the last one");
  expect(memoryOf(pty.pid) - before).toBeLessThan(50);
});

test("frames of the runtime are dim, the others are not", async () => {
  await server.append("bright", "x");
  const { output } = await onTerminal(["cat", "--all"]);
  const lines = output.split("\n");
  const start = lines.find((line) => line.includes("stream.cross.start")) ?? "";
  expect(start).toMatch(/^\x1b\[2m[^\x1b]*\x1b\[22m$/);
  expect(lines.find((line) => line.includes("bright"))).toContain("\x1b[35mbright\x1b[39m");
});

test("damaged and missing content is named, and the read goes on", async () => {
  using other = new Home();
  await other.makeStore();
  await other.ok(["append", other.store, "gone"], { stdin: "x".repeat(100_000) });
  await other.ok(["append", other.store, "next"], { stdin: "fine" });
  await other.run(["rm", "-rf", join(other.store, "cacache/content-v2")], {});
  for (const long of [[], ["--long"]]) {
    await using pty = new Pty(["cat", other.store, ...long], { cwd: other.path });
    expect(await pty.end()).toBe(0);
    expect(pty.output).toMatch(/\x1b\[31m.*content not found/);
    expect(pty.output).toContain("next");
  }
});

test("empty stores, empty lists and ephemeral frames are shown", async () => {
  using other = new Home();
  await other.makeStore();
  const run = async (args: readonly string[]) => {
    await using pty = new Pty([...args, other.store], { cwd: other.path });
    return [await pty.end(), Bun.stripANSI(pty.output)];
  };
  expect(await run(["cat"])).toEqual([0, ""]);
  expect(await run(["kv", "list"])).toEqual([0, "CHANGED  SIZE  TYPE  KEY\n"]);
  expect(await run(["ps"])).toEqual([
    0,
    "KIND  NAME  STATE  PID  UPTIME  RESTARTS  LAST EXIT  BEHIND\n",
  ]);
  await using pty = new Pty(["cat", "-f", "--tail", "-T", "fleeting"], { cwd: home.path });
  await pty.shows("── live ──");
  await server.append("fleeting?ttl=ephemeral", "flash");
  await pty.shows("flash");
});

test("kv list and kv watch show times, sizes and values", async () => {
  const put = (key: string, body: string | Uint8Array, type = "text/plain") =>
    server.fetch(`/kv/${key}`, { method: "PUT", body, headers: { "content-type": type } });
  await put("view%2Fcount", "3\n");
  await put("view%2Fjson", '{"n":1.0}', "application/json");
  await put(`view%2F${"日".repeat(100)}`, "x".repeat(1500));
  for (const columns of [30, 80, 200]) {
    const { lines } = await onTerminal(["kv", "list", "view/"], { columns });
    expect(lines).toHaveLength(4);
    for (const line of lines) expect(Bun.stringWidth(line)).toBeLessThanOrEqual(columns);
  }
  const { lines } = await onTerminal(["kv", "list", "view/"]);
  expect(lines[0]).toMatch(/^ *CHANGED +SIZE +TYPE +KEY$/);
  expect(lines[1]).toMatch(/^[-\d ]*\d\d:\d\d:\d\d +2 B +text\/plain +view\/count$/);
  expect(lines[3]).toMatch(/^[-\d ]*\d\d:\d\d:\d\d +1\.5 kB +text\/plain +view\/日+…$/);
  await using pty = new Pty(["kv", "watch", "view/"], { cwd: home.path });
  await pty.shows("── live ──");
  await put("view%2Fcount", "4\n");
  await pty.shows(/count\S* +4\n/);
  await server.fetch("/kv/view%2Fcount", { method: "DELETE" });
  await pty.shows("(deleted)");
  await put("view%2Fbin", new Uint8Array([255, 0]));
  await pty.shows("(binary, 2 B)");
  expect(Bun.stripANSI(pty.output)).toMatch(/^[-\d ]*\d\d:\d\d:\d\d {2}view\/json +\{"n":1\.0\}$/m);
});

test("ps fits into narrow terminals and keeps what tells something", async () => {
  const script = 'export default { topics: ["never"], run: () => ({}) }';
  const name = "a-handler-with-a-rather-long-name";
  await server.append("stream.cross.handler.spawn", script, {
    "xs-meta": JSON.stringify({ topic: name }),
  });
  await until("the handler runs", async () =>
    (await server.frames("/stream/stream.cross.handler.active")).some(
      ({ meta }) => (meta as { topic: string }).topic === name,
    ),
  );
  for (const columns of [40, 80, 200]) {
    const { lines } = await onTerminal(["ps"], { columns });
    expect(lines).toHaveLength(2);
    for (const line of lines) expect(Bun.stringWidth(line)).toBeLessThanOrEqual(columns);
    expect(/ SPAWN$/.test(lines[0] ?? "")).toBe(columns === 200);
    if (columns > 40) expect(lines[1]).toMatch(new RegExp(`^handler +${name} +active +\\d+ `));
  }
});

test("ps shows when a generator runs next, in a column that is there only for a schedule", async () => {
  using other = new Home();
  await using own = await startServer(other.store);
  const shown = async () => {
    await using pty = new Pty(["ps", other.store], { cwd: other.path, columns: 120 });
    expect(await pty.end()).toBe(0);
    return Bun.stripANSI(pty.output);
  };
  const meta = { topic: "disk", runtime: "sh", every: "30m" };
  await own.append("stream.cross.generator.spawn", "df -k", { "xs-meta": JSON.stringify(meta) });
  await until("the schedule is set", async () => /disk +active/.test(await shown()));
  expect(await shown()).toMatch(/STATE +NEXT +PID[\s\S]*disk +active +in (?:29|30) min +-/);
});

test("times are those of the time zone of the terminal, and old ones have their date", async () => {
  // 2025-01-15T12:00:00.000Z
  const line =
    '{"topic":"old","id":"03d4q2rsg0000000000000000","hash":null,"meta":null,"ttl":"forever"}';
  using other = new Home();
  await other.makeStore();
  await other.ok(["import", other.store, "-"], { stdin: `${line}\n` });
  for (const [zone, shift] of [
    ["UTC", 0],
    ["Asia/Tokyo", 9],
    ["America/New_York", -5],
  ] as const) {
    await using pty = new Pty(["cat", other.store], { cwd: other.path, env: { TZ: zone } });
    await pty.end();
    const { timestamp } = JSON.parse(await other.ok(["cat", other.store, "--with-timestamp"])) as {
      timestamp: string;
    };
    const local = new Date(Date.parse(timestamp) + shift * 3_600_000).toISOString();
    expect(Bun.stripANSI(pty.output)).toStartWith(local.slice(0, 19).replace("T", " "));
  }
});
