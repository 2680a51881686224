// A generator with a schedule: it runs at its slots, one run at a time, over stops, kills and steps of the clock.
import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { join } from "node:path";
import { Processors } from "../../src/processors/lifecycle/processors.ts";
import { SYSTEM_CLOCK } from "../../src/processors/schedule/clock.ts";
import {
  type AnyFrame,
  answered,
  answers,
  ask,
  countOf,
  events,
  framesOf,
  kvText,
  say,
  serving,
  spawn,
  statuses,
  terminate,
  textsOf,
} from "../support/processors.ts";
import { type Server, startServer } from "../support/server.ts";
import { append, expectSound, readAll, withStore } from "../support/store.ts";
import { tempDirectory } from "../support/temp.ts";
import { TEST_MS, until } from "../support/wait.ts";

setDefaultTimeout(TEST_MS);

const SH = { runtime: "sh" };
const HOUR = 3_600_000;

/** The time in an id, in ms since 1970. */
const timeOf = ({ id }: AnyFrame): number => {
  const digits = "0123456789abcdefghijklmnopqrstuvwxyz";
  return Number([...id].reduce((sum, c) => sum * 36n + BigInt(digits.indexOf(c)), 0n) >> 80n);
};

/** What the store keeps of a schedule. */
async function recordOf(server: Server, name: string): Promise<{ anchor: string; until: string }> {
  return JSON.parse((await kvText(server, `stream.cross.generator/${name}`)) ?? "{}");
}

/** Waits until the clock shows a time. */
const clockAt = (ms: number) => until("a time", () => Date.now() >= ms);

test("it is active before its first run, and ps shows the next one", () =>
  serving(async (server) => {
    const disk = await spawn(server, "generator", "disk", "echo ran", { ...SH, every: "1h" });
    const [row] = await statuses(server);
    expect(row).toMatchObject({ name: "disk", state: "active", pid: null, every: "1h", tz: null });
    expect(Date.parse(row?.next ?? "")).toBe(timeOf(disk) + HOUR);
    expect(row?.next).toEndWith("Z");
    expect(await framesOf(server, "disk.recv")).toEqual([]);
    await terminate(server, "generator", "disk");
    await answered(server, disk, "terminated");
    expect(await kvText(server, "stream.cross.generator/disk")).toBeUndefined();
    await spawn(server, "generator", "all", "sleep 60", SH);
    expect((await statuses(server))[0]).toMatchObject({ every: null, tz: null, next: null });
  }));

test("a clean run writes its output and no other frame", () =>
  serving(async (server) => {
    const tick = await spawn(server, "generator", "tick", "echo one; echo two", {
      ...SH,
      every: "1s",
      ttl: "last:100",
    });
    const recv = await countOf(server, "tick.recv", 6);
    expect(recv[0]).toMatchObject({ meta: { spawn_id: tick.id }, ttl: "last:100" });
    expect((await textsOf(server, "tick.recv")).slice(0, 4)).toEqual(["one", "two", "one", "two"]);
    expect(await events(server, tick)).toEqual(["active"]);
    const [row] = await statuses(server);
    expect(row).toMatchObject({ state: "active", restarts: 0, last_exit: { code: 0 } });
    // Durations count from the spawn.
    const { anchor } = await recordOf(server, "tick");
    expect(Date.parse(anchor)).toBe(timeOf(tick));
    for (const each of recv) expect(timeOf(each)).toBeGreaterThanOrEqual(timeOf(tick) + 1000);
  }));

test("values of TypeScript and nushell come at slots as well, and a script that does not load is invalid", () =>
  serving(async (server) => {
    const script = "export default async function* () { yield { n: 1 }; }";
    await spawn(server, "generator", "ts", script, { every: "1s" });
    await spawn(server, "generator", "nu", "{ n: 2 }", { every: "1s" });
    expect((await countOf(server, "ts.recv", 2))[1]?.meta).toMatchObject({ n: 1 });
    expect((await countOf(server, "nu.recv", 2))[1]?.meta).toMatchObject({ n: 2 });
    const broken = await ask(server, "generator", "broken", "if then", { ...SH, every: "1s" });
    await answered(server, broken, "invalid");
  }));

test("a run that fails is reported with its exit for a day, and the next run is at its slot", () =>
  serving(async (server) => {
    const bad = await spawn(server, "generator", "bad", "echo no disk >&2; exit 3", {
      ...SH,
      every: "1s",
    });
    await answered(server, bad, "restarting", 4);
    const failed = await answers(server, bad, "restarting");
    for (const frame of failed) {
      expect(frame).toMatchObject({ meta: { exit: 3 }, ttl: "time:86400000" });
      expect(frame.meta.reason).toBe("it ended with exit code 3: no disk");
      expect(frame.meta.delay_ms).toBeLessThanOrEqual(1000);
    }
    expect(await events(server, bad)).not.toContain("failed");
    expect((await textsOf(server, "bad.stderr"))[0]).toBe("no disk");
    expect((await statuses(server))[0]).toMatchObject({ state: "active", last_exit: { code: 3 } });
    // What ends a generator without a schedule: a value that no frame can hold.
    const script = "#!/bin/sh\necho not of the protocol";
    const odd = await spawn(server, "generator", "odd", script, { runtime: "exec", every: "1s" });
    expect((await countOf(server, "odd.recv", 2))[0]?.meta.spawn_id).toBe(odd.id);
    const throws = "export default async function* () { throw new Error('no network'); }";
    const thrown = await spawn(server, "generator", "thrown", throws, { every: "1s" });
    expect((await answered(server, thrown, "restarting", 2)).meta.reason).toContain("no network");
  }));

test("a run that is longer than its slot: never two at once, and the slots in between are passed over", () =>
  serving(async (server) => {
    const script = "echo begin; sleep 2.5; echo end";
    const slow = await spawn(server, "generator", "slow", script, { ...SH, every: "1s" });
    const recv = await countOf(server, "slow.recv", 6);
    expect((await textsOf(server, "slow.recv")).slice(0, 6)).toEqual([
      "begin",
      "end",
      "begin",
      "end",
      "begin",
      "end",
    ]);
    const begins = recv.filter((_, n) => n % 2 === 0).map(timeOf);
    for (const [n, at] of begins.entries())
      if (n > 0) expect(at - (begins[n - 1] ?? 0)).toBeGreaterThanOrEqual(2500);
    expect(await events(server, slow)).toEqual(["active"]);
    // While a run goes on, the next one is the next slot after now.
    const running = await until("a run", async () => {
      const [row] = await statuses(server);
      return row?.pid !== null && row;
    });
    expect((Date.parse(running?.next ?? "") - timeOf(slow)) % 1000).toBe(0);
    await terminate(server, "generator", "slow");
    await answered(server, slow, "terminated");
  }));

test("after a stop one run makes up for what was missed, and the slots do not shift", async () => {
  using home = tempDirectory();
  const directory = join(home.path, "store");
  let tick: AnyFrame;
  {
    await using server = await startServer(directory);
    tick = await spawn(server, "generator", "tick", "echo ran", { ...SH, every: "3s" });
    expect(await server.stop("SIGTERM")).toBe(0);
  }
  await clockAt(timeOf(tick) + 9500);
  {
    await using server = await startServer(directory);
    const began = Date.now();
    const [first] = await countOf(server, "tick.recv", 1);
    const { anchor, until: done } = await recordOf(server, "tick");
    expect(Date.parse(anchor)).toBe(timeOf(tick));
    const recv = await countOf(server, "tick.recv", 3);
    // One run at once, and then one a slot.
    expect(first && timeOf(first)).toBeLessThan(began + 30_000);
    for (const [n, each] of recv.slice(1).entries()) {
      const slot = Math.floor((timeOf(each) - timeOf(tick)) / 3000);
      expect(slot).toBeGreaterThan(3 + n - 1);
    }
    const slots = Math.floor((timeOf(recv.at(-1) as AnyFrame) - Date.parse(done)) / 3000) + 2;
    expect(recv.length).toBeLessThanOrEqual(slots);
    expect(await events(server, tick)).toEqual(["active", "stopped", "active"]);
    expect(await server.stop("SIGTERM")).toBe(0);
  }
  await expectSound(directory);
});

test("a server that slept makes up for its sleep with one run", () =>
  serving(async (server) => {
    const tick = await spawn(server, "generator", "tick", "echo ran", { ...SH, every: "1s" });
    await countOf(server, "tick.recv", 1);
    process.kill(server.pid, "SIGSTOP");
    await clockAt(Date.now() + 4500);
    process.kill(server.pid, "SIGCONT");
    const woke = Date.now();
    const recv = await until("runs after the sleep", async () => {
      const all = await framesOf(server, "tick.recv");
      return all.filter((frame) => timeOf(frame) > woke + 1000).length > 1 && all;
    });
    const slots = recv.map((frame) => Math.floor((timeOf(frame) - timeOf(tick)) / 1000));
    expect(slots).toEqual([...new Set(slots)]);
  }));

test("kills at any moment: no slot runs twice, and none shifts", async () => {
  using home = tempDirectory();
  const directory = join(home.path, "store");
  let tick: AnyFrame | undefined;
  let before = 0;
  for (let kill = 0; kill < 8; kill++) {
    await using server = await startServer(directory);
    tick ??= await spawn(server, "generator", "tick", "echo ran", { ...SH, every: "1s" });
    await countOf(server, "tick.recv", (await framesOf(server, "tick.recv")).length + 1);
    await clockAt(Date.now() + kill * 61);
    const record = await recordOf(server, "tick");
    expect(Date.parse(record.anchor)).toBe(timeOf(tick));
    expect(Date.parse(record.until)).toBeGreaterThan(before);
    before = Date.parse(record.until);
    await server.stop("SIGKILL");
  }
  await using server = await startServer(directory);
  const recv = await framesOf(server, "tick.recv");
  const slots = Math.floor((Date.now() - timeOf(tick as AnyFrame)) / 1000);
  expect(recv.length).toBeLessThanOrEqual(slots);
  expect(await server.stop("SIGTERM")).toBe(0);
});

test("a kill in a run: its output is kept, and its slot does not run again", async () => {
  using home = tempDirectory();
  const directory = join(home.path, "store");
  {
    await using server = await startServer(directory);
    await spawn(server, "generator", "long", "echo begin; sleep 60; echo end", {
      ...SH,
      every: "6s",
    });
    await countOf(server, "long.recv", 1);
    await server.stop("SIGKILL");
  }
  await using server = await startServer(directory);
  const { until: done } = await recordOf(server, "long");
  const [row] = await until("the schedule", async () => {
    const rows = await statuses(server);
    return rows[0]?.state === "active" && rows;
  });
  // A machine that is so slow that the next slot has come proves nothing here.
  if (Date.now() < Date.parse(done) + 5000) {
    expect(row).toMatchObject({ pid: null });
    expect(await textsOf(server, "long.recv")).toEqual(["begin"]);
  }
});

test("a stop with keep and a resume go on with the same slots; another spawn begins anew", () =>
  serving(async (server) => {
    const meta = { ...SH, every: "1h" };
    const first = await spawn(server, "generator", "disk", "echo ran", meta);
    await say(server, "stream.cross.generator.terminate", { topic: "disk", keep: true });
    await answered(server, first, "stopped");
    await spawn(server, "generator", "disk", "echo ran", { ...meta, resume: true });
    expect(Date.parse((await statuses(server))[0]?.next ?? "")).toBe(timeOf(first) + HOUR);
    await spawn(server, "generator", "disk", "echo ran", { ...meta, resume: true });
    expect(Date.parse((await statuses(server))[0]?.next ?? "")).toBe(timeOf(first) + HOUR);
    const anew = await spawn(server, "generator", "disk", "echo ran", meta);
    expect(Date.parse((await statuses(server))[0]?.next ?? "")).toBe(timeOf(anew) + HOUR);
    const cron = await spawn(server, "generator", "disk", "echo ran", {
      ...SH,
      every: "0 * * * *",
    });
    expect((await statuses(server))[0]).toMatchObject({ every: "0 * * * *", spawn_id: cron.id });
    // Without a schedule it runs at once, as ever.
    await spawn(server, "generator", "disk", "echo all; sleep 60", SH);
    await countOf(server, "disk.recv", 1);
  }));

test("a start after a stop makes up for the slots that were missed meanwhile with one run", () =>
  serving(async (server) => {
    const meta = { ...SH, every: "5s" };
    const first = await spawn(server, "generator", "tick", "echo ran", meta);
    await say(server, "stream.cross.generator.terminate", { topic: "tick", keep: true });
    await answered(server, first, "stopped");
    const { until: done } = await recordOf(server, "tick");
    await clockAt(Date.parse(done) + 5500);
    expect(await framesOf(server, "tick.recv")).toEqual([]);
    await spawn(server, "generator", "tick", "echo ran", { ...meta, resume: true });
    const [made] = await countOf(server, "tick.recv", 1);
    const slots = (await recordOf(server, "tick")).until;
    expect(Date.parse(slots)).toBeLessThanOrEqual(timeOf(made as AnyFrame));
    expect((await recordOf(server, "tick")).anchor).toBe(new Date(timeOf(first)).toISOString());
  }));

test("a cron line counts in its zone, else in that of the server", () =>
  serving(
    async (server) => {
      const nine = { ...SH, every: "0 9 * * *" };
      await spawn(server, "generator", "here", "echo", nine);
      await spawn(server, "generator", "there", "echo", { ...nine, tz: "Asia/Kathmandu" });
      const rows = await statuses(server);
      const [here, there] = rows.map(({ next }) => next?.slice(10));
      expect(here).toBe("T00:00:00.000Z");
      expect(there).toBe("T03:15:00.000Z");
      expect(rows.map(({ tz }) => tz)).toEqual([null, "Asia/Kathmandu"]);
    },
    { TZ: "Asia/Tokyo" },
  ));

/** Kind, the meta of the spawn, and what the reason says. */
const REFUSED: [kind: "handler" | "generator" | "duplex", meta: object, reason: string[]][] = [
  ["generator", { every: "0 0 30 2 *" }, ['"0 0 30 2 *"', "never comes"]],
  ["generator", { every: "soon" }, ['"soon"', "five fields"]],
  ["generator", { every: 90 }, ['"90"', '"90s"']],
  ["generator", { every: "500ms" }, ['"500ms"']],
  ["generator", { every: "0s" }, ["1s"]],
  ["generator", { every: ["1h"] }, ["every is a text"]],
  ["generator", { every: null }, ["every is a text"]],
  ["generator", { every: "0 9 * * *", tz: "Berlin" }, ['tz "Berlin"', "Europe/Berlin"]],
  ["generator", { every: "0 9 * * *", tz: 1 }, ["tz is the name"]],
  ["generator", { tz: "Europe/Berlin" }, ["there is no every"]],
  ["generator", { every: "1h", restart: "never" }, ["restart does not go with every"]],
  ["generator", { every: "1h", duplex: true }, ["duplex"]],
  ["duplex", { every: "1h" }, ["duplex"]],
  ["generator", { evry: "1h" }, ['"evry"', "every, tz"]],
  ["handler", { every: "1h" }, ['"every"', "pulse"]],
];

test("what is no schedule makes the spawn invalid, by name, and its predecessor goes on", () =>
  serving(async (server) => {
    const good = await spawn(server, "generator", "g0", "sleep 60", SH);
    const asked = REFUSED.map(async ([kind, meta, parts], n) => {
      const frame = await ask(server, kind, `g${n}`, "echo", { ...SH, ...meta });
      const { reason } = (await answered(server, frame, "invalid")).meta;
      for (const part of parts) expect([n, reason]).toEqual([n, expect.stringContaining(part)]);
    });
    await Promise.all(asked);
    expect(await events(server, good)).toEqual(["active"]);
  }));

describe("with a clock that somebody sets", () => {
  /** The clock of the system, moved; it looks often, as 30 seconds would be long. */
  class MovedClock {
    by = 0;
    now = () => Date.now() + this.by;
    sleep = (_: number, signal: AbortSignal) => SYSTEM_CLOCK.sleep(5, signal);
  }

  test("a week of sleep is one run, and a clock back an hour is none", () =>
    withStore(async (store) => {
      const clock = new MovedClock();
      const processors = new Processors(store, undefined, undefined, clock);
      await processors.start();
      const meta = { topic: "disk", runtime: "sh", every: "1h" };
      await append(store, "stream.cross.generator.spawn", { meta, content: "echo ran" });
      const next = () =>
        until("the schedule", async () => (await processors.status())[0]?.next ?? undefined);
      const first = Date.parse(await next());
      const hasRun = (times: number) =>
        until(`${times} runs`, async () => {
          const recv = await readAll(store, { topics: ["disk.recv"] });
          // A run is over when its end is known: until then it passes over the slots that come.
          const [row] = await processors.status();
          return recv.length === times && row?.pid === null && row.last_exit !== null;
        });
      clock.by = 7 * 24 * HOUR + 1000;
      await hasRun(1);
      expect(Date.parse(await next())).toBe(first + 7 * 24 * HOUR);
      clock.by -= HOUR;
      expect(Date.parse(await next())).toBe(first + 7 * 24 * HOUR);
      clock.by += 2 * HOUR;
      await hasRun(2);
      expect(Date.parse(await next())).toBe(first + (7 * 24 + 1) * HOUR);
      await processors.stop();
    }));
});
