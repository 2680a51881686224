// A terminate with `keep` stops a processor, and a spawn with `resume` makes it go on: nothing is lost, nothing twice.
import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { rmSync } from "node:fs";
import { join } from "node:path";
import { Home } from "../cli/run-xs.ts";
import {
  type AnyFrame,
  answered,
  ask,
  countOf,
  events,
  framesOf,
  kvText,
  say,
  sayMany,
  serving,
  spawn,
  statuses,
  terminate,
  textsOf,
  WITH_NU,
} from "../support/processors.ts";
import { Random, seedFrom, setting } from "../support/random.ts";
import { Server, startServer } from "../support/server.ts";
import { expectSound } from "../support/store.ts";
import { tempDirectory } from "../support/temp.ts";
import { TEST_MS, until } from "../support/wait.ts";

setDefaultTimeout(TEST_MS);

const COUNT = `export default {
  topics: ["n"], initial: { count: 0, sum: 0 },
  run: ({ meta }, { count, sum }) => {
    const next = { count: count + 1, sum: sum + meta.n };
    return { out: { n: meta.n, ...next }, next };
  },
}`;

async function stop(server: Server, kind: "handler" | "generator", of: AnyFrame) {
  await say(server, `stream.cross.${kind}.terminate`, { topic: of.meta.topic, keep: true });
  const stopped = await answered(server, of, "stopped");
  expect(stopped.meta.keep).toBe(true);
}

async function counts(server: Server): Promise<number[]> {
  return (await framesOf(server, "count.out")).map(({ meta }) => meta.count);
}

const upTo = (count: number) => Array.from({ length: count }, (_, n) => n + 1);

test("a handler that was stopped goes on where it was, with its state", () =>
  serving(async (server) => {
    const first = await spawn(server, "handler", "count", COUNT);
    await sayMany(server, "n", 3);
    await countOf(server, "count.out", 3);
    await stop(server, "handler", first);
    expect(await statuses(server)).toEqual([]);
    await sayMany(server, "n", 3, 3);
    const second = await spawn(server, "handler", "count", COUNT, { resume: true });
    expect(await counts(server).then((all) => all.slice(0, 3))).toEqual([1, 2, 3]);
    await sayMany(server, "n", 1, 6);
    const out = await countOf(server, "count.out", 7);
    expect(out.map(({ meta }) => meta.count)).toEqual(upTo(7));
    expect(out.at(-1)?.meta).toMatchObject({ sum: 21, handler_id: second.id });
    expect(await events(server, first)).toEqual(["active", "stopped"]);
  }));

test("a restart of what runs takes over where that ends", () =>
  serving(async (server) => {
    const first = await spawn(server, "handler", "count", COUNT);
    const sending = (async () => {
      for (let n = 0; n < 20; n++) await sayMany(server, "n", 10, n * 10);
    })();
    await countOf(server, "count.out", 20);
    const second = await spawn(server, "handler", "count", COUNT, { resume: true });
    await spawn(server, "handler", "count", COUNT, { resume: true });
    await sending;
    const out = await countOf(server, "count.out", 200);
    expect(out.map(({ meta }) => meta.n)).toEqual(Array.from({ length: 200 }, (_, n) => n));
    expect(out.map(({ meta }) => meta.count)).toEqual(upTo(200));
    expect(await events(server, first)).toEqual(["active", "replaced"]);
    expect(await events(server, second)).toEqual(["active", "replaced"]);
  }));

test("another script may go on with the state of the one before it", () =>
  serving(async (server) => {
    await spawn(server, "handler", "count", COUNT);
    await sayMany(server, "n", 3);
    await countOf(server, "count.out", 3);
    await spawn(server, "handler", "count", COUNT.replace("n: meta.n,", "twice: 2 * meta.n,"), {
      resume: true,
    });
    await sayMany(server, "n", 1, 5);
    const out = await countOf(server, "count.out", 4);
    expect(out.at(-1)?.meta).toMatchObject({ twice: 10, count: 4, sum: 8 });
  }));

test("a plain spawn of what was stopped begins anew", () =>
  serving(async (server) => {
    const first = await spawn(server, "handler", "count", COUNT);
    await sayMany(server, "n", 3);
    await countOf(server, "count.out", 3);
    await stop(server, "handler", first);
    await sayMany(server, "n", 3, 3);
    await spawn(server, "handler", "count", COUNT);
    await sayMany(server, "n", 1, 6);
    const out = await countOf(server, "count.out", 4);
    expect(out.at(-1)?.meta).toMatchObject({ n: 6, count: 1 });
  }));

test("a handler that failed goes on with its state at the frame on which it failed", () =>
  serving(async (server) => {
    const marker = join(server.directory, "works");
    const script = COUNT.replace(
      "run: ({ meta }, { count, sum }) => {",
      `run: async ({ meta }, { count, sum }) => {
        if (meta.n === 2 && !(await Bun.file(${JSON.stringify(marker)}).exists())) throw new Error("not yet");`,
    );
    const first = await spawn(server, "handler", "count", script);
    await sayMany(server, "n", 5);
    await answered(server, first, "failed");
    await Bun.write(marker, "");
    await spawn(server, "handler", "count", script, { resume: true });
    const out = await countOf(server, "count.out", 5);
    expect(out.map(({ meta }) => meta.count)).toEqual(upTo(5));
  }));

test("there is nothing to resume where none has run, or it was removed", () =>
  serving(async (server) => {
    const never = await ask(server, "handler", "count", COUNT, { resume: true });
    expect((await answered(server, never, "invalid")).meta.reason).toContain('"count" to resume');
    for (const kind of ["generator", "duplex"] as const) {
      const none = await ask(server, kind, kind, "cat", { runtime: "sh", resume: true });
      const { reason } = (await answered(server, none, "invalid")).meta;
      expect(reason).toContain(`no generator "${kind}" to resume`);
    }
    const wrong = await ask(server, "handler", "count", COUNT, { resume: "yes" });
    expect((await answered(server, wrong, "invalid")).meta.reason).toContain("resume is true or");
    const first = await spawn(server, "handler", "count", COUNT);
    await stop(server, "handler", first);
    await terminate(server, "handler", "count");
    await answered(server, first, "terminated");
    expect(await kvText(server, "stream.cross.handler/count")).toBeUndefined();
    const after = await ask(server, "handler", "count", COUNT, { resume: true });
    await answered(server, after, "invalid");
  }));

test("a duplex generator gets what was sent while it was stopped", () =>
  serving(async (server) => {
    const script = 'while read -r line; do echo "got $line"; done';
    const first = await spawn(server, "duplex", "echo", script, { runtime: "sh" });
    await say(server, "echo.send", null, "one\n");
    await countOf(server, "echo.recv", 1);
    await stop(server, "generator", first);
    await say(server, "echo.send", null, "two\n");
    await spawn(server, "duplex", "echo", script, { runtime: "sh", resume: true });
    await say(server, "echo.send", null, "three\n");
    await countOf(server, "echo.recv", 3);
    expect(await textsOf(server, "echo.recv")).toEqual(["got one", "got two", "got three"]);
  }));

test("a stop while it loads counts, and a generator just runs again", () =>
  serving(async (server) => {
    const slow = await ask(server, "handler", "slow", "#!/bin/sh\nexec sleep 1000");
    await until("it loads", async () => (await statuses(server))[0]?.state === "loading");
    await stop(server, "handler", slow);
    const tick = await spawn(server, "generator", "tick", "echo a; exec sleep 1000", {
      runtime: "sh",
    });
    await countOf(server, "tick.recv", 1);
    await stop(server, "generator", tick);
    await spawn(server, "generator", "tick", "echo a; exec sleep 1000", {
      runtime: "sh",
      resume: true,
    });
    await countOf(server, "tick.recv", 2);
  }));

describe("over restarts of the server", () => {
  test("what was stopped stays stopped, and can be removed", async () => {
    using home = tempDirectory();
    const directory = join(home.path, "store");
    const first = await (async () => {
      await using server = await startServer(directory, { env: WITH_NU });
      const frame = await spawn(server, "handler", "count", COUNT);
      await stop(server, "handler", frame);
      await server.stop("SIGKILL");
      return frame;
    })();
    {
      await using server = await startServer(directory, { env: WITH_NU });
      expect(await statuses(server)).toEqual([]);
      await terminate(server, "handler", "count");
      await answered(server, first, "terminated");
      await server.stop("SIGTERM");
    }
    await expectSound(directory);
  });

  test("from its first answer on, a server lists each processor that ran before", async () => {
    using home = new Home();
    const names = ["a", "b", "c"];
    {
      await using server = await startServer(home.store, { env: WITH_NU });
      for (const name of names) await spawn(server, "handler", name, COUNT);
      await server.stop("SIGKILL");
    }
    for (let round = 0; round < 5; round++) {
      rmSync(join(home.store, "sock"), { force: true });
      await using server = new Server(home.store, { env: WITH_NU });
      await until("all are active", async () => {
        const rows = await statuses(server).catch(() => undefined);
        if (rows === undefined) return false;
        expect(rows.map(({ name }) => name).sort()).toEqual(names);
        return rows.every(({ state }) => state === "active");
      });
      await server.stop("SIGKILL");
    }
    rmSync(join(home.store, "sock"), { force: true });
    const server = new Server(home.store, { env: WITH_NU });
    await server.ready();
    const stopped = await home.xs(["handler", "stop", home.store, "b"]);
    expect(stopped).toMatchObject({ code: 0, stderr: expect.stringContaining("b is stopped") });
    await server.stop("SIGTERM");
  });

  const FAILS = COUNT.replace("const next", 'if (meta.n === 1) throw new Error("one"); const next');
  test.each<[string, string, ...string[]]>([
    ["started and removed", COUNT, "start", "rm"],
    ["started, stopped and removed", COUNT, "start", "stop", "rm"],
    ["removed, as it was", COUNT, "rm"],
    ["removed after it had failed", FAILS, "rm"],
    ["removed after it had failed and was started", FAILS, "start", "rm"],
  ])("what was %s while no server ran has left no state", async (_, script, ...verbs) => {
    using home = new Home();
    const start = () => startServer(home.store, { env: WITH_NU });
    const handler = (verb: string) => home.xs(["handler", verb, home.store, "count"]);
    {
      await using server = await start();
      const frame = await spawn(server, "handler", "count", script);
      await sayMany(server, "n", 2);
      await countOf(server, "count.out", 1);
      if (script === COUNT) await stop(server, "handler", frame);
      else await answered(server, frame, "failed");
      await server.stop("SIGTERM");
    }
    for (const verb of verbs) expect((await handler(verb)).code).toBe(0);
    for (const _ of [1, 2]) {
      await using server = await start();
      await spawn(server, "handler", "other", "export default () => {}");
      expect(await kvText(server, "stream.cross.handler/count")).toBeUndefined();
      const after = await ask(server, "handler", "count", COUNT, { resume: true });
      await answered(server, after, "invalid");
      await server.stop("SIGKILL");
    }
    await using server = await start();
    await spawn(server, "handler", "count", COUNT);
    await sayMany(server, "n", 1);
    await until("it counts anew", async () => (await counts(server)).at(-1) === 1);
    await server.stop("SIGKILL");
    await using again = await start();
    await sayMany(again, "n", 1);
    await until("its state stays", async () => (await counts(again)).at(-1) === 2);
    await again.stop("SIGTERM");
  });

  const ROUNDS = setting("XS_PROOF_ROUNDS", 30);
  test(
    "30 rounds of stop, start, restart and kill -9: each frame is counted once, in order",
    async () => {
      const random = new Random(seedFrom("XS_PROOF_SEED"));
      using home = tempDirectory();
      const directory = join(home.path, "store");
      let sent = 0;
      const send = async (server: Server) => {
        const count = 1 + random.below(20);
        await sayMany(server, "n", count, sent);
        sent += count;
      };
      let server = await startServer(directory, { env: WITH_NU });
      try {
        await spawn(server, "handler", "count", COUNT);
        for (let round = 0; round < ROUNDS; round++) {
          await send(server);
          const keep = { topic: "count", keep: true };
          if (random.chance(0.7)) await say(server, "stream.cross.handler.terminate", keep);
          await send(server);
          const killed = random.chance(0.6);
          if (killed) {
            await Bun.sleep(random.below(60));
            await server.stop(random.chance(0.8) ? "SIGKILL" : "SIGTERM");
            server = await startServer(directory, { env: WITH_NU });
          }
          const again = await ask(server, "handler", "count", COUNT, { resume: true });
          if (random.chance(0.5)) await answered(server, again, "active");
          await send(server);
          if (random.chance(0.3)) {
            await server.stop("SIGKILL");
            server = await startServer(directory, { env: WITH_NU });
          }
        }
        const out = await countOf(server, "count.out", sent);
        expect(out.map(({ meta }) => meta.n)).toEqual(Array.from({ length: sent }, (_, n) => n));
        expect(out.map(({ meta }) => meta.count)).toEqual(upTo(sent));
        await server.stop("SIGTERM");
      } finally {
        await server.stop("SIGKILL");
      }
      await expectSound(directory);
    },
    TEST_MS * (1 + Math.ceil(ROUNDS / 10)),
  );
});
