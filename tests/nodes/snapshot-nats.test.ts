// The way of a store on the binary with a real server of NATS: from one machine into a journal, to a second node, through
// gc --erase, and to a third one while 32 writers go on.
import { expect, setDefaultTimeout } from "bun:test";
import { cpSync, mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { hashOf } from "../../src/core/hash.ts";
import { Home } from "../cli/run-xs.ts";
import { NatsServers } from "../support/nats.ts";
import { natsTest } from "../support/nats-test.ts";
import { type Server, startServer } from "../support/server.ts";
import { filesBelow } from "../support/temp.ts";
import { TEST_MS, until } from "../support/wait.ts";

/** How many servers of NATS. Three forget what was erased from the logs of their cluster some minutes later. */
const SERVERS = Number(process.env.XS_WAY_SERVERS ?? 1);
const FORGET_MS = SERVERS > 1 ? 10 * 60_000 : 30_000;

setDefaultTimeout(TEST_MS + FORGET_MS);

function filesWith(text: string, folder: string): string[] {
  return filesBelow(folder).filter((name) => readFileSync(join(folder, name)).includes(text));
}

async function exported(server: Server): Promise<string> {
  return hashOf(await (await server.fetch("/export")).bytes());
}

async function areEqual(one: Server, other: Server): Promise<void> {
  await until("both have the same", async () => (await exported(one)) === (await exported(other)));
}

natsTest("a store moves in, is erased from, and goes to new nodes while others write", async () => {
  await using nats = await NatsServers.start(SERVERS);
  using home = new Home();
  await using stack = new AsyncDisposableStack();
  const store = (name: string) => join(home.path, name);
  const start = async (name: string) => {
    const args = ["--journal", nats.url("way"), "--node", name];
    return stack.use(await startServer(store(name), { args }));
  };
  const join_ = (name: string) => {
    mkdirSync(store(name));
    cpSync(join(store("a"), "cluster-key"), join(store(name), "cluster-key"));
    return start(name);
  };

  // On one machine, killed.
  const local = await startServer(store("a"));
  for (let n = 0; n < 20; n++) await local.append("note", `note ${n}`);
  await local.append("file", "x".repeat(200_000));
  await local.stop("SIGKILL");
  const a = await start("a");
  await until("it writes", () => a.append("moved").catch(() => undefined));
  const b = await join_("b");
  await areEqual(a, b);
  expect(await b.frames("/?topic=note")).toHaveLength(20);

  await until("both belong", async () =>
    (await home.ok(["nodes", store("a")])).includes('"name":"b"'),
  );

  // Removed, and erased: the leader is where the journal began.
  const secret = crypto.randomUUID();
  const ids: string[] = [];
  for (let n = 0; n < 10; n++) {
    const meta = { "xs-meta": JSON.stringify({ secret }) };
    ids.push((await b.append("secret", `${secret} ${n}`, meta)).id);
  }
  ids.push((await b.append("secret", secret.repeat(20_000))).id);
  await until("both have it", () => filesWith(secret, store("a")).length > 0);
  for (const id of ids) await home.ok(["remove", store("b"), id]);
  const servers = Array.from({ length: SERVERS }, (_, i) => nats.folder(i));
  for (const folder of servers) expect(filesWith(secret, folder)).not.toEqual([]);
  const answer = JSON.parse(await home.ok(["gc", "--erase", store("a")])) as object;
  expect(answer).toMatchObject({ erased: { nodes: ["a", "b"], pending: [] } });
  for (const name of ["a", "b"]) expect(filesWith(secret, store(name))).toEqual([]);
  const erased = Date.now();
  for (const folder of servers) {
    for (let left = filesWith(secret, folder); left.length > 0; left = filesWith(secret, folder)) {
      if (Date.now() - erased > FORGET_MS) throw new Error(`it is in ${left.join()} of ${folder}`);
      await Bun.sleep(1000);
    }
  }
  if (SERVERS > 1) {
    const seconds = Math.round((Date.now() - erased) / 1000);
    process.stderr.write(`the servers of NATS had forgotten it ${seconds} s later\n`);
  }
  const elsewhere = await home.xs(["gc", "--erase", store("b")]);
  expect(elsewhere.code).toBe(1);
  expect(elsewhere.stderr).toContain("a, which leads");
  await areEqual(a, b);

  // A new node, from the snapshot, while others write.
  let isOver = false;
  const written: string[] = [];
  const writers = Array.from({ length: 32 }, async (_, writer) => {
    for (let n = 0; !isOver; n++) {
      written.push((await (writer % 2 ? a : b).append(`w.${writer}`, `${writer} ${n}`)).id);
    }
  });
  const c = await join_("c");
  const joined = written.length;
  await until("they went on", () => written.length > joined + 100);
  isOver = true;
  await Promise.all(writers);
  await areEqual(a, c);
  const there = new Set((await c.frames("/?topic=w.*")).map(({ id }) => id));
  expect(written.filter((id) => !there.has(id))).toEqual([]);
  for (const name of ["a", "b", "c"]) expect((await home.xs(["verify", store(name)])).code).toBe(0);

  // A batch of the most frames, through a node that does not lead, in a record above the limit of a message.
  const lines = Array.from({ length: 5000 }, (_, n) =>
    JSON.stringify({ topic: "batch", meta: { n, filler: "x".repeat(300) } }),
  );
  const batch = await c.fetch("/stream", { method: "POST", body: lines.join("\n") });
  expect(batch.status).toBe(200);
  expect((await batch.text()).trim().split("\n")).toHaveLength(5000);
  await until("all have it", async () => (await b.frames("/?topic=batch")).length === 5000);
  await areEqual(a, c);
});
