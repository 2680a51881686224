import { expect } from "bun:test";
import { FOREVER } from "../../src/core/ttl.ts";
import type { SqliteStore } from "../../src/store/sqlite/engine.ts";
import type { Subject } from "./with-store.ts";

export const BINARY = new Uint8Array(Array.from({ length: 1000 }, (_, n) => n % 256));
export const LARGE = Buffer.alloc(300_000, "0123456789abcde");
export const DAY_MS = 24 * 60 * 60 * 1000;

export async function exported(subject: Subject): Promise<Uint8Array<ArrayBuffer>> {
  const response = await subject.ask("/export");
  expect([response.status, response.headers.get("content-type")]).toEqual([
    200,
    "application/x-tar",
  ]);
  return new Uint8Array(await response.arrayBuffer());
}

/** A store with something of everything. */
export async function furnish(subject: Subject): Promise<void> {
  await subject.append("note", "hi");
  await subject.append("note", "hi");
  await subject.append("empty");
  await subject.post("/stream/binary", BINARY);
  await subject.post("/stream/large", new Uint8Array(LARGE));
  await subject.append("few", "1", "ttl=last:2");
  await subject.append("few", "2", "ttl=last:2");
  await subject.append("few", "3", "ttl=last:2");
  await subject.append("soon", "s", `ttl=time:${DAY_MS}`);
  await subject.post("/stream/note", "meta", { "xs-meta": '{"name":"J\\u00fcrg"}' });
  await chunked(subject.store);
  await subject.post("/cas", "of no frame");
  await subject.post("/cas", "");
  const { kv } = subject.store;
  await kv.put("views/ü/→", "application/json", Buffer.from('{"n":1}'));
  await kv.put("empty", "", new Uint8Array());
  await kv.put("binary", "application/octet-stream", BINARY);
  // What the ttl has removed is gone for good.
  await subject.store.upkeep.collect();
}

async function chunked(store: SqliteStore): Promise<void> {
  const frame = { topic: "log", ttl: FOREVER };
  const meta = (chunk: object) => JSON.stringify({ chunk });
  const first = { ...frame, meta: meta({ of: null, index: 0, more: true }) };
  const content = () => store.content.take(Buffer.from("line\n"));
  const line = await store.append({ ...first, content: await content(), growing: "begins" });
  const { id } = JSON.parse(line);
  const last = meta({ of: id, index: 1, more: false });
  await store.append({ ...frame, meta: last, content: await content(), growing: { ended: id } });
}

/** All that can be seen of a store, once what nothing names is freed. */
export async function allOf(subject: Subject) {
  const { store } = subject;
  await store.upkeep.collect();
  const hashes: string[] = [];
  const snapshot = await store.snapshot();
  const pairs = [...snapshot.entries()].map(({ key, rev }) => [key, rev]);
  for await (const hash of snapshot.contents()) hashes.push(hash);
  snapshot.close();
  return { frames: await (await subject.ask("/")).text(), pairs, hashes: new Set(hashes.sort()) };
}

export async function imported(subject: Subject, tar: Uint8Array<ArrayBuffer>): Promise<unknown> {
  const response = await subject.post("/import", tar);
  const text = await response.text();
  expect(`${response.status} ${text}`).toStartWith("200 ");
  return JSON.parse(text);
}
