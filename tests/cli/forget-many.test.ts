// A hundred thousand frames go, beside writers, followers and a handler.
import { expect, setDefaultTimeout, test } from "bun:test";
import type { Frame } from "../../src/core/frame.ts";
import { type Server, startServer } from "../support/server.ts";
import { LineReader, TEST_MS, until } from "../support/wait.ts";
import { Home } from "./run-xs.ts";

setDefaultTimeout(3 * TEST_MS);

const MANY = 100_000;
const BATCH = 10_000;

async function fill(server: Server, topic: (n: number) => string): Promise<string[]> {
  const ids: string[] = [];
  for (let from = 0; from < MANY; from += BATCH) {
    const lines = Array.from({ length: BATCH }, (_, n) => `{"topic":"${topic(from + n)}"}\n`);
    const frames = await server.fetch("/stream", { method: "POST", body: lines.join("") });
    for (const line of (await frames.text()).trimEnd().split("\n")) {
      ids.push((JSON.parse(line) as Frame).id);
    }
  }
  return ids;
}

const framesOf = async (server: Server) => {
  const text = await (await server.fetch("/metrics")).text();
  return Number(/^xs_frames (\d+)$/m.exec(text)?.[1]);
};

/** Appends until it is told to stop, and gives the ids. */
function writing(server: Server): () => Promise<string[]> {
  const ids: string[] = [];
  let isOver = false;
  const end = (async () => {
    while (!isOver) ids.push((await server.append("many.new")).id);
  })();
  return async () => {
    isOver = true;
    await end;
    return ids;
  };
}

test("forget removes what was there; writers go on, followers get each frame, and nothing new goes", async () => {
  using home = new Home();
  await using server = await startServer(home.store);
  await fill(server, (n) => `many.t${n % 7}`);
  const handler = 'export default { topics: ["many.new"], handle: () => null };';
  await server.append("stream.cross.handler.spawn", handler, { "xs-meta": '{"topic":"h"}' });
  const response = await server.fetch("/stream/many.new?follow&tail");
  const follower = new LineReader(response.body);
  const stop = writing(server);
  const text = await (await server.fetch("/stream/many.*", { method: "DELETE" })).text();
  const lines = text
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line));
  const counts = lines.pop() as { frames: number };
  expect(counts.frames).toBeGreaterThanOrEqual(MANY);
  const removed = (lines as { removed: number }[]).map((line) => line.removed);
  expect(removed).toEqual(removed.toSorted((one, other) => one - other));
  const written = await stop();
  const seen: string[] = [];
  while (seen.length < written.length) {
    const frame = JSON.parse((await follower.next()) ?? "") as Frame;
    if (frame.topic === "many.new") seen.push(frame.id);
  }
  expect(seen).toEqual(written);
  const left = (await server.frames("/stream/many.*")).map(({ id }) => id);
  expect(left).toEqual(written.slice(written.length - left.length));
  expect(left.length + counts.frames).toBe(MANY + written.length);
  await home.ok(["verify", home.store]);
  expect(await server.stop("SIGTERM")).toBe(0);
});

test("a client that goes away stops a forget between two steps", async () => {
  using home = new Home();
  await using server = await startServer(home.store);
  const ids = await fill(server, () => "many");
  const leaving = new AbortController();
  const response = await server.fetch("/stream/many", { method: "DELETE", signal: leaving.signal });
  const reader = new LineReader(response.body);
  await reader.next();
  leaving.abort();
  let before = 0;
  await until("the removal to stop", async () => {
    const now = await framesOf(server);
    const hasStopped = now === before;
    before = now;
    await Bun.sleep(100);
    return hasStopped;
  });
  expect(before).toBeGreaterThan(1000);
  const left = (await server.frames("/stream/many")).map(({ id }) => id);
  expect(left).toEqual(ids.slice(-left.length));
  await home.ok(["forget", home.store, "many", "--yes"]);
  expect(await server.frames("/stream/many")).toEqual([]);
  await home.ok(["verify", home.store]);
});

test("rules on a hundred thousand frames of many topics are applied in steps, while others write", async () => {
  using home = new Home();
  await using server = await startServer(home.store);
  const ids = await fill(server, (n) => (n % 10 === 0 ? `many.t${n % 5000}` : "many.one"));
  const stop = writing(server);
  for (const rule of ["many.*?count=3", "many.one?age=1h"]) {
    expect((await server.fetch(`/-/keep/${rule}`, { method: "PUT" })).status).toBe(200);
  }
  await until("the rules to be applied", async () => (await framesOf(server)) < 2000);
  const written = await stop();
  await until("the last are gone", async () => {
    return (await server.frames("/stream/many.new")).length <= 3;
  });
  const left = (await server.frames("/stream/many.new")).map(({ id }) => id);
  expect(left).toEqual(written.slice(-3));
  const one = (await server.frames("/stream/many.one")).map(({ id }) => id);
  expect(one).toEqual(ids.filter((_, n) => n % 10 !== 0).slice(-3));
  const topics = Map.groupBy(await server.frames("/stream/many.*"), ({ topic }) => topic);
  expect([topics.size, Math.max(...[...topics.values()].map(({ length }) => length))]).toEqual([
    502, 3,
  ]);
  await home.ok(["verify", home.store]);
});
