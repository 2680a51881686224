// xs handler and xs generator: add, rm, stop, start, restart and logs, with a server and without; xs ps -a; what
// xs serve says about processors.
import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { chmodSync } from "node:fs";
import { join } from "node:path";
import {
  answers,
  countOf,
  framesOf,
  kvText,
  say,
  sayMany,
  spawn,
  textsOf,
  WITH_NU,
} from "../support/processors.ts";
import { Pty } from "../support/pty.ts";
import { NU, type Server, startServer } from "../support/server.ts";
import { TEST_MS, until } from "../support/wait.ts";
import { completes } from "./completed.ts";
import { Home, type Outcome } from "./run-xs.ts";

setDefaultTimeout(TEST_MS);

const COUNT = `export default {
  topics: ["n"], initial: 0,
  run: (frame, state) => {
    if (frame.meta?.bad) throw new Error("no such thing\\nat all \\u001b[2J");
    console.error("saw", frame.meta.n);
    return { out: { count: state + 1 }, next: state + 1 };
  },
}`;

/** The rows of xs ps -a, by their names. */
async function rows(home: Home): Promise<Record<string, { [key: string]: unknown }>> {
  const text = await home.ok(["ps", "-a", home.store]);
  const all = text.split("\n").filter((line) => line !== "");
  return Object.fromEntries(all.map((line) => JSON.parse(line)).map((row) => [row.name, row]));
}

async function counts(server: Server): Promise<number[]> {
  return (await framesOf(server, "count.out")).map(({ meta }) => meta.count);
}

/** That a command succeeds, with these words on stderr and nothing on stdout. */
function expectSaid({ code, stdout, stderr }: Outcome, ...words: string[]): void {
  expect([code, stdout, stderr]).toEqual([0, "", expect.stringContaining(words[0] ?? "")]);
  for (const word of words) expect(stderr).toContain(word);
}

function expectFailed({ code, stdout, stderr }: Outcome, exit: number, ...words: string[]): void {
  expect([code, stdout, stderr]).toEqual([exit, "", expect.stringContaining(words[0] ?? "")]);
  for (const word of words) expect(stderr).toContain(word);
}

async function withServer(
  use: (home: Home, server: Server) => Promise<void>,
  args: string[] = [],
): Promise<void> {
  using home = new Home();
  await using server = await startServer(home.store, { env: WITH_NU, args });
  await use(home, server);
}

const handler = (home: Home, ...args: string[]) => home.xs(["handler", ...args]);
const generator = (home: Home, ...args: string[]) => home.xs(["generator", ...args]);

test("a handler from add to rm: it stops, goes on, restarts, and each frame counts once", () =>
  withServer(async (home, server) => {
    await Bun.write(join(home.path, "count.ts"), COUNT);
    expectSaid(await handler(home, "add", home.store, "count", "count.ts"), "count is active");
    await sayMany(server, "n", 2);
    await countOf(server, "count.out", 2);
    expectSaid(await handler(home, "stop", home.store, "count"), "stopped", "xs handler start");
    expect(await rows(home)).toMatchObject({
      count: {
        state: "stopped",
        reason: expect.stringContaining("start"),
        ended: expect.any(String),
      },
    });
    expect(await home.ok(["ps", home.store])).toBe("");
    expectSaid(await handler(home, "stop", home.store, "count"), "stopped already");
    await sayMany(server, "n", 2, 2);
    expectSaid(await handler(home, "start", home.store, "count"), "count is active");
    await countOf(server, "count.out", 4);
    expectSaid(await handler(home, "start", home.store, "count"), "runs already");
    expectSaid(await handler(home, "restart", home.store, "count"), "active", "replaced");
    await sayMany(server, "n", 1, 4);
    await countOf(server, "count.out", 5);
    expect(await counts(server)).toEqual([1, 2, 3, 4, 5]);
    expectSaid(await handler(home, "rm", home.store, "count"), "removed");
    expect(await rows(home)).toEqual({});
    expect(await kvText(server, "stream.cross.handler/count")).toBeUndefined();
    expectFailed(await handler(home, "start", home.store, "count"), 1, 'no handler "count"');
  }));

test("add replaces what runs; what does not load is told, and the one before goes on", () =>
  withServer(async (home, server) => {
    const add = (script: string, ...more: string[]) =>
      home.xs(["handler", "add", home.store, "count", "-", ...more], { stdin: script });
    expectSaid(await add(COUNT), "active");
    expectSaid(await add(COUNT), "replaced");
    expectFailed(
      await add('export default { topix: "n", run() {} }'),
      1,
      "invalid",
      "topix",
      "goes on",
    );
    expect((await rows(home)).count).toMatchObject({ state: "invalid" });
    await sayMany(server, "n", 1);
    await countOf(server, "count.out", 1);
    expectSaid(await add(COUNT.replace("state + 1 }", "state + 100 }"), "--resume"), "replaced");
    await sayMany(server, "n", 1, 1);
    await countOf(server, "count.out", 2);
    expect((await counts(server)).at(-1)).toBe(101);
    const frames = await framesOf(server, "stream.cross.handler.spawn");
    expect(frames.at(-1)?.meta).toEqual({ topic: "count", resume: true });
  }));

test("a generator with a schedule: added, refused by name, stopped, started and removed", () =>
  withServer(async (home, server) => {
    const add = (...args: string[]) => generator(home, "add", home.store, "disk", ...args);
    expectSaid(await add("--every", "1h", "--", "df", "-k"), "disk is active", "its next run: ");
    const [frame] = await framesOf(server, "stream.cross.generator.spawn");
    expect(frame?.meta).toEqual({ topic: "disk", runtime: "sh", every: "1h" });
    const shown = async () => (await rows(home)).disk;
    const first = (await shown())?.next;
    expect(await shown()).toMatchObject({ state: "active", every: "1h", pid: null });
    for (const [args, ...words] of [
      [["--every", "0 0 30 2 *"], "never comes"],
      [["--every", "soon"], '"soon"', "five fields"],
      [["--every", "90"], '"90s"'],
      [["--every", "0 9 * * *", "--tz", "Berlin"], 'tz "Berlin"'],
      [["--tz", "Europe/Berlin"], "there is no every"],
      [["--every", "1h", "--tz", "Europe/Berlin"], "Leave tz out"],
      [["--every", "1h", "--restart", "never"], "restart does not go with every"],
      [["--every", "1h", "--duplex"], "duplex"],
    ] as [string[], ...string[]][])
      expectFailed(await add(...args, "--", "df"), 2, ...words);
    expect(await framesOf(server, "stream.cross.generator.spawn")).toHaveLength(1);
    expectSaid(await generator(home, "stop", home.store, "disk"), "is stopped");
    expect(await shown()).toMatchObject({ state: "stopped", every: "1h", tz: null, next: null });
    expectSaid(await generator(home, "start", home.store, "disk"), "is active");
    expect((await shown())?.next).toBe(first);
    expectSaid(await generator(home, "restart", home.store, "disk"), "is active");
    expect((await shown())?.next).toBe(first);
    const cron = ["--every", "0 7 * * mon-fri", "--tz", "Europe/Berlin"];
    expectSaid(await add(...cron, "--", "echo good morning"), "replaced");
    expect(await shown()).toMatchObject({ every: "0 7 * * mon-fri", tz: "Europe/Berlin" });
    await server.stop("SIGTERM");
    const idle = { every: "0 7 * * mon-fri", tz: "Europe/Berlin", next: null };
    expect(await shown()).toMatchObject({ state: "stopped", ...idle });
    await using again = await startServer(home.store);
    await until("the schedule", async () => (await shown())?.state === "active");
    expectSaid(await generator(home, "rm", home.store, "disk"), "is removed");
    expect(await kvText(again, "stream.cross.generator/disk")).toBeUndefined();
  }));

test("the options of add are those of the spawn, and a wrong one is told before anything is written", () =>
  withServer(async (home, server) => {
    const add = (...args: string[]) =>
      home.xs(["handler", "add", home.store, ...args], { stdin: "export default () => {}" });
    const options =
      "--topics a.*,b -T c --start first --on-error skip --concurrency 4 --ttl last:10";
    const others = "--restart never --one-by-one --pulse 1000 --runtime ts";
    await add("full", "-", ...options.split(" "), ...others.split(" "));
    const [frame] = await framesOf(server, "stream.cross.handler.spawn");
    expect(frame?.meta).toEqual({
      topic: "full",
      topics: ["a.*", "b", "c"],
      start: "first",
      on_error: "skip",
      concurrency: 4,
      ttl: "last:10",
      restart: "never",
      one_by_one: true,
      pulse: 1000,
      runtime: "ts",
    });
    for (const [args, word] of [
      [["x", "-", "--start", "soon"], "soon"],
      [["x", "-", "--on-error", "maybe"], "maybe"],
      [["x", "-", "--concurrency", "many"], "concurrency"],
      [["x", "-", "--ttl", "long"], "long"],
      [["x", "-", "--topics", "a..b"], "a..b"],
      [["x", "-", "--runtime", "cobol"], "cobol"],
      [["x", "-", "--initial", "{"], "JSON"],
      [["a b", "-"], "a b"],
      [["stream.cross.x", "-"], "runtime"],
      [["x"], "missing"],
      [["x", "no.ts"], "no file no.ts"],
      [["x", home.path], "folder"],
      [["x", "-", "more"], "too many"],
    ] as const) {
      expectFailed(await add(...args), 2, word);
    }
    const empty = await home.xs(["handler", "add", home.store, "x", "-"]);
    expectFailed(empty, 2, "empty");
    expect(await framesOf(server, "stream.cross.handler.spawn")).toHaveLength(1);
  }));

test("the file says what runs it", () =>
  withServer(async (home, server) => {
    const add = async (kind: string, name: string, file: string, text: string) => {
      await Bun.write(join(home.path, file), text);
      return home.xs([kind, "add", home.store, name, file]);
    };
    expectSaid(await add("handler", "a", "a.nu", "{ run: {|frame, state| } }"), "active");
    expectSaid(await add("generator", "b", "b.sh", "echo b; exec sleep 100"), "active");
    expectSaid(await add("generator", "c", "c", "#!/bin/sh\necho c; exec sleep 100"), "active");
    expectFailed(await add("handler", "d", "d.py", "print(1)"), 2, "#!/usr/bin/env python3");
    expectFailed(await add("handler", "e", "e.ts", "const x = 1;"), 1, "e is invalid");
    await Bun.write(join(home.path, "lib/five.ts"), "export const five: number = 5;");
    const imports =
      'import { five } from "./lib/five.ts"; export default { topics: ["n"], run: () => ({ out: five }) }';
    expectSaid(await add("handler", "f", "f.ts", imports), "active");
    await sayMany(server, "n", 1);
    await countOf(server, "f.out", 1);
    expect(await textsOf(server, "f.out")).toEqual(["5"]);
    expectFailed(
      await add("handler", "g", "g.ts", 'import "./no.ts"; export default () => {}'),
      1,
      "no.ts",
    );
    await countOf(server, "b.recv", 1);
    await countOf(server, "c.recv", 1);
    const ps = await rows(home);
    const runtimes = ["a", "b", "c", "f"].map((name) => ps[name]?.runtime);
    expect(runtimes).toEqual(["nu", "sh", "exec", "ts"]);
  }));

test("a generator of a command: its words reach the program as they are, one word is a line for sh", () =>
  withServer(async (home, server) => {
    const words = [
      "a  b",
      "it's",
      "$HOME",
      "*",
      "",
      "--flag",
      "x;y",
      'say "hi"',
      "two\nlines",
      "`id`",
    ];
    const printf = ["printf", "[%s]", ...words];
    expectSaid(
      await generator(home, "add", home.store, "words", "--restart", "never", "--", ...printf),
      "active",
    );
    await until("the words", async () => (await framesOf(server, "words.recv")).length === 2);
    expect((await textsOf(server, "words.recv")).join("\n")).toBe(
      words.map((w) => `[${w}]`).join(""),
    );
    const line = "echo one | tr a-z A-Z; exit 0";
    expectSaid(
      await generator(home, "add", "-s", home.store, "line", "--restart", "never", "--", line),
      "active",
    );
    await countOf(server, "line.recv", 1);
    expect(await textsOf(server, "line.recv")).toEqual(["ONE"]);
    await until("the end", async () => (await rows(home)).line?.state === "finished");
    expect((await rows(home)).line).toMatchObject({ last_exit: { code: 0, signal: null } });
    expectSaid(await generator(home, "start", home.store, "line"), "active");
    await countOf(server, "line.recv", 2);
    await Bun.write(join(home.path, "my tools/say"), "#!/bin/sh\necho said\n");
    chmodSync(join(home.path, "my tools/say"), 0o755);
    for (const [name, ...command] of [
      ["path", "./my tools/say"],
      ["paths", "my tools/say", "a"],
    ]) {
      const added = await generator(home, "add", home.store, name ?? "", "--", ...command);
      expectSaid(added, "active");
      await countOf(server, `${name}.recv`, 1);
    }
    expectFailed(await generator(home, "add", home.store, "x", "f.sh", "--", "date"), 2, "f.sh");
    expectFailed(await generator(home, "add", home.store, "--", "date"), 2, "NAME");
    expectFailed(await generator(home, "add", home.store, "x"), 2, "COMMAND");
  }));

test("a generator that runs at times", () =>
  withServer(async (home, server) => {
    const add = (...args: string[]) => generator(home, "add", home.store, "disk", ...args);
    expectSaid(await add("--every", "1s", "--", "echo", "now"), "active");
    await countOf(server, "disk.recv", 1);
    const cron = ["--every", "0 7 * * mon-fri", "--tz", "Europe/Berlin"];
    expectSaid(await add(...cron, "--", "echo", "now"), "replaced");
    expect((await rows(home)).disk).toMatchObject({ every: cron[1], tz: cron[3] });
    expectSaid(await generator(home, "stop", home.store, "disk"), "stopped");
    expectSaid(await generator(home, "start", home.store, "disk"), "active");
    expect((await rows(home)).disk).toMatchObject({ every: cron[1], tz: cron[3] });
    expectFailed(await add("--every", "now and then", "--", "date"), 2, "every");
    expectFailed(await add("--tz", "Europe/Berlin", "--", "date"), 2, "tz");
  }));

test("a duplex generator keeps its input over stop and start", () =>
  withServer(async (home, server) => {
    const args = ["add", home.store, "echo", "--duplex", "--", "cat"];
    expectSaid(await generator(home, ...args), "active");
    await say(server, "echo.send", null, "one\n");
    await countOf(server, "echo.recv", 1);
    expectSaid(await generator(home, "stop", home.store, "echo"), "stopped");
    await say(server, "echo.send", null, "two\n");
    expectSaid(await generator(home, "start", home.store, "echo"), "active");
    expectSaid(await generator(home, "restart", home.store, "echo"), "active");
    await say(server, "echo.send", null, "three\n");
    await countOf(server, "echo.recv", 3);
    expect(await textsOf(server, "echo.recv")).toEqual(["one", "two", "three"]);
    expectSaid(await generator(home, "rm", home.store, "echo"), "removed");
  }));

describe("without a server", () => {
  test("each command says what the next server does, and that does it", async () => {
    using home = new Home();
    const add = (name: string) =>
      home.xs(["handler", "add", home.store, name, "-"], { stdin: COUNT });
    expectSaid(await add("count"), `xs serve ${home.store}`);
    expectSaid(await add("other"), "starts with the next");
    expectSaid(await handler(home, "start", home.store, "count"), "anyway");
    expectSaid(await handler(home, "rm", home.store, "other"), "does not start");
    expect(await rows(home)).toMatchObject({
      count: { state: "stopped", reason: expect.stringContaining("xs serve"), ended: null },
    });
    const serve = async (use: (server: Server) => Promise<void>) => {
      await using server = await startServer(home.store, { env: WITH_NU });
      await use(server);
      await server.stop("SIGTERM");
    };
    await serve(async (server) => {
      await until("it runs", async () => (await rows(home)).count?.state === "active");
      await sayMany(server, "n", 2);
      await countOf(server, "count.out", 2);
      expect(Object.keys(await rows(home))).toEqual(["count"]);
    });
    expectSaid(await handler(home, "stop", home.store, "count"), "does not start", "goes on");
    expect(await rows(home)).toMatchObject({
      count: { state: "stopped", ended: expect.any(String) },
    });
    await serve(async (server) => {
      await sayMany(server, "n", 2, 2);
      expect((await framesOf(server, "count.out")).length).toBe(2);
    });
    expectSaid(await handler(home, "start", home.store, "count"), "starts with the next");
    await serve(async (server) => {
      await countOf(server, "count.out", 4);
      expect(await counts(server)).toEqual([1, 2, 3, 4]);
    });
    expectSaid(await handler(home, "restart", home.store, "count"), "anyway");
    expectSaid(await handler(home, "stop", home.store, "count"), "does not start");
    expectSaid(await handler(home, "rm", home.store, "count"), "removed");
    expect(await rows(home)).toEqual({});
    await serve(async (server) => {
      expect(await rows(home)).toEqual({});
      await until("its state is gone", async () => {
        return (await kvText(server, "stream.cross.handler/count")) === undefined;
      });
      const terminated = await countOf(server, "stream.cross.handler.terminated", 2);
      expect(terminated.map(({ meta }) => meta.topic)).toEqual(["other", "count"]);
    });
  });

  test("a store that is not there is named, but for add, which makes it", async () => {
    using home = new Home();
    for (const verb of ["rm", "stop", "start", "restart", "logs"]) {
      expectFailed(await handler(home, verb, home.store, "x"), 1, "no store");
    }
    expectSaid(
      await home.xs(["generator", "add", home.store, "x", "--", "date"]),
      "made a new store",
      "starts with the next",
    );
  });
});

test("a paused server says that it starts nothing", () =>
  withServer(
    async (home) => {
      const added = await home.xs(["handler", "add", home.store, "count", "-"], { stdin: COUNT });
      expectSaid(added, "--paused");
      expect(await rows(home)).toMatchObject({ count: { state: "paused" } });
      expectSaid(await handler(home, "rm", home.store, "count"), "does not start");
    },
    ["--paused"],
  ));

test("a name that is not there: exit 1, with the names that are", () =>
  withServer(async (home, server) => {
    await spawn(server, "handler", "counter", "export default () => {}");
    await spawn(server, "handler", "alarm", "export default () => {}");
    await spawn(server, "generator", "tick", "exec sleep 100", { runtime: "sh" });
    for (const verb of ["rm", "stop", "start", "restart", "logs"]) {
      expectFailed(await handler(home, verb, home.store, "countr"), 1, "did you mean counter?");
      expectFailed(await handler(home, verb, home.store, "zzz"), 1, "counter, alarm");
      expectFailed(await handler(home, verb, home.store, "tick"), 1, "xs generator");
      expectFailed(await handler(home, verb, home.store), 2, "NAME is missing");
      expectFailed(await handler(home, verb, home.store, "a b"), 2, "a b");
    }
    expectFailed(await home.xs(["handler", "remove", home.store]), 2, "did you mean handler rm?");
  }));

test("ps -a says what failed, is invalid, has finished or was stopped, and why, also after the server", async () => {
  using home = new Home();
  const expected = {
    fails: { kind: "handler", state: "failed", reason: expect.stringContaining("no such thing") },
    wrong: { kind: "handler", state: "invalid", reason: expect.stringContaining("topix") },
    done: { kind: "generator", state: "finished", last_exit: { code: 0, signal: null } },
    broken: { kind: "generator", state: "failed", last_exit: { code: 3, signal: null } },
    held: { kind: "generator", state: "stopped" },
  };
  {
    await using server = await startServer(home.store, { env: WITH_NU });
    await spawn(server, "handler", "fails", COUNT);
    await say(server, "n", { bad: true });
    const add = (kind: string, name: string, stdin: string, ...more: string[]) =>
      home.xs([kind, "add", home.store, name, "-", ...more], { stdin });
    await add("handler", "wrong", "export default { topix: 1, run() {} }");
    await add("generator", "done", "exit 0", "--runtime", "sh", "--restart", "never");
    await add("generator", "broken", "exit 3", "--runtime", "sh", "--restart", "never");
    await add("generator", "held", "exec sleep 100", "--runtime", "sh");
    await add("generator", "runs", "exec sleep 100", "--runtime", "sh");
    await generator(home, "stop", home.store, "held");
    await until("all ended", async () => {
      const all = await rows(home);
      return Object.keys(expected).every((name) => all[name]?.ended);
    });
    expect(await rows(home)).toMatchObject({
      ...expected,
      runs: { state: "active", reason: null },
    });
    expect((await home.ok(["ps", home.store])).trim().split("\n")).toHaveLength(1);
    await using pty = new Pty(["ps", "-a", home.store], { cwd: home.path, columns: 160 });
    expect(await pty.end()).toBe(0);
    const shown = pty.lines.join("\n");
    expect(shown).toMatch(/KIND +NAME +STATE +ENDED .*REASON/);
    expect(shown).toMatch(
      /handler +fails +failed +\d\d:\d\d:\d\d .*no such thing at all \\u\{1b\}/,
    );
    expect(pty.output).not.toContain("\x1b[2J");
    await server.stop("SIGTERM");
  }
  expect(await rows(home)).toMatchObject({ ...expected, runs: { state: "stopped", ended: null } });
  // Each can be started again, once there is a server.
  await using server = await startServer(home.store, { env: WITH_NU });
  expectSaid(await handler(home, "start", home.store, "fails"), "active");
  expectFailed(await handler(home, "start", home.store, "wrong"), 1, "topix");
  expectSaid(await generator(home, "start", home.store, "done"), "active");
  await until("it ran again", async () => {
    const all = await framesOf(server, "stream.cross.generator.finished");
    return all.filter(({ meta }) => meta.topic === "done").length === 2;
  });
});

describe("logs", () => {
  test("what it wrote and what became of it, in order, with local times; -f goes on", () =>
    withServer(async (home, server) => {
      const first = await spawn(server, "handler", "both", COUNT);
      // A generator of the same name writes to the same topic.
      await spawn(server, "generator", "both", "echo 'of the generator' >&2; exec sleep 100", {
        runtime: "sh",
      });
      await sayMany(server, "n", 3);
      await countOf(server, "both.stderr", 4);
      const logs = await home.xs(["handler", "logs", home.store, "both"], { env: { TZ: "UTC" } });
      const lines = logs.stdout.trimEnd().split("\n");
      expect(lines.map((line) => line.slice(21))).toEqual([
        "active",
        "stderr      saw 0",
        "stderr      saw 1",
        "stderr      saw 2",
      ]);
      const [active] = await answers(server, first, "active");
      const { timestampOf } = await import("../../src/core/id.ts");
      const at = new Date(timestampOf(active?.id ?? "")).toISOString().slice(0, 19);
      expect(lines[0]).toStartWith(at.replace("T", " "));
      const of = await home.ok(["generator", "logs", home.store, "both"]);
      expect(of).toContain("of the generator");
      expect(of).not.toContain("saw");
      expect(
        (await home.ok(["handler", "logs", home.store, "both", "--last", "1"])).trim(),
      ).toEndWith("saw 2");
      const json = await home.ok(["handler", "logs", home.store, "both", "--last", "2", "--json"]);
      const frames = json
        .trim()
        .split("\n")
        .map((line) => JSON.parse(line));
      expect(frames).toMatchObject([{ content: "saw 1" }, { content: "saw 2" }]);
      await using follower = home.start([
        "handler",
        "logs",
        home.store,
        "both",
        "-f",
        "--last",
        "1",
      ]);
      expect((await follower.lines.take(1))[0]).toEndWith("saw 2");
      await say(server, "n", { bad: true });
      const [failed, more] = await follower.lines.take(2);
      expect(failed).toMatch(/ failed +on frame [0-9a-z]{25}: no such thing$/);
      expect(more).toStartWith(" ".repeat(33));
      await spawn(server, "handler", "both", COUNT);
      expect((await follower.lines.take(1))[0]).toEndWith("active");
      expectFailed(await handler(home, "logs", home.store, "both", "--last", "x"), 2, "--last");
      await handler(home, "rm", home.store, "both");
      expect(await home.ok(["handler", "logs", home.store, "both"])).toContain("terminated");
    }));

  test("a follower of a name that is not there ends; a skipped frame is there; without a server too", async () => {
    using home = new Home();
    {
      await using server = await startServer(home.store, { env: WITH_NU });
      await spawn(server, "handler", "count", COUNT, { on_error: "skip" });
      expectFailed(await handler(home, "logs", home.store, "nope", "-f"), 1, "there is count");
      await say(server, "n", { bad: true });
      await countOf(server, "count.error", 1);
      await server.stop("SIGTERM");
    }
    const logs = await home.ok(["handler", "logs", home.store, "count"]);
    expect(logs).toMatch(/ error +on frame [0-9a-z]{25}: no such thing\n/);
    expect(logs).toContain("stopped");
    expectFailed(
      await handler(home, "logs", home.store, "count", "-f"),
      1,
      "following needs a server",
    );
  });

  test("with --reconnect they go on over a kill of the server, each line once", async () => {
    using home = new Home();
    let server = await startServer(home.store, { env: WITH_NU });
    try {
      await spawn(server, "handler", "count", COUNT);
      await sayMany(server, "n", 1);
      await countOf(server, "count.stderr", 1);
      const args = ["handler", "logs", home.store, "count", "-f", "--reconnect", "--last", "1"];
      await using follower = home.start(args);
      expect((await follower.lines.take(1))[0]).toEndWith("saw 0");
      await server.stop("SIGKILL");
      server = await startServer(home.store, { env: WITH_NU });
      await sayMany(server, "n", 2, 1);
      const lines = await follower.lines.through((line) => line.endsWith("saw 2"));
      expect(lines.map((line) => line.slice(21))).toEqual([
        "active",
        "stderr      saw 1",
        "stderr      saw 2",
      ]);
    } finally {
      await server.stop("SIGKILL");
    }
  });

  test("a terminal obeys nothing in them", () =>
    withServer(async (home, server) => {
      const script = "printf 'a\\033[2Jb\\n' >&2; exec sleep 100";
      await spawn(server, "generator", "g", script, { runtime: "sh" });
      await countOf(server, "g.stderr", 1);
      await using pty = new Pty(["generator", "logs", home.store, "g"], { cwd: home.path });
      expect(await pty.end()).toBe(0);
      expect(pty.lines.join("\n")).toContain("a\\u{1b}[2Jb");
      expect(pty.output).not.toContain("\x1b[2J");
      const piped = await home.ok(["generator", "logs", home.store, "g"]);
      expect(piped).toContain("a\x1b[2Jb");
    }));
});

describe("what xs serve says", () => {
  test("a line for each event of a processor, not for every restart", async () => {
    using home = new Home();
    await using server = await startServer(home.store, { env: WITH_NU });
    await spawn(server, "handler", "count", COUNT);
    await handler(home, "stop", home.store, "count");
    await handler(home, "start", home.store, "count");
    await say(server, "n", { bad: true });
    await until("it failed", async () => (await rows(home)).count?.state === "failed");
    await home.xs(["handler", "add", home.store, "wrong", "-"], {
      stdin: "export default { topix: 1, run() {} }",
    });
    const falls = await spawn(server, "generator", "falls", "exit 3", { runtime: "sh" });
    await until("restarts", async () => (await answers(server, falls, "restarting")).length > 1);
    await server.stop("SIGTERM");
    const lines = (await server.stderr).split("\n");
    const told = lines.filter((line) => /^(?:xs: )?(?:handler|generator) /.test(line));
    expect(told).toEqual([
      "handler count active",
      "handler count stopped",
      "handler count active",
      expect.stringMatching(
        /^xs: handler count has failed and runs no more: no such thing at all \\u\{1b\}\[2J/,
      ),
      expect.stringMatching(/^handler wrong invalid: .*topix/),
      "generator falls active",
      expect.stringMatching(/^generator falls restarting in 1 s: .*exit code 3/),
      "generator falls stopped",
    ]);
    expect(await server.stderr).not.toContain("\x1b");
  });

  test("colours only on a terminal", async () => {
    using home = new Home();
    await using pty = new Pty(["serve", home.store], { cwd: home.path, env: { XS_NU: NU } });
    await pty.shows("serving");
    const added = await home.xs(["handler", "add", home.store, "count", "-"], { stdin: COUNT });
    expectSaid(added, "active");
    await pty.shows("active");
    expect(pty.output).toContain("handler \x1b[35mcount\x1b[39m active");
    pty.type("\x03");
    await pty.end();
  });
});

test("names are completed, of what runs and what was stopped", () =>
  withServer(async (home, server) => {
    await spawn(server, "handler", "counter", "export default () => {}");
    await spawn(server, "generator", "tick", "exec sleep 100", { runtime: "sh" });
    await handler(home, "stop", home.store, "counter");
    const env = { XS_ADDR: home.store };
    await completes(home, ["handler", "start", "c"], ["counter"], env);
    await completes(home, ["generator", "logs", ""], ["tick"], env);
  }));
