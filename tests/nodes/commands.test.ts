// The command line at the nodes of a store: the binary, and a real server of NATS.

import { Database } from "bun:sqlite";
import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  readFileSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import type { Frame } from "../../src/core/frame.ts";
import { Home } from "../cli/run-xs.ts";
import { hasNats, NatsServers } from "../support/nats.ts";
import { Pty } from "../support/pty.ts";
import { RealNodes } from "../support/real-nodes.ts";
import { parseLines, startServer } from "../support/server.ts";
import { LineReader, TEST_MS, until } from "../support/wait.ts";

setDefaultTimeout(TEST_MS * 2);

describe.skipIf(!hasNats)("commands at nodes", () => {
  let home: Home;
  let nats: NatsServers;
  let nodes: RealNodes;
  /** The directories of a node that leads, and of one that does not. */
  let leads: string;
  let follows: string;

  async function findLeader(): Promise<number> {
    const at = await nodes.leader();
    leads = nodes.directory(at);
    follows = nodes.directory(1 - at);
    return at;
  }

  beforeAll(async () => {
    home = new Home();
    nats = await NatsServers.start(1);
    nodes = await RealNodes.start({ journal: () => nats.url("commands"), count: 2 });
    await findLeader();
  });
  afterAll(async () => {
    await nodes?.[Symbol.asyncDispose]();
    await nats?.[Symbol.asyncDispose]();
    home?.[Symbol.dispose]();
  });

  const framesOf = async (topic: string, at = leads) =>
    parseLines(await home.ok(["cat", at, "--topic", topic]));

  test("XS_SESSION lets each command see what those before it wrote, on any node", async () => {
    const session = join(home.path, "session");
    const env = { XS_SESSION: session };
    for (let n = 0; n < 5; n++) {
      for (const [write, read] of [
        [follows, leads],
        [leads, follows],
      ] as const) {
        const line = await home.ok(["append", write, "note", `${n}`], { env });
        expect(await home.ok(["last", read, "note"], { env })).toBe(line);
        await home.ok(["kv", "put", write, "k", `${n}`], { env });
        expect(await home.ok(["kv", "get", read, "k"], { env })).toBe(`${n}`);
        await home.ok(["kv", "delete", write, "k"], { env });
        expect((await home.xs(["kv", "get", read, "k"], { env })).code).toBe(1);
      }
    }
    const record = Number(readFileSync(session, "utf8"));
    expect(record).toBeGreaterThan(25);
    // What may be a file of the user's stays as it is.
    writeFileSync(session, "dear diary\n");
    const { code, stderr } = await home.xs(["append", leads, "note"], { env });
    expect([code, stderr]).toEqual([1, expect.stringContaining("name a new file")]);
    expect(readFileSync(session, "utf8")).toBe("dear diary\n");
    writeFileSync(session, `${record}\n`);
    const elsewhere = await home.xs(["append", "./alone", "note"], { env });
    expect([elsewhere.code, elsewhere.stderr]).toEqual([
      1,
      expect.stringContaining("has none: send the request to a node"),
    ]);
  });

  test("a local store pays nothing: no session, no answer that is kept", async () => {
    const session = join(home.path, "local-session");
    const store = join(home.path, "local");
    await using server = await startServer(store);
    for (const address of [store, await server.listensAt("expose")].filter((at) => at !== "")) {
      await home.ok(["append", address, "note", "hi"], { env: { XS_SESSION: session } });
      await home.ok(["kv", "put", address, "k", "1"], { env: { XS_SESSION: session } });
    }
    expect(existsSync(session)).toBe(false);
    using db = new Database(join(store, "events.db"), { readonly: true });
    expect(db.query("SELECT count(*) AS n FROM answers").get()).toEqual({ n: 0 });
  });

  test("verbs that ask several times work at a node that does not lead", async () => {
    const env = { XS_ADDR: follows };
    await home.ok(["on", "ping", "--name", "ping", "cat > /dev/null; echo pong"], { env });
    expect(await home.ok(["ps"], { env })).toContain('"name":"ping"');
    await home.ok(["append", "ping", "1"], { env });
    await until("its answer", async () => (await framesOf("ping.out", follows)).length === 1);
    await home.ok(["handler", "rm", "ping"], { env });
    await home.ok(["append", "--batch"], { env, stdin: '{"topic":"many"}\n{"topic":"many"}\n' });
    await home.ok(["append", "slow", "--chunked", "lines"], { env, stdin: "a\nb\n" });
    await home.ok(["keep", "many", "1"], { env });
    expect(await home.ok(["keep"], { env })).toContain("many");
    await home.ok(["keep", "many", "--off"], { env });
    await home.ok(["append", "later", "x", "--in", "1d"], { env });
    const { scheduled } = JSON.parse(await home.ok(["scheduled"], { env })) as {
      scheduled: string;
    };
    await home.ok(["scheduled", "rm", scheduled], { env });
    expect(await home.ok(["scheduled"], { env })).toBe("");
    const [frame] = parseLines(await home.ok(["append", "gone", "x"], { env }));
    await home.ok(["remove", frame?.id ?? ""], { env });
    expect((await home.xs(["get", frame?.id ?? ""], { env })).code).toBe(1);
    expect(await home.ok(["cas-post"], { env, stdin: "bytes" })).toMatch(/^sha256-/);
    await home.ok(["verify"], { env });
    expect(await home.ok(["sql", "SELECT 1 AS one", "--json"], { env })).toContain('"one":1');
    for (const refused of [["gc"], ["forget", "gone", "--yes"], ["import"]]) {
      const stdin = refused[0] === "import" ? await home.ok(["cat", leads, "--limit", "1"]) : "";
      const { code, stderr } = await home.xs(refused, { env, stdin });
      expect([refused[0], code, stderr]).toEqual([
        refused[0],
        1,
        expect.stringMatching(/node [ab], which leads/),
      ]);
    }
  });

  test("appends go on while the leader is killed, each once", async () => {
    const at = await findLeader();
    const contents = Array.from({ length: 12 }, (_, n) => `${n}`);
    const killed = Bun.sleep(300).then(() => nodes.stop(at, "SIGKILL"));
    const batch = '{"topic":"steady.batch"}\n{"topic":"steady.batch"}\n';
    for (const content of contents) {
      await home.ok(["append", follows, "steady.one", content, "--meta", content]);
      await home.ok(["append", follows, "--batch"], { stdin: batch });
      await home.ok(["kv", "put", follows, "steady", content, "--type", "text/plain"]);
    }
    await killed;
    const metas = (await framesOf("steady.one", follows)).map(({ meta }) => `${meta}`);
    expect(metas).toEqual(contents);
    expect(await framesOf("steady.batch", follows)).toHaveLength(2 * contents.length);
    expect(await home.ok(["kv", "get", follows, "steady"])).toBe("11");
    await nodes.start(at);
    await findLeader();
  });

  test("a write to a node that dies with it is done once, by the same node when it is back", async () => {
    const at = await findLeader();
    const other = 1 - at;
    nodes.freeze(other);
    const appends = [1, 2, 3].map((n) =>
      home.xs(["append", follows, "again", `${n}`, "--meta", `${n}`]),
    );
    const put = home.xs(["kv", "put", follows, "again", "x"]);
    // They have sent it, or will find nobody there and wait for whoever has the store.
    await Bun.sleep(300);
    await nodes.stop(other, "SIGKILL");
    // Whoever has the key may run code on the nodes: a copy that others can read is closed.
    chmodSync(join(follows, "cluster-key"), 0o644);
    await nodes.start(other);
    expect(statSync(join(follows, "cluster-key")).mode & 0o777).toBe(0o600);
    for (const { code, stderr } of [...(await Promise.all(appends)), await put]) {
      expect([code, stderr]).toEqual([0, ""]);
    }
    const metas = (await framesOf("again")).map(({ meta }) => meta as number);
    expect(metas.toSorted()).toEqual([1, 2, 3]);
  });

  test("without the journal a write tries for a while, says what is known, and how to go on", async () => {
    await findLeader();
    await home.ok(["append", follows, "cut", "before"]);
    await nats.kill(0);
    await using terminal = new Pty(["append", leads, "cut", "seen"], { cwd: home.path });
    const writes = [
      home.xs(["append", leads, "cut", "one"]),
      home.xs(["append", follows, "cut", "two"]),
      home.xs(["kv", "put", follows, "cut", "v"]),
      home.xs(["append", leads, "cut", "--chunked", "lines"], { stdin: "a\n" }),
    ];
    // Reads go on.
    expect(await framesOf("cut", follows)).toHaveLength(1);
    await terminal.shows(/this command waits, and tries again/);
    const outcomes = await Promise.all(writes);
    await nats.start(0);
    for (const [n, { code, stdout, stderr }] of outcomes.entries()) {
      expect(stdout).toBe("");
      expect([1, 3]).toContain(code);
      if (code === 1) {
        // What comes as a stream is not sent again.
        expect(stderr).toContain(n === 3 ? "nothing is written" : "nothing was written");
        continue;
      }
      expect(stderr).toContain("whether this was written is not known");
      if (n === 3) continue;
      const [, key = ""] = /--idempotency-key (\S+)/.exec(stderr) ?? [];
      const args = [
        ["append", leads, "cut", "one"],
        ["append", follows, "cut", "two"],
        ["kv", "put", follows, "cut", "v"],
      ][n] as string[];
      await home.ok([...args, "--idempotency-key", key]);
    }
    // The leader had the first on its way when the journal went.
    expect(outcomes.some(({ code }) => code === 3)).toBe(true);
    const contents = await Promise.all(
      (await framesOf("cut")).map(({ id }) => home.ok(["content", leads, id])),
    );
    for (const once of ["one", "two"]) {
      expect(contents.filter((content) => content === once).length).toBeLessThanOrEqual(1);
    }
  });

  test("ephemeral content above a message of NATS reaches who follows another node, and ends nothing", async () => {
    const at = await findLeader();
    const [leader, follower] = [nodes.server(at), nodes.server(1 - at)];
    const reader = new LineReader((await leader.fetch("/?follow&tail&topic=passing")).body);
    await reader.through((line) => line.includes("stream.cross.threshold"));
    const content = "x".repeat(10_000_000);
    for (const server of [follower, leader]) {
      const { id } = await server.append("passing?ttl=ephemeral", content);
      await reader.through((line) => line.includes(id));
    }
    const back = new LineReader((await follower.fetch("/?follow&tail&topic=passing")).body);
    await back.through((line) => line.includes("stream.cross.threshold"));
    const { id } = await leader.append("passing?ttl=ephemeral", `${content}y`);
    const [line = ""] = (await back.through((each) => each.includes(id))).slice(-1);
    const stored = await follower.fetch(`/cas/${(JSON.parse(line) as Frame).hash}`);
    expect((await stored.text()).length).toBe(content.length + 1);
    expect(await nodes.leader()).toBe(at);
  });

  test("a second node with the name of one that answers does not start, and keeps nothing of it", async () => {
    const directory = join(home.path, "twin");
    mkdirSync(directory, { mode: 0o700 });
    copyFileSync(join(leads, "cluster-key"), join(directory, "cluster-key"));
    const epoch = nodes.state(0)?.leader?.epoch;
    const journal = ["--journal", nats.url("commands")];
    const twin = await home.xs(["serve", directory, ...journal, "--node", "a"]);
    expect([twin.code, twin.stderr]).toEqual([
      1,
      expect.stringMatching(/a node named a answers already, on the machine .*--node/s),
    ]);
    // The same name again, this time in a copy of a directory.
    writeFileSync(join(directory, "node"), "b\n");
    const copy = await home.xs(["serve", directory, ...journal]);
    expect([copy.code, copy.stderr]).toEqual([1, expect.stringContaining("copy")]);
    expect(existsSync(join(directory, "events.db"))).toBe(false);
    // Who serves the directory twice learns that, and not of a name.
    const twice = await home.xs(["serve", follows, ...journal]);
    expect([twice.code, twice.stderr]).toEqual([1, expect.stringContaining("served already")]);
    expect(nodes.state(0)?.leader?.epoch).toBe(epoch);
  });

  test("a directory that is to be a node, and has no record yet, is read and not written", async () => {
    const directory = join(home.path, "early");
    mkdirSync(directory, { mode: 0o700 });
    writeFileSync(join(directory, "cluster-key"), `${"1".repeat(64)}\n`, { mode: 0o600 });
    const journal = ["--journal", nats.url("commands")];
    const wrong = await home.xs(["serve", directory, ...journal, "--node", "early"]);
    expect([wrong.code, wrong.stderr]).toEqual([1, expect.stringContaining("cluster-key")]);
    for (const args of [
      ["append", directory, "note", "lost"],
      ["kv", "put", directory, "k", "1"],
    ]) {
      const { code, stdout, stderr } = await home.xs(args);
      expect([code, stdout, stderr]).toEqual([1, "", expect.stringContaining("--journal URL")]);
    }
    const alone = await home.xs(["serve", directory]);
    expect([alone.code, alone.stderr]).toEqual([1, expect.stringContaining("--journal URL")]);
    expect(await home.ok(["cat", directory])).toBe("");
  });

  test("the directory of a node that no server has open is read, and not written", async () => {
    await findLeader();
    const server = nodes.server(nodes.directory(0) === follows ? 0 : 1);
    const record = (await server.fetch("/version")).headers.get("xs-record") ?? "";
    const id = (await framesOf("note", follows))[0]?.id ?? "";
    expect(await server.stop("SIGTERM")).toBe(0);
    const env = { XS_ADDR: follows };
    for (const reads of [
      ["cat", "--limit", "1"],
      ["tac", "--limit", "1"],
      ["last", "note"],
      ["first"],
      ["get", id],
      ["next", id],
      ["content", id],
      ["kv", "list"],
      ["topics"],
      ["why", id],
      ["ps"],
      ["info"],
      ["keep"],
      ["scheduled"],
      ["export", "-"],
      ["verify"],
      ["gc", "--dry-run"],
      ["forget", "note", "--dry-run"],
      ["sql", "SELECT count(*) FROM frames"],
      ["eval", "-"],
    ]) {
      const { code, stderr } = await home.xs(reads, { env, stdin: "export default () => 1" });
      expect([reads[0], code, stderr]).toEqual([reads[0], 0, expect.any(String)]);
    }
    for (const writes of [
      ["append", "note", "x"],
      ["append", "--batch"],
      ["append", "note", "--chunked", "lines"],
      ["kv", "put", "k", "1"],
      ["kv", "delete", "k"],
      ["remove", id],
      ["keep", "note", "1"],
      ["append", "note", "x", "--in", "1d"],
      ["forget", "note", "--yes"],
      ["gc"],
      ["import"],
      ["on", "note", "cat"],
      ["handler", "add", "h", "script.ts"],
      ["cas-post"],
    ]) {
      writeFileSync(join(home.path, "script.ts"), "export default { run: () => {} }");
      const stdin =
        writes[0] === "import"
          ? '{"topic":"a","id":"03hb7eruu0v09mgtj09qd65j6","hash":null,"meta":null,"ttl":"forever"}'
          : '{"topic":"a"}\n';
      const { code, stdout, stderr } = await home.xs(writes, { env, stdin });
      expect([writes.join(" "), code, stdout, stderr]).toEqual([
        writes.join(" "),
        1,
        "",
        expect.stringContaining("--journal nats://"),
      ]);
    }
    // What it has, it has; no other record comes.
    const session = join(home.path, "still");
    writeFileSync(session, record);
    await home.ok(["last", "note"], { env: { ...env, XS_SESSION: session } });
    writeFileSync(session, "1000000");
    const late = await home.xs(["last", "note"], { env: { ...env, XS_SESSION: session } });
    expect([late.code, late.stderr]).toEqual([1, expect.stringContaining("start it with")]);
  });
});
