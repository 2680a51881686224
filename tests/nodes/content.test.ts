// Large content on the nodes of a store: taken on one, read on all, freed on all.
import { afterEach, describe, expect, setDefaultTimeout, test } from "bun:test";
import { appendFileSync, existsSync, truncateSync } from "node:fs";
import { api } from "../../src/api/api.ts";
import { hashOf } from "../../src/core/hash.ts";
import { FOREVER } from "../../src/core/ttl.ts";
import { streamOf } from "../../src/lib/streams.ts";
import type { Node } from "../../src/nodes/node.ts";
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
function join(net: MemoryNet, name: string): Opened {
  const cluster = net.cluster();
  const path = `${tempDir()}/${name}`;
  const node = openNode(path, cluster, { node: name });
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

async function* one(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes;
}
