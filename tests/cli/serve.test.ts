import { expect, setDefaultTimeout, test } from "bun:test";
import { existsSync, readdirSync, readlinkSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Frame } from "../../src/core/frame.ts";
import { parseLines, Server, startServer, XS } from "../support/server.ts";
import { LineReader, TEST_MS, until, within } from "../support/wait.ts";
import { Home } from "./run-xs.ts";

setDefaultTimeout(TEST_MS);

test("a second serve is refused and names the address to use", async () => {
  using home = new Home();
  await using server = await startServer(home.store);
  const { code, stdout, stderr } = await home.xs(["serve", home.store]);
  expect([code, stdout]).toEqual([1, ""]);
  expect(stderr).toContain(home.store);
  expect((await server.fetch("/health")).status).toBe(200);
});

test.skipIf(process.platform !== "linux")(
  "a start right after a kill waits until the killed process is gone",
  async () => {
    using home = new Home();
    const server = await startServer(home.store);
    await server.append("note");
    // A process takes a moment to die of SIGKILL. This one still has its lock and socket, and does no more.
    process.kill(server.pid, "SIGSTOP");
    await using next = new Server(home.store);
    const asks = until("the next server asks the old one", () => isConnected(next.pid));
    await Promise.race([asks, next.exited]);
    await server.stop("SIGKILL");
    await next.ready();
    await next.append("note");
    expect(await next.frames("/stream/note")).toHaveLength(2);
  },
);

/** Tells whether a process has a connection. */
function isConnected(pid: number): boolean {
  const folder = `/proc/${pid}/fd`;
  return readdirSync(folder).some((fd) => {
    try {
      return readlinkSync(join(folder, fd)).startsWith("socket:");
    } catch {
      // It is closed by now.
      return false;
    }
  });
}

test("SIGTERM and SIGINT stop in good order: reads end, the stop is on the log, the socket is gone", async () => {
  using home = new Home();
  for (const signal of ["SIGTERM", "SIGINT"] as const) {
    await using server = await startServer(home.store);
    const follower = new LineReader((await server.fetch("/?follow")).body);
    await using cat = home.start(["cat", home.store, "--follow"]);
    for (const lines of [follower, cat.lines]) {
      await lines.through((line) => line.includes("stream.cross.threshold"));
    }
    const note = await server.append("note", "before the stop");
    expect(await server.stop(signal)).toBe(0);
    expect(existsSync(server.unix)).toBe(false);
    const seen = await follower.rest();
    const live = seen.map((line) => JSON.parse(line));
    expect(live.map(({ topic }) => topic)).toEqual(["note", "stream.cross.stop"]);
    expect(live[0]).toEqual(note);
    expect(live[1].meta).toEqual({ reason: signal });
    expect(await cat.lines.rest()).toEqual(seen);
    expect(await within("the end of xs cat", cat.exited)).toBe(0);
    expect(await home.ok(["last", home.store])).toBe(`${JSON.stringify(live[1])}\n`);
  }
});

test("a start that waits for a short command succeeds", async () => {
  using home = new Home();
  const appends = Array.from({ length: 4 }, () => home.ok(["append", home.store, "note"]));
  await using server = await startServer(home.store);
  await Promise.all(appends);
  const topics = (await server.frames("/stream/note")).map(({ topic }) => topic);
  expect(topics).toEqual(["note", "note", "note", "note"]);
});

test("the log of a server is there for its commands after it stops, and again for the next server", async () => {
  using home = new Home();
  for (const topic of ["one", "two"]) {
    await using server = await startServer(home.store);
    await home.ok(["append", home.store, topic]);
    await server.stop("SIGTERM");
    await home.ok(["append", home.store, `${topic}.after`]);
  }
  expect(await home.topics(home.store)).toEqual(["one", "one.after", "two", "two.after"]);
});

test("xs cat --follow ends when its reader is gone, also while nothing is appended", async () => {
  using home = new Home();
  await using server = await startServer(home.store);
  for (const flags of ["", "--tail", "--pulse 50"]) {
    const line = `xs cat "${home.store}" --follow ${flags} | head -1`;
    const { code, stdout, stderr } = await home.shell(line);
    expect([flags, code, stderr]).toEqual([flags, 0, ""]);
    expect(stdout).toMatch(/^\{"topic":"stream\.cross\..*\}\n$/);
  }
  expect((await server.fetch("/health")).status).toBe(200);
});

test("a reader that stops early is no failure for a read of any length", async () => {
  using home = new Home();
  await using server = await startServer(home.store);
  const meta = JSON.stringify("m".repeat(60_000));
  await Promise.all(
    Array.from({ length: 100 }, () => server.append("big", "", { "xs-meta": meta })),
  );
  const line = `set -o pipefail; xs cat "${home.store}" | head -1 | wc -l`;
  // Whether the pipe breaks amid a write or before one is up to the kernel.
  for (let n = 0; n < 10; n++) {
    const { code, stdout, stderr } = await home.shell(line);
    expect([code, stdout.trim(), stderr.slice(-200)]).toEqual([0, "1", ""]);
  }
});

test("a heartbeat comes with --follow --pulse, under the short flags too", async () => {
  using home = new Home();
  await using _server = await startServer(home.store);
  for (const flags of ["--follow --tail --pulse 10", "-f -n -p 10", "-fn -p 10", "-n -p 10"]) {
    const { stdout } = await home.shell(`xs cat "${home.store}" ${flags} | head -3`);
    const topics = stdout.trim().split("\n");
    expect([flags, topics.map((line) => JSON.parse(line).topic)]).toEqual([
      flags,
      ["stream.cross.threshold", "stream.cross.pulse", "stream.cross.pulse"],
    ]);
  }
});

test("a script that asks for a heartbeat follows as well", async () => {
  using home = new Home();
  await using _server = await startServer(home.store);
  const script = `export default async (xs) => {
    for await (const { topic } of xs.cat({ pulse: 10, tail: true })) {
      if (topic === "stream.cross.pulse") return topic;
    }
  }`;
  expect(await home.ok(["eval", home.store, "-c", script])).toBe("stream.cross.pulse\n");
});

test("cat --sse gives server-sent events, of history and live", async () => {
  using home = new Home();
  await using server = await startServer(home.store);
  const { id } = await server.append("note", "1");
  const line = JSON.stringify((await server.frames("/stream/note"))[0]);
  const event = `id: ${id}\ndata: ${line}\n\n`;
  expect(await home.ok(["cat", home.store, "--sse", "--topic", "note"])).toBe(event);
  const command = `xs cat "${home.store}" --sse --follow --topic note | head -5`;
  const { stdout } = await home.shell(command);
  expect(stdout).toStartWith(event);
  expect(stdout.slice(event.length)).toMatch(
    /^id: \w{25}\ndata: \{"topic":"stream\.cross\.threshold"/,
  );
});

test("last --follow stays for what comes after", async () => {
  using home = new Home();
  await using server = await startServer(home.store);
  const note = await server.append("note", "1");
  const all = home.shell(`xs last "${home.store}" note --follow | head -3`);
  // It counts from the moment of the request, so go on until it has seen one.
  let over = false;
  const outcome = within("three lines", all).finally(() => {
    over = true;
  });
  while (!over) await server.append("note", "2");
  const lines = (await outcome).stdout.trim().split("\n");
  const topics = lines.map((line) => JSON.parse(line).topic);
  expect(topics).toEqual(["note", "stream.cross.threshold", "note"]);
  expect(JSON.parse(lines[0] ?? "").id >= note.id).toBe(true);
});

test("a hangup stops in good order, and so do several", async () => {
  using home = new Home();
  await using server = await startServer(home.store);
  for (let n = 0; n < 3; n++) process.kill(server.pid, "SIGHUP");
  expect(await within("the end of the server", server.exited)).toBe(0);
  const [stop] = parseLines(await home.ok(["last", home.store, "stream.cross.stop"]));
  expect(stop?.meta).toEqual({ reason: "SIGHUP" });
});

test("a hangup is nothing under nohup", async () => {
  using home = new Home();
  await using server = await startServer(home.store, { under: ["nohup"] });
  process.kill(server.pid, "SIGHUP");
  await server.append("note");
  process.kill(server.pid, "SIGHUP");
  await server.append("note");
  expect(await server.stop("SIGTERM")).toBe(0);
});

test("a server puts its socket back when somebody has removed it, and the log goes on", async () => {
  using home = new Home();
  await using server = await startServer(home.store);
  const follower = new LineReader((await server.fetch("/?follow&tail")).body);
  await follower.take(1);
  rmSync(server.unix);
  const { code, stderr } = await home.xs(["append", home.store, "note", "--meta", "1"]);
  expect([code, stderr]).toEqual([0, ""]);
  // Also for a command that only a server can serve.
  rmSync(server.unix);
  await using cat = home.start(["cat", home.store, "--follow"]);
  await cat.lines.through((line) => line.includes("stream.cross.threshold"));
  await home.ok(["append", home.store, "note", "--meta", "2"]);
  expect((await follower.take(2)).map((line) => (JSON.parse(line) as Frame).meta)).toEqual([1, 2]);
  expect(statSync(server.unix).mode & 0o777).toBe(0o600);
  await follower.cancel();
  expect(await server.stop("SIGTERM")).toBe(0);
  expect(existsSync(server.unix)).toBe(false);
  expect(await server.stderr).toContain(`${server.unix} was removed: this server has put it back`);
});

test("what somebody puts in the place of the socket is left alone, and a command tells of it at once", async () => {
  using home = new Home();
  await using server = await startServer(home.store);
  rmSync(server.unix);
  writeFileSync(server.unix, "mine");
  const child = Bun.spawn([XS, "cat", home.store], { stderr: "pipe", stdout: "ignore" });
  const stderr = await within("the command", new Response(child.stderr).text());
  expect(stderr).toContain(
    `process ${server.pid} (${XS} serve ${home.store}) has ${home.store} open`,
  );
  expect(stderr).toContain(`${server.unix} is not its socket: remove it`);
  expect(await Bun.file(server.unix).text()).toBe("mine");
  rmSync(server.unix);
  await home.ok(["cat", home.store]);
  expect(await server.stop("SIGTERM")).toBe(0);
});
