// Snapshots of a store on several machines: made, trimmed, taken by nodes that are new or behind, and by a store that
// moves in.
import { afterEach, describe, expect, setDefaultTimeout, test } from "bun:test";
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { api } from "../../src/api/api.ts";
import { hashOf } from "../../src/core/hash.ts";
import type { Node } from "../../src/nodes/node.ts";
import { type NodeOptions, openNode } from "../../src/nodes/open-node.ts";
import { openSqliteStore } from "../../src/store/sqlite/open.ts";
import type { OpenStore } from "../../src/store/store.ts";
import type { Erased } from "../../src/store/upkeep.ts";
import { type MemoryCluster, MemoryNet } from "../support/memory-cluster.ts";
import { KEY } from "../support/nodes.ts";
import { seedFrom } from "../support/random.ts";
import { append, problemsOf, readAll } from "../support/store.ts";
import { filesBelow, tempDir } from "../support/temp.ts";
import { TEST_MS, until } from "../support/wait.ts";

setDefaultTimeout(TEST_MS);

const SEED = seedFrom("XS_NODES_SEED");
const NEVER = { everyRecords: 1e9, everyBytes: 1e12, checkMs: 1e6 };

interface Opened {
  readonly node: Node;
  readonly cluster: MemoryCluster;
  readonly path: string;
}

const open = new Set<Node>();

afterEach(async () => {
  for (const node of open) await node.store.close();
  open.clear();
});

async function start(
  net: MemoryNet,
  path: string,
  options: Partial<NodeOptions> = {},
): Promise<Opened> {
  const cluster = net.cluster();
  mkdirSync(path, { recursive: true });
  if (!existsSync(`${path}/cluster-key`)) writeFileSync(`${path}/cluster-key`, KEY.toHex());
  const node = await openNode(path, { name: "test", cluster, snapshots: NEVER, ...options });
  if (!node) throw new Error("it is locked");
  open.add(node);
  return { node, cluster, path };
}

async function stop({ node }: Opened): Promise<void> {
  open.delete(node);
  await node.store.close();
}

async function leading(net: MemoryNet, options?: Partial<NodeOptions>): Promise<Opened> {
  const opened = await start(net, `${tempDir()}/a`, { node: "a", ...options });
  await until("it leads", () => opened.node.epoch !== undefined);
  return opened;
}

const netOf = (options = {}) => new MemoryNet({ seed: SEED, ...options });

async function ask(store: OpenStore, path: string, init?: RequestInit): Promise<Response> {
  const response = await api(store)(new Request(`http://localhost${path}`, init));
  expect(response.status).toBeLessThan(300);
  return response;
}

async function exported(store: OpenStore): Promise<string> {
  return hashOf(await (await ask(store, "/export")).bytes());
}

/** Waits until two nodes have the same: what goes in the background may go in between. */
async function areEqual({ node: one }: Opened, { node: other }: Opened): Promise<void> {
  await until(
    "both have the same",
    async () => (await exported(one.store)) === (await exported(other.store)),
  );
}

async function caughtUp(one: Opened, other: Opened): Promise<void> {
  const { applied } = one.node.replica.state;
  await until("it has the record", () => other.node.replica.state.applied >= applied);
}

/** Frames with small and large content, entries, and what was removed. */
async function fill(store: OpenStore, count = 12): Promise<void> {
  for (let n = 0; n < count; n++)
    await append(store, `t${n % 3}`, { meta: { n }, content: `c${n}` });
  await ask(store, "/append/file", { method: "POST", body: new Uint8Array(200_000).fill(count) });
  await ask(store, "/kv/key", { method: "PUT", body: `value ${count}` });
  const { id } = await append(store, "gone", { content: "gone" });
  await store.remove(id);
}

describe("a snapshot", () => {
  test("makes a new node the same, with small content that is in files, and then the tail", async () => {
    const net = netOf();
    const a = await leading(net);
    await fill(a.node.store);
    await until("it is in files", async () => {
      a.node.engine.content.startFlushing();
      return a.node.engine.content.staged().contents === 0;
    });
    await append(a.node.store, "staged", { content: "staged" });
    const head = await a.node.snapshots?.make();
    await a.node.snapshots?.trimTo(head?.position ?? 0);
    await append(a.node.store, "tail", { content: "tail" });
    const b = await start(net, `${tempDir()}/b`, { node: "b" });
    await caughtUp(a, b);
    expect(await readAll(b.node.store)).toEqual(await readAll(a.node.store));
    await areEqual(b, a);
    for (const { node } of [a, b]) expect(await problemsOf(node.store)).toEqual([]);
    expect(readdirSync(b.path).filter((name) => /^(restore|snapshot)-/.test(name))).toEqual([]);
  });

  test("is made every so many records by a node that does not lead; the leader trims to the one before", async () => {
    const net = netOf();
    const times = { everyRecords: 30, everyBytes: 1e9, checkMs: 20 };
    const a = await leading(net, { snapshots: { ...times, checkMs: 300 } });
    const b = await start(net, `${tempDir()}/b`, { node: "b", snapshots: times });
    await until("both belong", () => a.node.replica.state.nodes.length === 2);
    let made = 0;
    const { snapshots } = b.node;
    if (!snapshots) throw new Error("it makes none");
    const before = snapshots.make.bind(snapshots);
    snapshots.make = () => {
      made++;
      return before();
    };
    const names = () => [...net.blobs.keys()].filter((name) => name.startsWith("snapshot/"));
    for (let n = 0; (await a.cluster.journal.extent()).first === 1; n++) {
      await append(a.node.store, "t", { meta: { n } });
    }
    await until("two are left", () => names().length <= 2);
    expect(made).toBeGreaterThan(0);
    await caughtUp(a, b);
    const c = await start(net, `${tempDir()}/c`, { node: "c" });
    await caughtUp(a, c);
    expect(await readAll(c.node.store)).toEqual(await readAll(a.node.store));
  });

  test("is made every so many bytes, by the leader where it is alone", async () => {
    const net = netOf();
    const a = await leading(net, {
      snapshots: { everyRecords: 1e9, everyBytes: 100_000, checkMs: 20 },
    });
    await append(a.node.store, "t", { content: "x".repeat(60_000) });
    await append(a.node.store, "t", { content: "y".repeat(60_000) });
    await until("there is one", () => [...net.blobs.keys()].length === 1);
  });

  test("is not made of a node that has lost something, which says so", async () => {
    const net = netOf();
    const a = await leading(net, {
      snapshots: { everyRecords: 5, everyBytes: 1e9, checkMs: 20 },
    });
    const { content } = a.node.engine;
    const { hash } = await append(a.node.store, "t", { content: "small" });
    await until("it is in a file", () => {
      content.startFlushing();
      return content.staged().contents === 0;
    });
    writeFileSync(content.files.pathOf(hash ?? ""), "other");
    for (let n = 0; n < 10; n++) await append(a.node.store, "t", { meta: n });
    await until("it says so", async () =>
      (await a.node.overview.own()).problem?.includes("no snapshot could be made"),
    );
    expect([...net.blobs.keys()]).toEqual([]);
    await append(a.node.store, "t", { content: "small" });
    await until("there is one", () => net.blobs.size > 0);
    await until("all is well", async () => (await a.node.overview.own()).problem === null);
  });

  test("that is damaged, cut off or forged is left out: the one before counts", async () => {
    const net = netOf();
    const a = await leading(net);
    await fill(a.node.store);
    const sound = await a.node.snapshots?.make();
    const good = [...net.blobs.keys()].find((name) =>
      name.startsWith(`snapshot/${sound?.position}`),
    );
    if (good === undefined) throw new Error("there is none");
    const { bytes } = net.blobs.get(good) ?? { bytes: new Uint8Array() };
    const put = (at: number, change: Uint8Array) =>
      net.blobs.set(`snapshot/${(sound?.position ?? 0) + at}.00`, { bytes: change, ms: 0 });
    const flipped = new Uint8Array(bytes);
    flipped[40_000] = (flipped[40_000] ?? 0) ^ 1;
    for (let n = 0; n < 5; n++) await append(a.node.store, "tail");
    put(1, flipped);
    put(2, bytes.slice(0, bytes.length / 2));
    put(3, new Uint8Array(5000).fill(120));
    put(4, bytes.slice(0, bytes.length - 1));
    const reports: string[] = [];
    const news: string[] = [];
    await a.cluster.journal.trim(sound?.position ?? 0);
    const b = await start(net, `${tempDir()}/b`, {
      node: "b",
      report: (text, isNews) => (isNews ? news : reports).push(text),
    });
    expect(reports).toHaveLength(4);
    // It may take a while, so that whoever runs it is told before.
    expect(news.at(-1)).toStartWith(`taking the snapshot of record ${sound?.position}: `);
    await caughtUp(a, b);
    await areEqual(b, a);
    net.blobs.delete(good);
    await expect(start(net, `${tempDir()}/c`, { node: "c" })).rejects.toMatchObject({
      code: "journal_trimmed",
    });
  });

  test("that is cut off leaves a directory in which the next start succeeds", async () => {
    const net = netOf({ deadlineMs: 50 });
    const a = await leading(net);
    await fill(a.node.store);
    const head = await a.node.snapshots?.make();
    await a.cluster.journal.trim(head?.position ?? 0);
    const path = `${tempDir()}/b`;
    const cluster = net.cluster();
    const { blobs } = cluster;
    const before = blobs.open.bind(blobs);
    blobs.open = async (name) => {
      const stream = await before(name);
      cluster.cut();
      return stream;
    };
    mkdirSync(path);
    writeFileSync(`${path}/cluster-key`, KEY.toHex());
    await expect(openNode(path, { name: "test", cluster, node: "b" })).rejects.toMatchObject({
      code: "journal_unreachable",
    });
    expect(existsSync(`${path}/events.db`)).toBe(false);
    // As after a kill.
    mkdirSync(`${path}/restore-${crypto.randomUUID()}`);
    mkdirSync(`${path}/cacache`);
    const b = await start(net, path, { node: "b" });
    await caughtUp(a, b);
    await areEqual(b, a);
    expect(readdirSync(path).filter((name) => name.startsWith("restore-"))).toEqual([]);
  });
});

describe("a node behind the trim", () => {
  test("stops while it runs, and its next start takes the snapshot; its large content stays", async () => {
    const net = netOf();
    const a = await leading(net);
    const b = await start(net, `${tempDir()}/b`, { node: "b" });
    await fill(a.node.store);
    await caughtUp(a, b);
    const { blobs } = b.node.replica;
    const [large] = blobs.all();
    await until("it has a copy", () => b.node.engine.content.files.has(large?.hash ?? ""));
    await append(a.node.store, "small", { content: "freed while it was away" });
    await caughtUp(a, b);
    await stop(b);
    const [line = ""] = await a.node.store
      .apply([])
      .then(() => [a.node.store.neighbour("~", "previous") ?? ""]);
    await a.node.store.remove((JSON.parse(line) as { id: string }).id);
    await a.node.store.upkeep.collect();
    for (let n = 0; n < 20; n++) await append(a.node.store, "t", { meta: n });
    const head = await a.node.snapshots?.make();
    await a.node.snapshots?.trimTo(head?.position ?? 0);
    const again = await start(net, b.path, { node: "b" });
    expect(again.node.replica.state.applied).toBeGreaterThanOrEqual(head?.position ?? 0);
    await caughtUp(a, again);
    expect(again.node.engine.content.files.has(large?.hash ?? "")).toBe(true);
    await areEqual(again, a);
    expect(await problemsOf(again.node.store)).toEqual([]);
    // A node that falls behind while it runs says so.
    again.cluster.cut();
    for (let n = 0; n < 20; n++) await append(a.node.store, "t", { meta: n });
    const newer = await a.node.snapshots?.make();
    await a.node.snapshots?.trimTo(newer?.position ?? 0);
    again.cluster.heal();
    const failure = await again.node.store.failure;
    expect(failure.message).toContain("start it again");
    await stop(again);
    const third = await start(net, b.path, { node: "b" });
    await caughtUp(a, third);
    await areEqual(third, a);
  });

  test("whose projection was deleted is as a new one", async () => {
    const net = netOf();
    const a = await leading(net);
    await fill(a.node.store);
    await a.node.snapshots?.make();
    const b = await start(net, `${tempDir()}/b`, { node: "b" });
    await caughtUp(a, b);
    await stop(b);
    const keep = `${tempDir()}/b`;
    mkdirSync(keep);
    for (const name of ["cluster-key", "node"]) cpSync(`${b.path}/${name}`, `${keep}/${name}`);
    const again = await start(net, keep);
    await caughtUp(a, again);
    await areEqual(again, a);
  });
});

test("a node joins from a snapshot while 32 writers go on", async () => {
  const net = netOf();
  const a = await leading(net, { snapshots: { everyRecords: 40, everyBytes: 1e9, checkMs: 10 } });
  await fill(a.node.store);
  let isOver = false;
  const written: string[] = [];
  const writers = Array.from({ length: 32 }, async (_, writer) => {
    for (let n = 0; !isOver; n++) {
      await Bun.sleep(20);
      const content = n % 4 === 0 ? `${writer} ${n}` : undefined;
      const { id } = await append(a.node.store, `w${writer}`, {
        meta: { n },
        ...(content && { content }),
      });
      written.push(id);
    }
  });
  await until("it was trimmed", async () => (await a.cluster.journal.extent()).first > 1);
  const b = await start(net, `${tempDir()}/b`, { node: "b" });
  const joined = written.length;
  await until("they went on", () => written.length > joined + 100);
  isOver = true;
  await Promise.all(writers);
  await caughtUp(a, b);
  const ids = (await readAll(b.node.store)).map(({ id }) => id);
  expect(written.filter((id) => !ids.includes(id))).toEqual([]);
  await areEqual(b, a);
  expect(await problemsOf(b.node.store)).toEqual([]);
});

describe("gc --erase", () => {
  /** The files below some folders that have a text. */
  function filesWith(text: string, ...folders: string[]): string[] {
    return folders.flatMap((folder) =>
      filesBelow(folder).filter((name) => readFileSync(join(folder, name)).includes(text)),
    );
  }

  test("leaves nothing of what was removed in a file of a node, a record, a blob or a snapshot", async () => {
    const net = netOf();
    const a = await leading(net);
    const b = await start(net, `${tempDir()}/b`, { node: "b" });
    const secret = crypto.randomUUID();
    const paths = [a.path, b.path];
    const removed: string[] = [];
    for (let n = 0; n < 20; n++) {
      const { id } = await append(a.node.store, "note", {
        meta: { secret },
        content: `${secret} ${n}`,
      });
      removed.push(id, (await append(a.node.store, "note", { content: `kept ${n}` })).id);
    }
    const large = Buffer.alloc(300_000, secret);
    const file = await ask(b.node.store, "/append/file", { method: "POST", body: large });
    removed.push(((await file.json()) as { id: string }).id, "");
    const headers = { "idempotency-key": "k", "xs-meta": JSON.stringify({ secret }) };
    const once = await ask(a.node.store, "/append/once", { method: "POST", headers });
    removed.push(((await once.json()) as { id: string }).id, "");
    await ask(a.node.store, "/kv/secret", { method: "PUT", body: secret });
    await ask(a.node.store, "/kv/secret", { method: "DELETE" });
    await a.node.snapshots?.make();
    await caughtUp(a, b);
    await until("it has a copy", () =>
      b.node.engine.content.files.has(b.node.replica.blobs.all()[0]?.hash ?? ""),
    );
    for (let at = 0; at < removed.length; at += 2) await a.node.store.remove(removed[at] ?? "");
    await caughtUp(a, b);
    expect(filesWith(secret, ...paths)).not.toEqual([]);
    // A node that is away does it when it starts.
    const c = await start(net, `${tempDir()}/c`, { node: "c" });
    await until("c belongs", () => a.node.replica.state.nodes.includes("c"));
    await caughtUp(a, c);
    await stop(c);
    expect(filesWith(secret, c.path)).not.toEqual([]);

    const answer = await ask(a.node.store, "/gc?erase", { method: "POST" });
    const { erased } = (await answer.json()) as { erased: Erased };
    expect(erased).toMatchObject({ nodes: ["a", "b"], pending: ["c"] });
    expect(filesWith(secret, ...paths)).toEqual([]);
    for (const { bytes } of net.blobs.values())
      expect(Buffer.from(bytes).includes(secret)).toBe(false);
    expect((await a.cluster.journal.extent()).first).toBe(erased.record + 1);
    const again = await start(net, c.path, { node: "c" });
    await until("it has erased", () => filesWith(secret, c.path).length === 0);
    for (const { node } of [a, b, again]) {
      expect(await problemsOf(node.store)).toEqual([]);
      expect((await readAll(node.store)).filter(({ topic }) => topic === "note")).toHaveLength(20);
    }
    const d = await start(net, `${tempDir()}/d`, { node: "d" });
    await caughtUp(a, d);
    await areEqual(d, a);
  });

  test("works on the node that leads alone, and not on a store of one machine", async () => {
    const net = netOf();
    const a = await leading(net);
    const b = await start(net, `${tempDir()}/b`, { node: "b" });
    await caughtUp(a, b);
    const request = () => new Request("http://localhost/gc?erase", { method: "POST" });
    const elsewhere = await api(b.node.store)(request());
    expect(elsewhere.status).toBe(503);
    expect(await elsewhere.json()).toMatchObject({ code: "not_leader" });
    const store = openSqliteStore(`${tempDir()}/one`);
    if (!store) throw new Error("it is locked");
    const one = await api(store)(request());
    expect(one.status).toBe(400);
    expect(await one.json()).toMatchObject({ code: "bad_option" });
    await store.close();
  });

  test("goes on while others write", async () => {
    const net = netOf();
    const a = await leading(net);
    const b = await start(net, `${tempDir()}/b`, { node: "b" });
    await fill(a.node.store, 10);
    let isOver = false;
    const ids: string[] = [];
    const writers = [a, b].map(async ({ node }) => {
      while (!isOver) ids.push((await append(node.store, "w", { content: `${ids.length}` })).id);
    });
    await ask(a.node.store, "/gc?erase", { method: "POST" });
    isOver = true;
    await Promise.all(writers);
    await caughtUp(a, b);
    const read = new Set((await readAll(b.node.store)).map(({ id }) => id));
    expect(ids.filter((id) => !read.has(id))).toEqual([]);
    await areEqual(b, a);
  });
});

describe("a store of one machine", () => {
  async function local(path: string): Promise<string> {
    const store = openSqliteStore(path);
    if (!store) throw new Error("it is locked");
    await fill(store);
    // What it frees is not to go in between.
    await store.upkeep.collect();
    const hash = await exported(store);
    // Its log is not empty, and marked, as after a kill.
    cpSync(path, `${path}-killed`, { recursive: true });
    await store.close();
    return hash;
  }

  for (const how of ["closed", "killed"]) {
    test(`moves into an empty journal, ${how}; later nodes take all of it`, async () => {
      const net = netOf();
      const path = `${tempDir()}/a`;
      const hash = await local(path);
      const a = await start(net, how === "closed" ? path : `${path}-killed`, { node: "a" });
      await until("it leads", () => a.node.epoch !== undefined);
      expect(await exported(a.node.store)).toBe(hash);
      await append(a.node.store, "after", { content: "after" });
      const b = await start(net, `${tempDir()}/b`, { node: "b" });
      await caughtUp(a, b);
      await areEqual(b, a);
      await stop(b);
      await stop(a);
      const again = await start(net, a.path);
      await until("it leads", () => again.node.epoch !== undefined);
      expect(await problemsOf(again.node.store)).toEqual([]);
      // Without the base no node begins empty.
      net.blobs.clear();
      const lost = await start(net, `${tempDir()}/c`, { node: "c" });
      expect(await lost.node.store.failure).toMatchObject({ code: "journal_damaged" });
      expect(await readAll(lost.node.store)).toEqual([]);
    });
  }

  test("that was killed on its way in goes on at the next start", async () => {
    const net = netOf({ deadlineMs: 50 });
    const path = `${tempDir()}/a`;
    const hash = await local(path);
    const cluster = net.cluster();
    const { blobs } = cluster;
    const before = blobs.put.bind(blobs);
    blobs.put = async (name, bytes) => {
      if (name.startsWith("snapshot/")) cluster.cut();
      await before(name, bytes);
    };
    writeFileSync(`${path}/cluster-key`, KEY.toHex());
    await expect(openNode(path, { name: "test", cluster })).rejects.toMatchObject({
      code: "journal_unreachable",
    });
    const a = await start(net, path);
    await until("it leads", () => a.node.epoch !== undefined);
    const b = await start(net, `${tempDir()}/b`, { node: "b" });
    await caughtUp(a, b);
    expect(await exported(b.node.store)).toBe(hash);
  });

  test("is refused on a journal that has begun, and stays as it is", async () => {
    const net = netOf();
    await leading(net);
    const path = `${tempDir()}/b`;
    const hash = await local(path);
    const cluster = net.cluster();
    writeFileSync(`${path}/cluster-key`, KEY.toHex());
    const refused = openNode(path, { name: "test", cluster });
    await expect(refused).rejects.toMatchObject({ code: "bad_option" });
    await expect(refused).rejects.toThrow("export");
    expect(existsSync(`${path}/node`)).toBe(false);
    const store = openSqliteStore(path);
    expect(store && (await exported(store))).toBe(hash);
    await store?.close();
  });
});
