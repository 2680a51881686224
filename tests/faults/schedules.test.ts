// What is scheduled, where it cannot be appended when it is due.
import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { join } from "node:path";
import { type Server, startServer } from "../support/server.ts";
import { expectSound } from "../support/store.ts";
import { tempDirectory } from "../support/temp.ts";
import { missingStrace } from "../support/tools.ts";
import { TEST_MS, until } from "../support/wait.ts";
import { Injection } from "./inject.ts";

setDefaultTimeout(TEST_MS);

async function schedule(server: Server, topic: string, at: number): Promise<void> {
  const url = `/stream/${topic}?at=${new Date(at).toISOString()}`;
  const response = await server.fetch(url, { method: "POST", body: `content of ${topic}` });
  expect(response.status).toBe(202);
}

async function scheduled(server: Server): Promise<number> {
  const text = await (await server.fetch("/-/scheduled")).text();
  return text.split("\n").length - 1;
}

const untraced = missingStrace();

describe.skipIf(untraced !== undefined)(`strace${untraced ? ` (${untraced})` : ""}:`, () => {
  test("on a full disk it stays scheduled, and comes once when there is space, in order", async () => {
    using home = tempDirectory();
    const directory = join(home.path, "store");
    await using server = await startServer(directory);
    const due = Date.now() + 6000;
    for (const n of [3, 1, 2]) await schedule(server, `due.n${n}`, due + n);
    {
      await using _fault = await Injection.start(server.pid, "pwrite64,write", "ENOSPC", [
        join(directory, "events.db-wal"),
        join(directory, "events.db"),
      ]);
      const ran = async () => {
        const metrics = await (await server.fetch("/metrics")).text();
        return Number(/background_runs_total\{task="due"\} (\d+)/.exec(metrics)?.[1]);
      };
      await until("they are due", () => Date.now() > due + 10);
      const before = await ran();
      await until("it is tried twice", async () => (await ran()) > before + 1);
      expect(await scheduled(server)).toBe(3);
      expect(await server.frames("/?topic=due.*")).toEqual([]);
      const append = await server.fetch("/note", { method: "POST", body: "x" });
      expect(append.status).toBe(507);
    }
    await until("they come", async () => (await scheduled(server)) === 0);
    const topics = (await server.frames("/?topic=due.*")).map(({ topic }) => topic);
    expect(topics).toEqual(["due.n1", "due.n2", "due.n3"]);
    expect(await server.stop("SIGTERM")).toBe(0);
    await expectSound(directory);
  });
});
