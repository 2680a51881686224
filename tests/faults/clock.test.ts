// The clock of a running server is set back an hour and forward a year: ids go on increasing, what
// has expired stays gone, what has not is there.
import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { join } from "node:path";
import { timestampOf } from "../../src/core/id.ts";
import type { Server } from "../support/server.ts";
import { expectSound } from "../support/store.ts";
import { tempDirectory } from "../support/temp.ts";
import { TEST_MS, until } from "../support/wait.ts";
import { missingClock as missing, ShiftedClock } from "./shifted-clock.ts";

setDefaultTimeout(TEST_MS);

const HOUR_MS = 60 * 60 * 1000;
const YEAR_MS = 365 * 24 * HOUR_MS;

describe.skipIf(missing !== undefined)(`the clock${missing ? ` (${missing})` : ""}`, () => {
  test.each([
    ["back an hour", -HOUR_MS],
    ["forward a year", YEAR_MS],
  ])("%s, while the server runs and between two of them", async (_, shift) => {
    using home = tempDirectory();
    const clock = new ShiftedClock(home.path);
    const directory = join(home.path, "store");
    const ids: string[] = [];
    const append = async (server: Server) => {
      const { id } = await server.append("clock", "content");
      ids.push(id);
      return id;
    };
    {
      await using server = await clock.start(directory);
      const forever = await append(server);
      const url = "/short?ttl=time:1";
      const short = (await (await server.fetch(url, { method: "POST" })).json()) as { id: string };
      await until("it expires", async () => (await server.fetch(`/${short.id}`)).status === 404);
      const long = await server.fetch(`/long?ttl=time:${2 * HOUR_MS}`, { method: "POST" });
      const { id: longId } = (await long.json()) as { id: string };
      clock.set(shift);
      await until("the clock is seen to have moved", async () => {
        const { id } = await server.append("clock");
        ids.push(id);
        return shift < 0 || timestampOf(id) > Date.now() + YEAR_MS / 2;
      });
      for (let n = 0; n < 20; n++) await append(server);
      expect((await server.fetch(`/${short.id}`)).status).toBe(404);
      expect((await server.fetch(`/${longId}`)).status).toBe(shift < 0 ? 200 : 404);
      expect((await server.fetch(`/${forever}/content`)).status).toBe(200);
      await server.stop("SIGKILL");
    }
    {
      await using server = await clock.start(directory);
      await append(server);
      await server.stop("SIGKILL");
    }
    // And with the true time again, which is behind what was given out.
    clock.set(0);
    await using server = await clock.start(directory);
    for (let n = 0; n < 5; n++) await append(server);
    expect(ids).toEqual([...new Set(ids)].sort());
    const log = await server.frames("/?topic=clock");
    expect(log.map(({ id }) => id)).toEqual(ids);
    expect(await server.stop("SIGTERM")).toBe(0);
    await expectSound(directory);
  });

  test("ahead by a month once: a second is a second afterwards, also where its id is ahead", async () => {
    using home = tempDirectory();
    const clock = new ShiftedClock(home.path);
    const directory = join(home.path, "store");
    clock.set(30 * 24 * HOUR_MS);
    {
      await using server = await clock.start(directory);
      await server.append("clock", "ahead");
      expect(await server.stop("SIGTERM")).toBe(0);
    }
    clock.set(0);
    await using server = await clock.start(directory);
    const asked = Date.now();
    const answer = await server.fetch("/short?ttl=time:1000", { method: "POST" });
    const short = (await answer.json()) as { id: string; ttl: string };
    const [, end] = /^until:(\d+)$/.exec(short.ttl) ?? [];
    expect(Number(end)).toBeGreaterThanOrEqual(asked + 1000 - 5);
    expect(Number(end)).toBeLessThanOrEqual(Date.now() + 1000);
    await until("it expires", async () => (await server.fetch(`/${short.id}`)).status === 404);
    expect(Date.now()).toBeGreaterThanOrEqual(Number(end) - 5);
    expect((await server.frames("/?topic=short")).length).toBe(0);
    expect(await server.stop("SIGTERM")).toBe(0);
    await expectSound(directory);
  });

  test("what is scheduled comes once, in order, over a week's sleep and a clock that is set back an hour", async () => {
    using home = tempDirectory();
    const clock = new ShiftedClock(home.path);
    await using server = await clock.start(join(home.path, "store"));
    const start = Date.now();
    const schedule = async (topic: string, ms: number) => {
      const url = `/stream/${topic}?at=${new Date(start + ms).toISOString()}`;
      expect((await server.fetch(url, { method: "POST" })).status).toBe(202);
    };
    const topics = async () => (await server.frames("/?topic=due.*")).map(({ topic }) => topic);
    await schedule("due.day6", 6 * 24 * HOUR_MS);
    await schedule("due.day1", 24 * HOUR_MS);
    await schedule("due.day9", 9 * 24 * HOUR_MS);
    await schedule("due.day3", 3 * 24 * HOUR_MS);
    clock.set(7 * 24 * HOUR_MS);
    await until("the week's come", async () => (await topics()).length === 3);
    clock.set(7 * 24 * HOUR_MS - HOUR_MS);
    await schedule("due.after", 7 * 24 * HOUR_MS - HOUR_MS / 2);
    await server.append("clock");
    clock.set(10 * 24 * HOUR_MS);
    await until("the others come", async () => (await topics()).length >= 5);
    expect(await topics()).toEqual(
      ["day1", "day3", "day6", "after", "day9"].map((n) => `due.${n}`),
    );
    expect(await server.stop("SIGTERM")).toBe(0);
    clock.set(0);
    await expectSound(server.directory);
  });
});
