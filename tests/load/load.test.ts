// Readers that are slow, and clients that are many.
import { afterAll, expect, setDefaultTimeout, test } from "bun:test";
import { join } from "node:path";
import type { Frame } from "../../src/core/frame.ts";
import { memoryOf } from "../support/memory.ts";
import { Random, report, seedFrom, setting } from "../support/random.ts";
import { RawConnection, type Server, startServer } from "../support/server.ts";
import { expectSound } from "../support/store.ts";
import { tempDirectory } from "../support/temp.ts";
import { LineReader, TEST_MS, until, within } from "../support/wait.ts";

/** For the long run: 1000000, 10000, 1000 and 20. */
const STALLED_FRAMES = setting("XS_LOAD_FRAMES", 50_000);
const FOLLOWERS = setting("XS_LOAD_FOLLOWERS", 500);
const SLOW = setting("XS_LOAD_SLOW", 200);
const RESTARTS = setting("XS_LOAD_RESTARTS", 4);
const SEED = seedFrom("XS_LOAD_SEED");

const BATCH = 5000;
/** Connections opened at the same time: a listener's queue holds some hundred. */
const WAVE = 100;
const HEAD = "Host: localhost\r\n";
const THRESHOLD = "stream.cross.threshold";

setDefaultTimeout(TEST_MS * Math.ceil(STALLED_FRAMES / 100_000 + FOLLOWERS / 1000 + RESTARTS / 20));

const lines: string[] = [];
afterAll(() => {
  const settings = `XS_LOAD_FRAMES=${STALLED_FRAMES} XS_LOAD_FOLLOWERS=${FOLLOWERS} XS_LOAD_SLOW=${SLOW} XS_LOAD_RESTARTS=${RESTARTS}`;
  report(`${settings} XS_LOAD_SEED=${SEED}`, lines);
});

function seconds(since: number): string {
  return `${((performance.now() - since) / 1000).toFixed(1)} s`;
}

test("stalled reads with much content cost little memory, and give all of it once they go on", async () => {
  using home = tempDirectory();
  await using server = await startServer(join(home.path, "store"));
  const contents = Array.from({ length: 100 }, (_, n) => String(n).padEnd(256 * 1024, "\u0001x"));
  for (const body of contents) {
    const response = await server.fetch("/stream/large", { method: "POST", body });
    expect(await response.text()).toContain("sha256-");
  }
  const before = memoryOf(server.pid);
  const stalled: RawConnection[] = [];
  try {
    for (let n = 0; n < 25; n++) {
      const connection = await RawConnection.open(server.unix);
      stalled.push(connection);
      connection.send(`GET /stream/large?content=inline HTTP/1.1\r\n${HEAD}\r\n`);
      await until("the first bytes", () => connection.received.includes("200 OK"));
      connection.socket.pause();
    }
    // The server reads ahead in this time, as far as it does.
    for (let n = 0; n < 5; n++) {
      const response = await server.fetch("/stream/large?content=inline");
      expect((await response.text()).trimEnd().split("\n")).toHaveLength(contents.length);
    }
    const grown = memoryOf(server.pid) - before;
    lines.push(`25 stalled reads of 90 MB with content: server memory +${Math.round(grown)} MB`);
    // All that they did not take yet is some 2 GB.
    expect(grown).toBeLessThan(500);
    const [one] = stalled as [RawConnection];
    const reader = new LineReader(one.body());
    one.socket.resume();
    for (const content of contents) {
      const { content: got } = JSON.parse((await reader.next()) ?? "{}");
      expect(got === content).toBe(true);
    }
  } finally {
    for (const connection of stalled) connection.socket.destroy();
  }
});

test("a reader that stalls over a great many appends costs no memory, and then gets each once and in order", async () => {
  using home = tempDirectory();
  await using server = await startServer(join(home.path, "store"));
  using stalled = await RawConnection.open(server.unix);
  stalled.send(`GET /?follow&topic=many HTTP/1.1\r\n${HEAD}\r\n`);
  await until("the threshold", () => stalled.received.includes(THRESHOLD));
  stalled.socket.pause();
  const before = memoryOf(server.pid);
  const filler = "m".repeat(200);
  let most = 0;
  /** The most after a fifth of the appends. */
  let early = 0;
  let bytes = 0;
  const started = performance.now();
  for (let n = 0; n < STALLED_FRAMES; n += BATCH) {
    const size = Math.min(BATCH, STALLED_FRAMES - n);
    const body = Array.from({ length: size }, (_, i) =>
      JSON.stringify({ topic: "many", meta: { n: n + i, filler } }),
    ).join("\n");
    const response = await server.fetch("/stream", { method: "POST", body });
    bytes += (await response.text()).length;
    expect(response.status).toBe(200);
    most = Math.max(most, memoryOf(server.pid));
    if (n < STALLED_FRAMES / 5) early = most;
  }
  const appended = seconds(started);
  // What batches take comes and goes, and has been there early; what was kept for the reader would only grow.
  const grown = Math.round(most - before);
  const backlog = Math.round(bytes / 1024 / 1024);
  if (STALLED_FRAMES >= 500_000) expect(most - early).toBeLessThan(backlog / 2);
  const catchingUp = performance.now();
  const reader = new LineReader(stalled.body());
  stalled.socket.resume();
  expect(await reader.next()).toContain(THRESHOLD);
  let newest = "";
  for (let n = 0; n < STALLED_FRAMES; n++) {
    const frame = JSON.parse((await reader.next()) ?? "{}") as Frame;
    expect((frame.meta as { n: number }).n).toBe(n);
    expect(frame.id > newest).toBe(true);
    newest = frame.id;
  }
  lines.push(
    `stalled reader: ${STALLED_FRAMES} appends in ${appended}, ${backlog} MB behind, server memory +${grown} MB, caught up in ${seconds(catchingUp)}`,
  );
});

test("followers in great number get every frame", async () => {
  using home = tempDirectory();
  await using server = await startServer(join(home.path, "store"));
  await using followers = new AsyncDisposableStack();
  const arrivals: number[] = [];
  let received = 0;
  let sent = 0;
  const open = async () => {
    const connection = followers.use(await RawConnection.open(server.unix));
    let got = 0;
    connection.socket.removeAllListeners("data");
    connection.socket.on("data", (data) => {
      // A threshold or a frame a line; the lines of the chunked body end with CR LF.
      const found = (data as Buffer).toString("latin1").match(/\}\n/g)?.length ?? 0;
      got += found;
      received += found;
      if (sent > 0 && found > 0) arrivals.push(performance.now() - sent);
    });
    connection.send(`GET /?follow&tail HTTP/1.1\r\n${HEAD}\r\n`);
    return () => got;
  };
  const before = memoryOf(server.pid);
  const opening = performance.now();
  const counts: (() => number)[] = [];
  while (counts.length < FOLLOWERS) {
    const wave = Math.min(WAVE, FOLLOWERS - counts.length);
    counts.push(...(await Promise.all(Array.from({ length: wave }, open))));
    await until("their thresholds", () => received >= counts.length);
  }
  const opened = seconds(opening);
  const memory = Math.round(memoryOf(server.pid) - before);
  const appends = 20;
  const delivering = performance.now();
  for (let n = 1; n <= appends; n++) {
    sent = performance.now();
    await server.append("many");
    await until("the frame everywhere", () => received >= FOLLOWERS * (n + 1));
  }
  const rate = Math.round((FOLLOWERS * appends) / ((performance.now() - delivering) / 1000));
  expect(counts.map((count) => count())).toEqual(Array<number>(FOLLOWERS).fill(appends + 1));
  arrivals.sort((a, b) => a - b);
  const p99 = arrivals[Math.floor(arrivals.length * 0.99)]?.toFixed(0);
  lines.push(
    `followers: ${FOLLOWERS} open in ${opened}, +${memory} MB, ${rate} deliveries a second (client and server on the same cores), p99 ${p99} ms`,
  );
});

test("clients that send a byte now and then hold nobody up, and commit nothing", async () => {
  using home = tempDirectory();
  await using server = await startServer(join(home.path, "store"));
  await using slow = new AsyncDisposableStack();
  const random = new Random(SEED);
  const connections: RawConnection[] = [];
  for (let n = 0; n < SLOW; n++) {
    const connection = slow.use(await RawConnection.open(server.unix));
    const body = `POST /slow HTTP/1.1\r\n${HEAD}Content-Length: 100000\r\n\r\n`;
    connection.send(n % 2 === 0 ? `POST /slow HTTP/1.1\r\n${HEAD}X-Slow: ` : body);
    connections.push(connection);
    // Those before it have been taken from the queue when this is answered.
    if (n % WAVE === 0) expect((await server.fetch("/health")).ok).toBe(true);
  }
  const before = memoryOf(server.pid);
  const started = performance.now();
  for (let n = 0; n < 200; n++) {
    for (let i = 0; i < 20; i++) random.pick(connections).send("x");
    await server.append("quick", `content ${n}`);
  }
  const took = seconds(started);
  expect((await server.frames("/?topic=quick")).length).toBe(200);
  for (const connection of connections) connection[Symbol.dispose]();
  await until("they are gone", async () => (await server.fetch("/health")).ok);
  expect(await server.frames("/?topic=slow")).toEqual([]);
  const memory = Math.round(memoryOf(server.pid) - before);
  lines.push(`slow clients: ${SLOW}, 200 appends beside them in ${took}, memory +${memory} MB`);
  expect(await server.stop("SIGTERM")).toBe(0);
  await expectSound(server.directory);
});

test("a follower that comes again with Last-Event-ID misses nothing over restarts", async () => {
  using home = tempDirectory();
  const directory = join(home.path, "store");
  const random = new Random(SEED);
  const seen: string[] = [];
  let connects = 0;
  const follow = async (server: Server) => {
    const last = seen.at(-1);
    const headers = {
      accept: "text/event-stream",
      ...(last !== undefined && { "last-event-id": last }),
    };
    connects++;
    const decoder = new TextDecoder();
    let rest = "";
    try {
      const { body } = await server.fetch("/?follow", { headers });
      for await (const bytes of body ?? []) {
        const events = (rest + decoder.decode(bytes, { stream: true })).split("\n\n");
        rest = events.pop() ?? "";
        for (const event of events) seen.push(/^id: (\w{25})\n/.exec(event)?.[1] ?? event);
      }
    } catch {
      // The server is gone; what came whole was taken.
    }
  };
  for (let n = 0; n < RESTARTS; n++) {
    await using server = await startServer(directory);
    const following = follow(server);
    const enough = 1 + random.below(100);
    let appended = 0;
    const write = async () => {
      for (;;) {
        await server.append("note", "content");
        appended++;
      }
    };
    const writers = Promise.allSettled(Array.from({ length: 8 }, write));
    await until("some appends", () => appended >= enough);
    await server.stop(n % 2 === 0 ? "SIGKILL" : "SIGTERM");
    await writers;
    await within("the end of the stream", following);
  }
  await using server = await startServer(directory);
  const following = follow(server);
  const last = await server.append("note", "last");
  await until("the last frame", () => seen.includes(last.id));
  const log = (await server.frames()).map(({ id }) => id);
  expect(seen).toEqual([...new Set(seen)].sort());
  const known = new Set(seen);
  expect(log.filter((id) => !known.has(id))).toEqual([]);
  await server.stop("SIGKILL");
  await following;
  lines.push(`restarts: ${RESTARTS}, ${connects} connections, ${log.length} frames, each once`);
});
