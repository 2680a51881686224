// Large content on the nodes of a store: taken on one, read on all, freed on all.
import { afterEach, describe, expect, setDefaultTimeout, test } from "bun:test";
import { appendFileSync, existsSync, truncateSync } from "node:fs";
import { api } from "../../src/api/api.ts";
import { readServeOptions } from "../../src/cli/kit/serve-options.ts";
import { hashOf } from "../../src/core/hash.ts";
import { FOREVER } from "../../src/core/ttl.ts";
import { streamOf } from "../../src/lib/streams.ts";
import type { Node } from "../../src/nodes/node.ts";
import type { ContentPolicy } from "../../src/store/content-policy.ts";
import { openForCommand } from "../../src/store/sqlite/open.ts";
import { type MemoryCluster, MemoryNet } from "../support/memory-cluster.ts";
import { openNode } from "../support/nodes.ts";
import { Random, seedFrom } from "../support/random.ts";
import { problemsOf } from "../support/store.ts";
import { tempDir } from "../support/temp.ts";
import { TEST_MS, until } from "../support/wait.ts";

setDefaultTimeout(TEST_MS);

const SEED = seedFrom("XS_NODES_SEED");
const LARGE = 300 * 1024;

interface Opened {
  readonly node: Node;
  readonly cluster: MemoryCluster;
  readonly path: string;
  readonly ask: (path: string, init?: RequestInit) => Promise<Response>;
}

const open: Opened[] = [];

afterEach(async () => {
  for (const { node } of open.splice(0)) await node.store.close();
});

/** Opens one more node of a store. */
function join(net: MemoryNet, name: string, content?: ContentPolicy): Opened {
  const cluster = net.cluster();
  const path = `${tempDir()}/${name}`;
  const node = openNode(path, cluster, { node: name, ...(content && { content }) });
  const answer = api(node.store);
  const ask = async (at: string, init?: RequestInit) =>
    answer(new Request(`http://localhost${at}`, init));
  const opened = { node, cluster, path, ask };
  open.push(opened);
  return opened;
}

/** Two nodes: the first leads. */
async function pair(options: Partial<ConstructorParameters<typeof MemoryNet>[0]> = {}) {
  const net = new MemoryNet({ seed: SEED, ...options });
  const a = join(net, "a");
  await until("a leads", () => a.node.epoch !== undefined);
  const b = join(net, "b");
  await until("b knows that", () => b.node.replica.state.leader?.node === "a");
  expect(a.node.epoch).toBeDefined();
  return { net, a, b };
}

const random = new Random(SEED);
function bytesOf(size: number): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(size);
  for (let at = 0; at < size; at += 1024) bytes[at] = random.below(256);
  crypto.getRandomValues(bytes.subarray(0, Math.min(size, 64)));
  return bytes;
}

/** Appends a frame with content on a node; resolves to its id and the hash. */
async function append({ ask }: Opened, bytes: Uint8Array<ArrayBuffer>) {
  const response = await ask("/append/file", { method: "POST", body: bytes });
  expect(response.status).toBe(200);
  return (await response.json()) as { id: string; hash: string };
}

async function caughtUp(one: Opened, other: Opened): Promise<void> {
  const { applied } = one.node.replica.state;
  await until("it has the record", () => other.node.replica.state.applied >= applied);
}

const fileOf = ({ node }: Opened, hash: string) => node.engine.content.files.pathOf(hash);

describe("content that is not on a node", () => {
  test("is fetched when it is read, whole and in ranges, checked, and kept", async () => {
    const { a, b, net } = await pair();
    const bytes = bytesOf(LARGE);
    const { hash } = await append(b, bytes);
    expect(existsSync(fileOf(b, hash))).toBe(true);
    expect(existsSync(fileOf(a, hash))).toBe(false);
    const range = await a.ask(`/cas/${hash}`, { headers: { range: "bytes=1000-1999" } });
    expect(range.status).toBe(206);
    expect(await range.bytes()).toEqual(bytes.slice(1000, 2000));
    expect(existsSync(fileOf(a, hash))).toBe(true);
    net.blobs.clear();
    const whole = await a.ask(`/cas/${hash}`);
    expect(hashOf(await whole.bytes())).toBe(hash);
    expect(await problemsOf(a.node.store)).toEqual([]);
  });

  test("is fetched once by reads at the same time", async () => {
    const { a, b } = await pair();
    const { hash } = await append(b, bytesOf(LARGE));
    let opened = 0;
    const { blobs } = a.cluster;
    const before = blobs.open.bind(blobs);
    blobs.open = (name) => {
      opened++;
      return before(name);
    };
    const read = await Promise.all(
      Array.from({ length: 8 }, async () => (await a.ask(`/cas/${hash}`)).bytes()),
    );
    expect(new Set(read.map(hashOf))).toEqual(new Set([hash]));
    expect(opened).toBe(1);
  });

  test("comes with its frames, and with the content of a frame", async () => {
    const { a, b } = await pair();
    const text = "x".repeat(100_000);
    const { id, hash } = await append(b, Buffer.from(text));
    await caughtUp(b, a);
    const lines = (await (await a.ask("/?topic=file&content=inline")).text()).trim().split("\n");
    expect(JSON.parse(lines.at(-1) ?? "")).toMatchObject({ id, hash, content: text });
    const { hash: other } = await append(b, bytesOf(LARGE));
    await caughtUp(b, a);
    const line = (await (await a.ask("/?topic=file&content=inline&last=1")).text()).trim();
    expect(JSON.parse(line)).toMatchObject({ hash: other, content_size: LARGE });
    expect(existsSync(fileOf(a, other))).toBe(false);
  });

  test("is in an export, which is the same on each node", async () => {
    const { a, b } = await pair();
    await append(b, bytesOf(LARGE));
    await append(a, bytesOf(LARGE));
    await append(a, Buffer.from("small"));
    // What was taken for a write that never came is not in the store.
    const orphan = await b.node.store.content.take(streamOf(one(bytesOf(LARGE))));
    b.node.store.content.unpin(orphan);
    await caughtUp(a, b);
    const exports = await Promise.all(
      [a, b].map(async ({ ask }) => hashOf(await (await ask("/export")).bytes())),
    );
    expect(exports[0]).toBe(exports[1] ?? "");
  });

  test("is content_damaged where its blob is damaged, and mended by whoever appends it again", async () => {
    const { a, b, net } = await pair();
    const bytes = bytesOf(LARGE);
    const { hash } = await append(b, bytes);
    const [name = ""] = net.blobs.keys();
    const blob = net.blobs.get(name);
    const bad = new Uint8Array(bytes);
    bad[5000] = (bad[5000] ?? 0) ^ 1;
    net.blobs.set(name, { bytes: bad, ms: blob?.ms ?? 0 });
    const answer = await a.ask(`/cas/${hash}`);
    expect(answer.status).toBe(500);
    expect(await answer.json()).toMatchObject({ code: "content_damaged" });
    expect(existsSync(fileOf(a, hash))).toBe(false);
    expect((await problemsOf(a.node.store)).join()).toContain("its blob is damaged");
    a.cluster.blobs.damaged.add(name);
    expect((await a.ask(`/cas/${hash}`)).status).toBe(500);
    a.cluster.blobs.damaged.clear();
    await append(a, bytes);
    const c = join(net, "c");
    await caughtUp(a, c);
    expect(hashOf(await (await c.ask(`/cas/${hash}`)).bytes())).toBe(hash);
  });

  test("is content_not_found where its blob is gone, with the way out", async () => {
    const { a, b, net } = await pair();
    const bytes = bytesOf(LARGE);
    const { hash } = await append(b, bytes);
    net.blobs.clear();
    const answer = await a.ask(`/cas/${hash}`);
    expect(answer.status).toBe(404);
    const problem = (await answer.json()) as { code: string; detail: string };
    expect(problem.code).toBe("content_not_found");
    expect(problem.detail).toContain("append it again to mend it");
    // On the node that has a copy as well.
    await append(b, bytes);
    expect(hashOf(await (await a.ask(`/cas/${hash}`)).bytes())).toBe(hash);
  });

  test("is journal_unreachable where the node is cut off; all that is here is read", async () => {
    const { a, b } = await pair({ deadlineMs: 50 });
    const here = await append(a, bytesOf(LARGE));
    const there = await append(b, bytesOf(100_000));
    await caughtUp(b, a);
    a.cluster.cut();
    const answer = await a.ask(`/cas/${there.hash}`);
    expect(answer.status).toBe(503);
    const problem = (await answer.json()) as { code: string; detail: string };
    expect(problem.code).toBe("journal_unreachable");
    expect(problem.detail).toContain("is not on this node");
    expect((await a.ask(`/cas/${here.hash}`)).status).toBe(200);
    const lines = (await (await a.ask("/?topic=file&content=inline")).text()).trim().split("\n");
    expect(JSON.parse(lines.at(-1) ?? "")).toMatchObject({ content_error: "journal_unreachable" });
    a.cluster.heal();
    await until("it is read", async () => (await a.ask(`/cas/${there.hash}`)).status === 200);
  });

  test("mends a copy that is damaged", async () => {
    const { a, b } = await pair();
    const { hash } = await append(b, bytesOf(LARGE));
    truncateSync(fileOf(b, hash), 1000);
    appendFileSync(fileOf(b, hash), "no");
    expect(hashOf(await (await b.ask(`/cas/${hash}`)).bytes())).toBe(hash);
    expect(await problemsOf(b.node.store)).toEqual([]);
    expect(hashOf(await (await a.ask(`/cas/${hash}`)).bytes())).toBe(hash);
  });

  test("is stored by POST /cas for all, and named by frames of other nodes", async () => {
    const { a, b } = await pair();
    const bytes = bytesOf(LARGE);
    const hash = await (await b.ask("/cas", { method: "POST", body: bytes })).text();
    await caughtUp(b, a);
    expect(hashOf(await (await a.ask(`/cas/${hash}`)).bytes())).toBe(hash);
    const [line] = await a.node.store.apply([
      {
        append: { topic: "t", meta: "null", ttl: FOREVER, content: { hash, size: 0, known: true } },
      },
    ]);
    expect(JSON.parse(line ?? "")).toMatchObject({ hash });
  });
});

test("content that a node did not fetch says where it is, where its directory is read without a server", async () => {
  const { a, b } = await pair();
  const { hash } = await append(b, bytesOf(LARGE));
  await caughtUp(b, a);
  await b.node.store.close();
  await a.node.store.close();
  open.splice(0);
  const store = openForCommand(a.path);
  if (!store) throw new Error("it is locked");
  const answer = await api(store)(new Request(`http://localhost/cas/${hash}`));
  expect(answer.status).toBe(404);
  expect(((await answer.json()) as { detail: string }).detail).toContain("start the node");
  await store.close();
});

describe("the copies of a node", () => {
  test("are of all content, also of what came before it", async () => {
    const { b, net } = await pair();
    const before = await append(b, bytesOf(LARGE));
    const all = join(net, "all", "all");
    await until("it is fetched", () => existsSync(fileOf(all, before.hash)));
    const after = await append(b, bytesOf(LARGE));
    await until("it is fetched", () => existsSync(fileOf(all, after.hash)));
  });

  test("are fetched later where the node is cut off for a while", async () => {
    const { b, net } = await pair({ deadlineMs: 50 });
    const all = join(net, "all", "all");
    const { hash } = await append(b, bytesOf(LARGE));
    await caughtUp(b, all);
    all.cluster.cut();
    await until("it is missed", async () => (await all.ask(`/cas/${hash}`)).status === 503);
    all.cluster.heal();
    await until("it is fetched", () => existsSync(fileOf(all, hash)));
  });

  test("of a cache are those that were used last, and what the node took itself", async () => {
    const { b, net } = await pair();
    const size = 2 * 1024 * 1024;
    const cache = join(net, "cache", { cacheBytes: 2 * size });
    const own = await append(cache, bytesOf(size));
    const searched = await append(b, bytesOf(LARGE));
    const hashes: string[] = [];
    for (let n = 0; n < 3; n++) hashes.push((await append(b, bytesOf(size))).hash);
    const isHere = (hash: string) => existsSync(fileOf(cache, hash));
    // What a search reads is fetched at once.
    await until("it is fetched", () => isHere(searched.hash));
    await caughtUp(b, cache);
    expect(hashes.map(isHere)).toEqual([false, false, false]);
    for (const hash of hashes) await (await cache.ask(`/cas/${hash}`)).bytes();
    // Somebody may still be about to read them.
    expect(hashes.map(isHere)).toEqual([true, true, true]);
    await cache.node.keeping.copies?.evict(0);
    expect(hashes.map(isHere)).toEqual([false, true, true]);
    expect([own.hash, searched.hash].map(isHere)).toEqual([true, true]);
    expect((await cache.ask(`/cas/${hashes[0]}`)).status).toBe(200);
    expect(await problemsOf(cache.node.store)).toEqual([]);
  });

  test("of what was taken for a write that never came go", async () => {
    const { b, net } = await pair();
    const c = join(net, "c", "all");
    const named = await append(c, bytesOf(LARGE));
    const orphan = await c.node.store.content.take(streamOf(one(bytesOf(LARGE))));
    await c.node.keeping.copies?.sweep(Date.now() + 1000, 0);
    expect(existsSync(fileOf(c, orphan?.hash ?? ""))).toBe(true);
    c.node.store.content.unpin(orphan);
    await c.node.keeping.copies?.sweep(Date.now());
    expect(existsSync(fileOf(c, orphan?.hash ?? ""))).toBe(true);
    await c.node.keeping.copies?.sweep(Date.now() + 1000, 0);
    expect(existsSync(fileOf(c, orphan?.hash ?? ""))).toBe(false);
    expect(existsSync(fileOf(c, named.hash))).toBe(true);
    await caughtUp(c, b);
  });
});

test("serve takes --content all, or cache=N in GB, with --journal alone", () => {
  const contentOf = (given: string) =>
    readServeOptions(
      new Map([
        ["journal", "nats://h/n"],
        ["content", given],
      ]),
    ).content;
  expect(contentOf("all")).toBe("all");
  expect(contentOf("cache=2")).toEqual({ cacheBytes: 2e9 });
  expect(contentOf("cache=0.5 GB")).toEqual({ cacheBytes: 5e8 });
  expect(contentOf("cache=500MB")).toEqual({ cacheBytes: 5e8 });
  for (const given of ["", "some", "cache", "cache=", "cache=0", "cache=-1", "cache=2 apples"])
    expect(() => contentOf(given)).toThrow("it is all, or cache=N");
  expect(() => readServeOptions(new Map([["content", "all"]]))).toThrow(
    "--content needs --journal",
  );
});

describe("freed content", () => {
  test("goes from all nodes, and its blob after the record", async () => {
    const { a, b, net } = await pair();
    const { id, hash } = await append(b, bytesOf(LARGE));
    const kept = await append(b, bytesOf(LARGE));
    for (const { ask } of [a, b]) {
      await (await ask(`/cas/${hash}`)).bytes();
      await (await ask(`/cas/${kept.hash}`)).bytes();
    }
    const names = [...net.blobs.keys()];
    // No blob goes before its record.
    const { blobs } = a.cluster;
    const early: string[] = [];
    const before = blobs.delete.bind(blobs);
    blobs.delete = (name) => {
      if (a.node.replica.blobs.all().some((row) => row.name === name)) early.push(name);
      return before(name);
    };
    expect((await b.ask(`/${id}`, { method: "DELETE" })).status).toBe(204);
    expect((await b.ask("/gc", { method: "POST" })).status).toBe(503);
    // Or it was freed in the background by then.
    await a.ask("/gc", { method: "POST" });
    await until("the blob is gone", () => net.blobs.size === 1);
    expect(names.filter((name) => !net.blobs.has(name)).join()).toContain(hash);
    await caughtUp(a, b);
    for (const one of [a, b]) {
      expect(existsSync(fileOf(one, hash))).toBe(false);
      expect(existsSync(fileOf(one, kept.hash))).toBe(true);
      expect(await problemsOf(one.node.store)).toEqual([]);
    }
    expect(early).toEqual([]);
  });

  test("may be appended again at the same time: the frame has it", async () => {
    const { a, b } = await pair();
    const bytes = bytesOf(LARGE);
    for (let round = 0; round < 10; round++) {
      const { id } = await append(b, bytes);
      const [, , again] = await Promise.all([
        a.ask(`/${id}`, { method: "DELETE" }),
        a.ask("/gc", { method: "POST" }),
        append(b, bytes),
      ]);
      expect(hashOf(await (await a.ask(`/cas/${again.hash}`)).bytes())).toBe(again.hash);
      await a.ask(`/${again.id}`, { method: "DELETE" });
      await a.ask("/gc", { method: "POST" });
    }
    expect(await problemsOf(a.node.store)).toEqual([]);
    await caughtUp(a, b);
    expect(await problemsOf(b.node.store)).toEqual([]);
  });

  test("blobs of writes that never came go after a day, or when they are asked for", async () => {
    const { a, b, net } = await pair();
    await append(b, bytesOf(LARGE));
    const orphan = await b.node.store.content.take(streamOf(one(bytesOf(LARGE))));
    if (!orphan) throw new Error("nothing was taken");
    await b.node.engine.content.remote?.put(orphan);
    expect(net.blobs.size).toBe(2);
    await a.node.keeping.spent.sweep(Date.now());
    expect(net.blobs.size).toBe(2);
    await b.node.keeping.spent.sweep(Date.now() + 1000, 0);
    expect(net.blobs.size).toBe(2);
    await a.node.keeping.spent.sweep(Date.now() + 1000, 0);
    expect(net.blobs.size).toBe(1);
    b.node.store.content.unpin(orphan);
  });

  test("is freed by gc where only POST /cas stored it, a day ago, on another node", async () => {
    const { a, b, net } = await pair();
    await b.ask("/cas", { method: "POST", body: bytesOf(LARGE) });
    await caughtUp(b, a);
    const collected = async () => (await (await a.ask("/gc", { method: "POST" })).json()) as object;
    expect(await collected()).toMatchObject({ contents: 0 });
    for (const [name, { bytes }] of net.blobs) net.blobs.set(name, { bytes, ms: 0 });
    expect(await collected()).toMatchObject({ contents: 1, bytes: LARGE });
    expect(net.blobs.size).toBe(0);
  });
});

describe("an import", () => {
  test("on the node that leads brings large content to all; elsewhere it is refused", async () => {
    const { a, b } = await pair();
    const { hash } = await append(a, bytesOf(LARGE));
    const tar = await (await a.ask("/export")).bytes();
    const other = await pair();
    const refused = await other.b.ask("/import", { method: "POST", body: tar });
    expect(refused.status).toBe(503);
    expect(await refused.json()).toMatchObject({ code: "not_leader" });
    expect((await other.a.ask("/import", { method: "POST", body: tar })).status).toBe(200);
    await caughtUp(other.a, other.b);
    expect(hashOf(await (await other.b.ask(`/cas/${hash}`)).bytes())).toBe(hash);
    expect(hashOf(await (await other.b.ask("/export")).bytes())).toBe(hashOf(tar));
    await caughtUp(a, b);
  });
});

async function* one(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes;
}
