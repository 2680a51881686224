// More connections than the system gives descriptors: the store and its socket go on.
import { afterEach, expect, setDefaultTimeout, test } from "bun:test";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { RawConnection, type Server, startServer } from "../support/server.ts";
import { expectSound } from "../support/store.ts";
import { tempDirectory } from "../support/temp.ts";
import { TEST_MS, until } from "../support/wait.ts";

setDefaultTimeout(2 * TEST_MS);

const onLinux = test.skipIf(process.platform !== "linux");

const open: RawConnection[] = [];
afterEach(() => {
  for (const connection of open.splice(0)) connection[Symbol.dispose]();
});

/** A server with all its doors that gets so many descriptors. */
function limited(directory: string, descriptors: number): Promise<Server> {
  return startServer(directory, {
    args: ["--expose", ":0", "--http", ":0"],
    under: ["sh", "-c", `ulimit -n ${descriptors}; exec "$@"`, "sh"],
  });
}

/** Connects so often. Those that the server does not take wait in the kernel's queue. */
function connectMany(address: string, count: number): void {
  for (let n = 0; n < count; n++) {
    void RawConnection.open(address).then(
      (connection) => {
        open.push(connection);
      },
      () => {},
    );
  }
}

/** Descriptors that a process has open. */
function filesOf(pid: number): number {
  return readdirSync(`/proc/${pid}/fd`).length;
}

/** The processor time that a process has taken, in ms. */
function processorTimeOf(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, "latin1");
  const [user, system] = stat.slice(stat.lastIndexOf(")")).split(" ").slice(12, 14);
  return 10 * (Number(user) + Number(system));
}

for (const door of ["expose", "http", "own"] as const) {
  onLinux(
    `with 256 descriptors and 400 silent connections to the ${door} door the store goes on`,
    async () => {
      using home = tempDirectory();
      await using server = await limited(join(home.path, "store"), 256);
      const [expose, http] = [await server.listensAt("expose"), await server.listensAt("http")];
      connectMany({ expose, http, own: server.unix }[door], 400);
      await until("they are many", () => filesOf(server.pid) > 150);
      const before = { time: performance.now(), cpu: processorTimeOf(server.pid) };
      await Bun.sleep(2000);
      const taken = processorTimeOf(server.pid) - before.cpu;
      expect(taken).toBeLessThan(0.5 * (performance.now() - before.time));
      // Each takes a file. Silent connections to the socket itself are in their way until they end.
      for (let n = 0; n < 20; n++) await server.append("note", String(n).repeat(70_000));
      expect(await server.frames("/stream/note")).toHaveLength(20);
      // The doors take connections again as soon as there is room.
      const token = readFileSync(join(server.directory, "token"), "utf8").trim();
      const headers = { authorization: `Bearer ${token}` };
      expect((await fetch(`http://${expose}/health`, { headers })).status).toBe(200);
      expect((await fetch(`http://${http}/`)).status).toBe(503);
      expect(await server.stop("SIGTERM")).toBe(0);
      expect(await server.stderr).toContain("new connections wait");
      await expectSound(server.directory);
    },
  );
}

onLinux(
  "with 256 descriptors as many follow as there is room for, and all else goes on",
  async () => {
    using home = tempDirectory();
    await using server = await limited(join(home.path, "store"), 256);
    const followers: RawConnection[] = [];
    for (let status: number | undefined = 200; status === 200; ) {
      const follower = await RawConnection.open(server.unix);
      open.push(follower);
      follower.send("GET /?follow HTTP/1.1\r\nHost: x\r\n\r\n");
      status = await follower.status();
      if (status === 200) followers.push(follower);
      else await until("the reason", () => follower.received.includes("ulimit -n"));
    }
    expect(followers.length).toBeGreaterThan(100);
    const { id } = await server.append("note", "x".repeat(70_000));
    for (const follower of followers)
      await until("the frame", () => follower.received.includes(id));
    for (const path of [
      "/?follow",
      "/?wait=20000&tail",
      "/kv?follow",
      "/last?follow",
      "/note?chunked=lines",
    ]) {
      const method = path.includes("chunked") ? "POST" : "GET";
      const response = await server.fetch(path, { method });
      expect([path, response.status, response.headers.get("retry-after")]).toEqual([
        path,
        503,
        "1",
      ]);
      expect(await response.json()).toMatchObject({ code: "too_many_files" });
    }
    expect(await server.frames("/stream/note")).toHaveLength(1);
    for (const connection of open.splice(0)) connection[Symbol.dispose]();
    await until("there is room again", async () => {
      const response = await server.fetch("/?follow");
      await response.body?.cancel();
      return response.ok;
    });
    expect(await server.stop("SIGTERM")).toBe(0);
  },
);
