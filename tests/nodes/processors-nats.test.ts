// Processors on several nodes, with the binary and a real server of NATS: a leader that is frozen, a clean stop of one,
// and a start while the journal is out of reach.
import { afterAll, beforeAll, expect, setDefaultTimeout } from "bun:test";
import { cpSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import { hasNats, NatsServers } from "../support/nats.ts";
import { natsTest } from "../support/nats-test.ts";
import { type AnyFrame, countOf, framesOf, say, spawn, statuses } from "../support/processors.ts";
import { type Server, startServer } from "../support/server.ts";
import { tempDirectory } from "../support/temp.ts";
import { TEST_MS, until } from "../support/wait.ts";

setDefaultTimeout(TEST_MS);

let nats: NatsServers;
beforeAll(async () => {
  if (hasNats) nats = await NatsServers.start(1);
});
afterAll(async () => {
  await nats?.[Symbol.asyncDispose]();
});

/** Nodes of one store, each a process. */
class Nodes implements AsyncDisposable {
  readonly #home = tempDirectory();
  readonly #journal: string;
  readonly #all = new Map<string, Server>();

  constructor(journal: string) {
    this.#journal = journal;
  }

  async start(name: string, ...args: string[]): Promise<Server> {
    const path = join(this.#home.path, name);
    const [first] = this.#all.values();
    if (first && !this.#all.has(name)) {
      mkdirSync(path);
      cpSync(join(first.directory, "cluster-key"), join(path, "cluster-key"));
    }
    const all = ["--journal", nats.url(this.#journal), "--node", name, ...args];
    const server = await startServer(path, { args: all });
    this.#all.set(name, server);
    return server;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const server of this.#all.values()) {
      signal(server, "SIGCONT");
      await server[Symbol.asyncDispose]();
    }
    this.#home[Symbol.dispose]();
  }
}

/** Sends a signal to a process. Returns false where it is gone. */
function signal({ pid }: { readonly pid: number }, name: NodeJS.Signals | 0): boolean {
  try {
    return process.kill(pid, name);
  } catch {
    return false;
  }
}

/** The node that leads, as a node knows it. */
async function leaderAt(server: Server): Promise<string | undefined> {
  const text = await (await server.fetch("/-/nodes")).text();
  const rows = text
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line)) as AnyFrame["meta"][];
  return rows.find(({ role }) => role === "leader")?.name;
}

function leads(server: Server, name: string): Promise<unknown> {
  return until(`${name} leads`, async () => (await leaderAt(server)) === name);
}

const SUMS = `export default {
  topics: ["n"],
  start: "first",
  initial: 0,
  async run(frame, state, xs) {
    if (frame.meta.gate) while (!(await Bun.file(frame.meta.gate).exists())) await Bun.sleep(20);
    const sum = state + frame.meta.n;
    await xs.kv.put("sum", String(sum));
    return { out: { n: frame.meta.n, sum }, next: sum };
  },
}`;

natsTest(
  "what runs on a node that leads no more ends there, without a word of failure",
  async () => {
    await using nodes = new Nodes("frozen");
    const a = await nodes.start("a");
    await leads(a, "a");
    const b = await nodes.start("b");
    await spawn(a, "handler", "sums", SUMS);
    await spawn(a, "generator", "talks", "while :; do echo; sleep 0.1; done", { runtime: "sh" });
    await countOf(a, "talks.recv", 1);
    const pids = (await statuses(a)).map(({ pid }) => ({ pid: Number(pid) }));
    const gate = join(a.directory, "gate");
    await say(a, "n", { n: 1, gate });
    // Its script has the frame, and goes on while the node is frozen.
    await until("the other node has the frame", async () => (await framesOf(b, "n")).length === 1);
    signal(a, "SIGSTOP");
    await leads(b, "b");
    await Bun.write(gate, "");
    await countOf(b, "sums.out", 1);
    for (const each of pids) expect(signal(each, 0)).toBe(true);
    signal(a, "SIGCONT");
    for (const each of pids) await until("its script has ended", () => !signal(each, 0));
    await say(a, "n", { n: 2 });
    const outs = await countOf(a, "sums.out", 2);
    expect(outs.map(({ meta }) => meta.sum)).toEqual([1, 3]);
    const rows = await statuses(a);
    expect(rows.map(({ name, state, node }) => [name, state, node]).sort()).toEqual([
      ["sums", "active", "b"],
      ["talks", "active", "b"],
    ]);
    const said = (await framesOf(a, "stream.cross.*")).map(({ topic }) => topic.split(".").at(-1));
    expect([...new Set(said)].sort()).toEqual(["active", "spawn", "start"]);
    expect(await a.stop("SIGTERM")).toBe(0);
    const stderr = await a.stderr;
    expect(stderr).toContain("the node a does not lead any more");
    expect(stderr).not.toMatch(/xs: |not_leader|failed/);
  },
);

natsTest("a node with --paused leads and runs nothing, and says so on every node", async () => {
  await using nodes = new Nodes("paused");
  const a = await nodes.start("a", "--paused");
  await leads(a, "a");
  const b = await nodes.start("b");
  await say(b, "stream.cross.handler.spawn", { topic: "sums" }, SUMS);
  for (const server of [a, b]) {
    const rows = await until("a row", async () => {
      const found = await statuses(server);
      return found.length > 0 && found;
    });
    expect(rows).toMatchObject([{ name: "sums", state: "paused", node: "a" }]);
    const text = await (await server.fetch("/ps?all=true")).text();
    expect(JSON.parse(text).reason).toBe("the node a leads and runs with --paused");
  }
  expect(await a.stop("SIGTERM")).toBe(0);
  await countOf(b, "stream.cross.handler.active", 1);
  expect(await statuses(b)).toMatchObject([{ name: "sums", state: "active", node: "b" }]);
  expect(await a.stderr).toContain("the node a leads (epoch 1)");
  const starts = await framesOf(b, "stream.cross.start");
  expect(starts.map(({ meta }) => [meta.node, meta.paused])).toEqual([
    ["a", true],
    ["b", undefined],
  ]);
  const stops = await framesOf(b, "stream.cross.stop");
  expect(stops.map(({ meta }) => meta)).toEqual([{ reason: "SIGTERM", node: "a" }]);
});

natsTest("nodes are restarted one after the other, and no write is lost", async () => {
  await using nodes = new Nodes("rolling");
  const a = await nodes.start("a");
  await leads(a, "a");
  let servers = [a, await nodes.start("b"), await nodes.start("c")];
  await spawn(a, "handler", "sums", SUMS);
  let isOver = false;
  let written = 0;
  let longest = 0;
  const write = async () => {
    while (!isOver) {
      const key = crypto.randomUUID();
      const start = performance.now();
      for (let at = written; ; at++) {
        const server = servers[at % 3] as Server;
        const headers = { "idempotency-key": key, "xs-meta": JSON.stringify({ n: written }) };
        const done = await server
          .fetch("/stream/n", { method: "POST", headers, signal: AbortSignal.timeout(20_000) })
          .then((response) => response.ok)
          .catch(() => false);
        if (done) break;
        await Bun.sleep(20);
      }
      longest = Math.max(longest, performance.now() - start);
      written++;
    }
  };
  const writing = write();
  for (const [i, name] of ["a", "b", "c"].entries()) {
    const before = written;
    await until("some writes", () => written > before + 20);
    expect(await (servers[i] as Server).stop("SIGTERM")).toBe(0);
    const again = await nodes.start(name);
    servers = servers.with(i, again);
  }
  isOver = true;
  await writing;
  if (process.env.XS_SHOW_PAUSES)
    process.stderr.write(`${written} writes, the longest took ${Math.round(longest)} ms\n`);
  const outs = await countOf(servers[0] as Server, "sums.out", written);
  expect(outs.map(({ meta }) => meta.n)).toEqual([...Array(written).keys()]);
});

natsTest(
  "a node that was one before starts and is read while the journal is out of reach",
  async () => {
    await using alone = await NatsServers.start(1);
    using home = tempDirectory();
    const path = join(home.path, "store");
    const args = ["--journal", alone.url("late"), "--node", "late"];
    {
      await using server = await startServer(path, { args });
      await until("it takes writes", () => server.append("note", "before").catch(() => undefined));
      expect(await server.stop("SIGTERM")).toBe(0);
    }
    await alone.kill(0);
    await using server = await startServer(path, { args });
    expect((await framesOf(server, "note")).length).toBe(1);
    const refused = await server.fetch("/stream/note", { method: "POST", body: "meanwhile" });
    expect(refused.status).toBe(503);
    expect(await refused.json()).toMatchObject({ code: "journal_unreachable" });
    await alone.start(0);
    await until("it takes writes", () => server.append("note", "after").catch(() => undefined));
    const starts = await countOf(server, "stream.cross.start", 2);
    expect(starts.map(({ meta }) => meta.node)).toEqual(["late", "late"]);
    expect(await server.stop("SIGTERM")).toBe(0);
    expect(await server.stderr).toContain("the journal is out of reach");
  },
);
