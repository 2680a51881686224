// xs nodes, check, config and forget, and the start of a node on a journal that is not durable: the binary, real servers
// of NATS.

import { Database } from "bun:sqlite";
import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { cpSync, mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { JournalStatus, NodeStatus } from "../../src/core/node-status.ts";
import { Home } from "../cli/run-xs.ts";
import { checkNatsConfig, freePorts, hasNats, NatsServers } from "../support/nats.ts";
import { natsTest } from "../support/nats-test.ts";
import { Pty } from "../support/pty.ts";
import { type Server, startServer } from "../support/server.ts";
import { TEST_MS, until } from "../support/wait.ts";

setDefaultTimeout(TEST_MS);

async function rowsAt(home: Home, store: string): Promise<[NodeStatus[], JournalStatus]> {
  const lines = (await home.ok(["nodes", store])).trim().split("\n");
  const rows = lines.map((line) => JSON.parse(line) as NodeStatus | JournalStatus);
  const journal = rows.pop() as JournalStatus;
  return [rows as NodeStatus[], journal];
}

describe.skipIf(!hasNats)("on one server of NATS", () => {
  let home: Home;
  let nats: NatsServers;
  let a: Server;
  let b: Server;
  const store = (name: string): string => join(home.path, name);

  async function startNode(name: string): Promise<Server> {
    const url = nats.url("verbs");
    return await startServer(store(name), { args: ["--journal", url, "--node", name] });
  }

  beforeAll(async () => {
    home = new Home();
    nats = await NatsServers.start(1);
    a = await startNode("a");
    mkdirSync(store("b"));
    cpSync(join(store("a"), "cluster-key"), join(store("b"), "cluster-key"));
    b = await startNode("b");
    await until("both are known", async () => (await rowsAt(home, store("a")))[0].length === 2);
  });
  afterAll(async () => {
    await a?.[Symbol.asyncDispose]();
    await b?.[Symbol.asyncDispose]();
    await nats?.[Symbol.asyncDispose]();
    home?.[Symbol.dispose]();
  });

  test("xs nodes prints lines of JSON in a pipe, and a table on a terminal", async () => {
    await home.ok(["append", store("b"), "note", "hi"]);
    await until("both have all", async () => {
      const [nodes] = await rowsAt(home, store("b"));
      return nodes.every(({ behind }) => behind === 0);
    });
    const [nodes, journal] = await rowsAt(home, store("b"));
    expect(nodes.map(({ name, role }) => [name, role])).toEqual([
      ["a", "leader"],
      ["b", "follower"],
    ]);
    expect(journal).toMatchObject({ name: "verbs", leader: "a", replicas: 1, reachable: true });
    await using terminal = new Pty(["nodes", store("a")], { cwd: home.path, columns: 140 });
    expect(await terminal.end()).toBe(0);
    const [head = "", one = "", two = "", below = ""] = terminal.lines;
    expect(head).toMatch(/^NAME +ROLE +EPOCH +RECORD +BEHIND/);
    expect(one).toMatch(/^a +leader +1 +\d+ +0 /);
    expect(two).toMatch(/^b +follower +1 +\d+ +0 /);
    expect(below).toMatch(/^journal verbs: records 1 to \d+, on 1 server, last append [\d.]+ ms$/);
  });

  test("xs nodes check says that all is well", async () => {
    const { code, stdout, stderr } = await home.xs(["nodes", "check", store("b")]);
    expect([stderr, code]).toEqual(["", 0]);
    const lines = stdout.trim().split("\n");
    const findings = lines.map((line) => JSON.parse(line) as { ok: boolean; what: string });
    expect(findings.filter(({ ok }) => !ok)).toEqual([]);
    const said = findings.map(({ what }) => what).join("\n");
    for (const what of [/syncs each record/, /a leads/, /node b answers/, /same cluster key/]) {
      expect(said).toMatch(what);
    }
    const url = nats.url("verbs");
    expect((await home.xs(["nodes", "check", "--journal", url])).code).toBe(0);
  });

  test("xs verify --nodes compares both, and a node is built anew from the journal", async () => {
    await home.ok(["append", store("b"), "note", "compared"]);
    const alike = await home.xs(["verify", store("b"), "--nodes"]);
    expect([alike.stdout, alike.code]).toEqual(["", 0]);
    expect(alike.stderr).toMatch(/2 nodes compared at record \d+/);
    await b.stop("SIGTERM");
    const alone = await home.xs(["verify", store("a"), "--nodes"]);
    expect([alone.stdout, alone.code]).toEqual([expect.stringContaining("b: "), 1]);
    expect(alone.stderr).toMatch(/1 of 2 nodes compared at record \d+/);
    const db = new Database(join(store("b"), "events.db"));
    db.run("UPDATE frames SET line = replace(line, 'note', 'nope')");
    db.close();
    b = await startNode("b");
    const differ = await home.xs(["verify", store("a"), "--nodes"]);
    expect(differ.code).toBe(1);
    expect(differ.stdout).toMatch(/^a: its frames differ .*\nb: its frames differ .*events\.db\*/);
    await b.stop("SIGTERM");
    for (const end of ["", "-wal", "-shm", "-mark"]) {
      rmSync(join(store("b"), `events.db${end}`), { force: true });
    }
    b = await startNode("b");
    await until("b has all again", async () => {
      const [nodes] = await rowsAt(home, store("a"));
      return nodes.every(({ behind, role }) => behind === 0 && role !== "away");
    });
    expect((await home.xs(["verify", store("a"), "--nodes"])).code).toBe(0);
  });

  test("a key that was lost, a node that is gone, and what to do", async () => {
    rmSync(join(store("b"), "cluster-key"));
    const lost = await home.xs(["nodes", "check", store("a")]);
    expect(lost.code).toBe(1);
    expect(lost.stdout).toMatch(/b: the file cluster-key is missing.*"mend":"copy the file/);
    cpSync(join(store("a"), "cluster-key"), join(store("b"), "cluster-key"));
    await a.stop("SIGKILL");
    const [before] = await rowsAt(home, store("b"));
    expect(before[0]).toMatchObject({ name: "a", role: "away", problem: "it does not answer" });
    await until("b leads", async () => (await rowsAt(home, store("b")))[0][1]?.role === "leader");
    await using terminal = new Pty(["nodes", "check", store("b")], {
      cwd: home.path,
      columns: 140,
    });
    expect(await terminal.end()).toBe(1);
    expect(terminal.lines.join("\n")).toMatch(
      /mend the node a does not answer\n {5}start its server, or, .* xs nodes forget a\n/,
    );
    const present = await home.xs(["nodes", "forget", store("b"), "b"]);
    expect([present.code, present.stderr]).toEqual([1, expect.stringMatching(/b answers/)]);
    await home.ok(["nodes", "forget", store("b"), "a"]);
    const [after] = await rowsAt(home, store("b"));
    expect(after.map(({ name }) => name)).toEqual(["b"]);
    const unknown = await home.xs(["nodes", "forget", store("b"), "a"]);
    expect([unknown.code, unknown.stderr]).toEqual([1, expect.stringMatching(/xs nodes {2}lists/)]);
    // A second start has more to say than the first.
    a = await startNode("a");
    await until("a is back", async () => (await rowsAt(home, store("b")))[0].length === 2);
  });

  test("without its server, a node says how to start it", async () => {
    await b.stop("SIGTERM");
    expect(await b.stderr).toMatch(/serving .*\/b as the node b of the journal verbs \(.*\)\n/);
    expect(await b.stderr).toMatch(/the node a leads \(epoch \d+\)\n/);
    await until("a leads", async () => (await rowsAt(home, store("a")))[1].leader === "a");
    const { code, stderr } = await home.xs(["nodes", store("b")]);
    expect([code, stderr]).toEqual([1, expect.stringMatching(/xs serve .*\/b --journal URL/)]);
    b = await startNode("b");
  });
});

natsTest("a node does not start on a journal that is not durable, or cannot be asked", async () => {
  using home = new Home();
  await using nats = await NatsServers.start(1, { syncInterval: "2m" });
  const serve = ["serve", home.store, "--journal"];
  const lazy = await home.xs([...serve, nats.url("lazy")]);
  expect(lazy.code).toBe(1);
  expect(lazy.stderr).toMatch(/syncs to disk only every 120 s.*sync_interval: always/s);
  expect(lazy.stderr).toMatch(/--unsafe-journal/);
  const [nothing = 0] = await freePorts(1);
  const silent = await home.xs([
    ...serve,
    nats.url("lazy").replace(/monitor=.*/, `monitor=${nothing}`),
  ]);
  expect(silent.code).toBe(1);
  expect(silent.stderr).toMatch(/monitoring port http:.* does not answer.*http: "HOST:8222"/s);
  const check = await home.xs(["nodes", "check", "--journal", nats.url("lazy")]);
  expect([check.code, check.stdout]).toEqual([1, expect.stringMatching(/"ok":false/)]);
  await using node = await startServer(home.store, {
    args: ["--journal", nats.url("lazy"), "--unsafe-journal"],
  });
  await until("it leads", async () => (await rowsAt(home, node.directory))[1].leader !== null);
  expect((await home.xs(["nodes", "check", home.store])).code).toBe(1);
});

natsTest("xs nodes config prints a configuration that nats-server takes", async () => {
  using home = new Home();
  const one = await home.ok(["nodes", "config", "notes"]);
  expect(checkNatsConfig(one)).toBe("");
  expect(one).toMatch(/sync_interval: always/);
  const hosts = "10.0.0.1,10.0.0.2,10.0.0.3";
  const second = await home.ok([
    ...["nodes", "config", "notes", "--servers", hosts, "--at", "10.0.0.2"],
  ]);
  expect(checkNatsConfig(second)).toBe("");
  expect(second).toMatch(/server_name: "notes-2"/);
  writeFileSync(join(home.path, "nats.conf"), second);
});

test("no command makes a store of one machine in the directory of a node", async () => {
  using home = new Home();
  mkdirSync(home.store, { mode: 0o700 });
  writeFileSync(join(home.store, "cluster-key"), `${"0".repeat(64)}\n`, { mode: 0o600 });
  for (const args of [
    ["append", home.store, "note", "hi"],
    ["serve", home.store],
  ]) {
    const { code, stderr } = await home.xs(args);
    expect([code, stderr]).toEqual([1, expect.stringMatching(/xs serve .* --journal URL/)]);
  }
});

test("xs nodes config refuses what makes no sense; xs nodes refuses a store on one machine", async () => {
  using home = new Home();
  for (const [args, why] of [
    [["notes", "--servers", "a,b"], /one machine, or three or five/],
    [["notes", "--servers", "a,a,b"], /twice/],
    [["notes", "--servers", "a:4222"], /without ports/],
    [["notes", "--at", "b"], /name one of 127.0.0.1/],
    [["no tes"], /letters, digits/],
    [[], /NAME/],
  ] as const) {
    const { code, stderr } = await home.xs(["nodes", "config", ...args]);
    expect([args, code, stderr]).toEqual([args, 2, expect.stringMatching(why)]);
  }
  await home.ok(["append", home.store, "note", "hi"]);
  const { code, stderr } = await home.xs(["nodes", home.store]);
  expect([code, stderr]).toEqual([1, expect.stringMatching(/on one machine.*docs\/nodes\.md/)]);
});
