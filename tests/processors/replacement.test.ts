import { expect, setDefaultTimeout, test } from "bun:test";
import { join } from "node:path";
import {
  type AnyFrame,
  answered,
  answers,
  ask,
  countOf,
  events,
  expectAlive,
  framesOf,
  processesWith,
  say,
  sayMany,
  serving,
  spawn,
  statuses,
  terminate,
  WITH_NU,
} from "../support/processors.ts";
import { NU, parseLines, type Server, startServer, XS } from "../support/server.ts";
import { expectSound } from "../support/store.ts";
import { tempDirectory } from "../support/temp.ts";
import { TEST_MS, until } from "../support/wait.ts";

setDefaultTimeout(TEST_MS);

const SCRIPTS = {
  ts: (version: number | string) =>
    `export default { topics: ["n"], run: (f) => ({ out: { n: f.meta.n, version: "${version}" } }) }`,
  nu: (version: number | string) =>
    `{ topics: ["n"], run: {|f, s| { out: { n: $f.meta.n, version: "${version}" } } } }`,
};

/** Appends numbered frames of the topic n until it is told to stop; gives how many. */
function pour(server: Server): () => Promise<number> {
  let pouring = true;
  const poured = (async () => {
    let n = 0;
    for (; pouring; n += 20) await sayMany(server, "n", 20, n);
    return n;
  })();
  return () => {
    pouring = false;
    return poured;
  };
}

/** Every frame is in the output once, made by the version that ran when it came. */
async function expectExact(
  server: Server,
  count: number,
  versions: [version: string, spawn: AnyFrame][],
): Promise<void> {
  const out = await countOf(server, "echo.out", count);
  const frames = await framesOf(server, "n");
  const wanted = frames.map(({ id }) => [
    id,
    versions.findLast(([, spawned]) => spawned.id < id)?.[0],
  ]);
  expect(out.map(({ meta }) => [meta.frame_id, meta.version])).toEqual(wanted);
}

test.each(["ts", "nu"] as const)(
  "while frames pour in, the old handles all up to the spawn of the new and the new all after: %s",
  async (runtime) => {
    await serving(async (server) => {
      const script = SCRIPTS[runtime];
      const versions: [string, AnyFrame][] = [
        ["0", await spawn(server, "handler", "echo", script(0))],
      ];
      const stop = pour(server);
      for (let version = 1; version < 4; version++) {
        versions.push([`${version}`, await spawn(server, "handler", "echo", script(version))]);
        await sayMany(server, "other", 1);
      }
      await expectExact(server, await stop(), versions);
      for (const [n, [, frame]] of versions.entries()) {
        const last = n === versions.length - 1;
        expect(await events(server, frame)).toEqual(last ? ["active"] : ["active", "replaced"]);
      }
    });
  },
);

test("a replacement that does not load is invalid; the old goes on and misses nothing", async () => {
  await serving(async (server) => {
    const first = await spawn(server, "handler", "echo", SCRIPTS.ts(0));
    const stop = pour(server);
    const broken: AnyFrame[] = [];
    for (const script of [
      "export default {{{",
      "export default 5",
      "",
      "{|frame",
      "#!/no/such\n",
    ]) {
      const frame = await ask(server, "handler", "echo", script);
      await answered(server, frame, "invalid");
      broken.push(frame);
    }
    const last = await spawn(server, "handler", "echo", SCRIPTS.ts(1));
    await until(
      "some more",
      async () => ((await framesOf(server, "n")).at(-1)?.id ?? "") > last.id,
    );
    await expectExact(server, await stop(), [
      ["0", first],
      ["1", last],
    ]);
    for (const frame of broken) expect(await events(server, frame)).toEqual(["invalid"]);
  });
});

test("a handler that is far behind is replaced at the spawns all the same, whatever lies between", async () => {
  await serving(async (server) => {
    const slow = (version: number) => `export default {
      topics: ["n"],
      async run(f) { if (f.meta.n === 0) await Bun.sleep(1500); return { out: { n: f.meta.n, version: "${version}" } }; },
    }`;
    const first = await spawn(server, "handler", "echo", slow(0));
    await sayMany(server, "n", 300);
    // All of these come before the old has done its first frame.
    const broken = await ask(server, "handler", "echo", "export default {{{");
    await sayMany(server, "n", 300, 300);
    const late = await ask(server, "handler", "echo", "export default 5");
    await answered(server, late, "invalid");
    await sayMany(server, "n", 300, 600);
    const second = await ask(server, "handler", "echo", slow(1));
    await sayMany(server, "n", 300, 900);
    await expectExact(server, 1200, [
      ["0", first],
      ["1", second],
    ]);
    expect(await events(server, broken)).not.toContain("active");
  });
});

test("two spawns at once: the last one runs, each has its answer, and no frame is lost", async () => {
  await serving(async (server) => {
    const first = await spawn(server, "handler", "echo", SCRIPTS.ts(0));
    const stop = pour(server);
    const cas = await Promise.all(
      // The first two take longer to load than anybody waits.
      ["await Bun.sleep(60_000);", "await Bun.sleep(60_000);", ""].map(async (load, version) => {
        const body = `${load} ${SCRIPTS.ts(version + 1)}`;
        const response = await server.fetch("/cas", { method: "POST", body });
        return (await response.text()).trim();
      }),
    );
    // In one commit, so in the same millisecond, with frames between them.
    const lines = cas.flatMap((hash) => [
      JSON.stringify({ topic: "stream.cross.handler.spawn", meta: { topic: "echo" }, hash }),
      JSON.stringify({ topic: "n", meta: { n: -1 } }),
    ]);
    const response = await server.fetch("/stream", { method: "POST", body: lines.join("\n") });
    const spawns = parseLines(await response.text()).filter(({ topic }) => topic !== "n");
    const [one, two, three] = spawns as [AnyFrame, AnyFrame, AnyFrame];
    await answered(server, three, "active");
    await answered(server, one, "replaced");
    await answered(server, two, "replaced");
    await expectExact(server, await stop(), [
      ["0", first],
      ["3", three],
    ]);
    expect(await events(server, first)).toEqual(["active", "replaced"]);
    expect((await statuses(server)).map(({ spawn_id }) => spawn_id)).toEqual([three.id]);
  });
});

test.each([
  ["ts", "await Bun.sleep(60_000); "],
  ["nu", "sleep 1min; "],
] as const)(
  "replaced before it was active, a handler handles nothing, and its successor what comes after its own spawn: %s",
  async (runtime, load) => {
    await serving(async (server) => {
      const replaced: AnyFrame[] = [];
      for (let version = 0; version < 2; version++) {
        const script = load + SCRIPTS[runtime](version);
        replaced.push(await ask(server, "handler", "echo", script));
        await sayMany(server, "n", 5, 5 * version);
      }
      const last = await ask(server, "handler", "echo", SCRIPTS[runtime]("last"));
      await sayMany(server, "n", 5, 10);
      const out = await countOf(server, "echo.out", 5);
      expect(out.map(({ meta }) => [meta.n, meta.version])).toEqual(
        [10, 11, 12, 13, 14].map((n) => [n, "last"]),
      );
      for (const frame of replaced) expect(await events(server, frame)).toEqual(["replaced"]);
      expect(await events(server, last)).toEqual(["active"]);
    });
  },
);

test("a busy handler finishes what came before its successor's spawn", async () => {
  await serving(async (server) => {
    const slow = (version: number) => `export default {
      topics: ["n"],
      async run(f) { await Bun.sleep(20); return { out: { n: f.meta.n, version: "${version}" } }; },
    }`;
    const first = await spawn(server, "handler", "echo", slow(0));
    await sayMany(server, "n", 40);
    const second = await ask(server, "handler", "echo", slow(1));
    await sayMany(server, "n", 5, 40);
    await expectExact(server, 45, [
      ["0", first],
      ["1", second],
    ]);
  });
});

/** It does its first frame, and never returns from the second. */
const STUCK = `export default {
  topics: ["n"],
  run(f) { if (f.meta.n === 1) for (;;); return { out: { n: f.meta.n, version: "stuck" } }; },
}`;

test("a handler that never returns is replaced, and its successor has what it has not done", async () => {
  await serving(async (server) => {
    await spawn(server, "handler", "echo", STUCK);
    await sayMany(server, "n", 1);
    await countOf(server, "echo.out", 1);
    await sayMany(server, "n", 3, 1);
    const second = await spawn(server, "handler", "echo", SCRIPTS.ts("new"));
    await sayMany(server, "n", 1, 4);
    const out = await countOf(server, "echo.out", 5);
    expect(out.map(({ meta }) => [meta.n, meta.version])).toEqual([
      [0, "stuck"],
      [1, "new"],
      [2, "new"],
      [3, "new"],
      [4, "new"],
    ]);
    expect(await events(server, second)).toEqual(["active"]);
  });
});

test("terminate ends one that never returns, with all its processes, also while it is replaced", async () => {
  await serving(async (server) => {
    const first = await spawn(server, "handler", "echo", STUCK);
    await sayMany(server, "n", 1);
    await countOf(server, "echo.out", 1);
    await sayMany(server, "n", 1, 1);
    await terminate(server, "handler", "echo");
    await answered(server, first, "terminated");
    const second = await spawn(server, "handler", "echo", STUCK);
    await sayMany(server, "n", 1);
    await countOf(server, "echo.out", 2);
    await sayMany(server, "n", 1, 1);
    const third = await ask(server, "handler", "echo", STUCK);
    await until("it is replaced", async () =>
      (await statuses(server)).some(({ state }) => state === "replacing"),
    );
    await terminate(server, "handler", "echo");
    await answered(server, third, "terminated");
    // The terminate may have come before the third was loaded.
    await until("the end of the second", async () => (await events(server, second)).length === 2);
    expect(await statuses(server)).toEqual([]);
    expect(processesWith(first.id)).toEqual([]);
    expect(processesWith(second.id)).toEqual([]);
    expect(processesWith(third.id)).toEqual([]);
    await expectAlive(server);
  });
});

test("a replaced handler that throws meanwhile leaves its frame to the new one", async () => {
  await serving(async (server) => {
    const thrower = `export default { topics: ["n"], async run(f) {
      if (f.meta.n === 3) { await Bun.sleep(700); throw new Error("no"); }
      return { out: { n: f.meta.n, version: "0" } };
    } }`;
    const first = await spawn(server, "handler", "echo", thrower);
    await sayMany(server, "n", 6);
    await spawn(server, "handler", "echo", SCRIPTS.ts(1));
    const ends = await until("an end", async () => {
      const all = await events(server, first);
      return all.length > 1 && all;
    });
    await sayMany(server, "n", 1, 6);
    const out = await until("the last frame", async () => {
      const frames = await framesOf(server, "echo.out");
      return frames.some(({ meta }) => meta.n === 6) && frames;
    });
    const numbers = out.map(({ meta }) => meta.n);
    // If it failed before the hand-over, that was the end of it; else nothing is left out.
    expect(numbers).toEqual(ends[1] === "failed" ? [0, 1, 2, 6] : [0, 1, 2, 3, 4, 5, 6]);
  });
});

const COUNTER = {
  ts: `export default { topics: ["n"], initial: 0, run: (f, s) => ({ out: { n: f.meta.n, s }, next: s + 1 }) }`,
  nu: "{ topics: [n], initial: 0, run: {|f, s| { out: { n: $f.meta.n, s: $s }, next: ($s + 1) } } }",
  exec: `#!/usr/bin/python3
import json, sys
print(json.dumps({"ready": {"topics": ["n"], "initial": 0}}), flush=True)
for line in sys.stdin:
    frame = json.loads(line)
    if "state" in frame:
        state = frame["state"]
    elif "topic" in frame:
        out = {"n": frame["meta"]["n"], "s": state}
        state += 1
        print(json.dumps({"out": out, "next": state, "done": frame["id"]}), flush=True)
`,
};

test("state and cursor outlive a stop of the server and kill -9; what came meanwhile is handled", async () => {
  using home = tempDirectory();
  const directory = join(home.path, "store");
  const names = ["ts", "nu", "exec"] as const;
  const spawns: AnyFrame[] = [];
  let n = 0;
  for (const signal of ["SIGTERM", "SIGKILL", "SIGTERM"] as const) {
    await using server = await startServer(directory, { env: WITH_NU });
    if (n === 0) {
      for (const name of names) spawns.push(await spawn(server, "handler", name, COUNTER[name]));
    }
    await sayMany(server, "n", 10, n);
    n += 10;
    for (const name of names) {
      const out = await countOf(server, `${name}.out`, n);
      expect(out.map(({ meta }) => [meta.n, meta.s])).toEqual(
        Array.from({ length: n }, (_, at) => [at, at]),
      );
    }
    // These may come too late for this server.
    await sayMany(server, "n", 10, n);
    n += 10;
    await server.stop(signal);
  }
  await using server = await startServer(directory, { env: WITH_NU });
  for (const name of names) {
    const out = await countOf(server, `${name}.out`, n);
    expect(out.map(({ meta }) => [meta.n, meta.s])).toEqual(
      Array.from({ length: n }, (_, at) => [at, at]),
    );
  }
  for (const frame of spawns) {
    await answered(server, frame, "active", 4);
    expect(await events(server, frame)).toEqual([
      "active",
      "stopped",
      "active",
      "active",
      "stopped",
      "active",
    ]);
  }
  expect(await server.stop("SIGTERM")).toBe(0);
  await expectSound(directory);
});

test("what was terminated, failed or invalid does not run after a restart; a pending replacement does", async () => {
  using home = tempDirectory();
  const directory = join(home.path, "store");
  const fine = 'export default { topics: ["n"], run: () => ({ out: "fine" }) }';
  const failing = 'export default { topics: ["n"], run() { throw new Error("no") } }';
  let replaced: AnyFrame;
  {
    await using server = await startServer(directory, { env: WITH_NU });
    await spawn(server, "handler", "fine", fine);
    await spawn(server, "handler", "over", fine);
    await terminate(server, "handler", "over");
    const failed = await spawn(server, "handler", "failing", failing);
    const invalid = await ask(server, "handler", "invalid", "export default {{{");
    await answered(server, invalid, "invalid");
    await sayMany(server, "n", 1);
    await answered(server, failed, "failed");
    replaced = await spawn(server, "handler", "old", fine);
    const ended = await spawn(server, "generator", "ended", "true", {
      runtime: "sh",
      restart: "never",
    });
    await answered(server, ended, "finished");
    await server.stop("SIGKILL");
  }
  let unnamed: AnyFrame;
  using offline = tempDirectory();
  {
    // Asked for while no server runs.
    const append = async (topic: string, name: string | undefined, script: string) => {
      const child = Bun.spawn(
        [XS, "append", directory, topic, "--meta", JSON.stringify({ topic: name })],
        { stdin: Buffer.from(script), stdout: "pipe", cwd: offline.path },
      );
      return JSON.parse(await new Response(child.stdout).text()) as AnyFrame;
    };
    await append("n", "", "");
    const broken = await append("stream.cross.handler.spawn", "fine", "export default {{{");
    const better = await append("stream.cross.handler.spawn", "old", fine);
    await append("n", "", "");
    unnamed = await append("stream.cross.generator.spawn", undefined, "true");
    await using server = await startServer(directory, { env: WITH_NU });
    await answered(server, better, "active");
    expect((await answered(server, unnamed, "invalid")).meta.reason).toContain("meta.topic");
    await answered(server, replaced, "replaced");
    await answered(server, broken, "invalid");
    const running = await until("two of them", async () => {
      const rows = await statuses(server);
      return rows.every(({ state }) => state === "active") && rows.length === 2 && rows;
    });
    expect(running.map(({ name }) => name).sort()).toEqual(["fine", "old"]);
    await countOf(server, "fine.out", 3);
    const old = await countOf(server, "old.out", 2);
    // The one frame that came before the new spawn is the old one's.
    expect(old.map(({ meta }) => meta.handler_id)).toEqual([replaced.id, better.id]);
    await server.stop("SIGTERM");
  }
  {
    await using server = await startServer(directory, { env: WITH_NU });
    await until("it to run again", async () => (await statuses(server)).length === 2);
    expect(await answers(server, unnamed)).toHaveLength(1);
    await server.stop("SIGTERM");
  }
  await expectSound(directory);
});

test("a thousand frames about handlers at the start are no trouble", async () => {
  using home = tempDirectory();
  const directory = join(home.path, "store");
  const script = 'export default { topics: ["n"], run: () => ({ out: 1 }) }';
  {
    await using server = await startServer(directory);
    const response = await server.fetch("/cas", { method: "POST", body: script });
    const hash = (await response.text()).trim();
    await server.stop("SIGTERM");
    // Written as a server that came and went a thousand times would have.
    const lines: string[] = [];
    for (let n = 0; n < 1000; n++) {
      const name = `h${n % 250}`;
      lines.push(
        JSON.stringify({ topic: "stream.cross.handler.spawn", meta: { topic: name }, hash }),
      );
      if (name !== "h7")
        lines.push(
          JSON.stringify({ topic: "stream.cross.handler.terminate", meta: { topic: name } }),
        );
    }
    const child = Bun.spawn([XS, "append", directory, "--batch"], {
      stdin: Buffer.from(lines.join("\n")),
      stdout: "ignore",
    });
    expect(await child.exited).toBe(0);
  }
  await using server = await startServer(directory, { env: WITH_NU });
  const [running] = await until("one that runs", async () => {
    const rows = await statuses(server);
    return rows.length === 1 && rows[0]?.state === "active" && rows;
  });
  expect(running?.name).toBe("h7");
  await sayMany(server, "n", 1);
  await countOf(server, "h7.out", 1);
  await server.stop("SIGTERM");
  await expectSound(directory);
});

test("an imported store runs what the other ran, from where that was", async () => {
  using home = tempDirectory();
  const from = join(home.path, "from");
  const to = join(home.path, "to");
  {
    await using server = await startServer(from, { env: WITH_NU });
    await spawn(server, "handler", "count", COUNTER.ts);
    const over = await spawn(server, "handler", "over", COUNTER.ts);
    await sayMany(server, "n", 5);
    await countOf(server, "count.out", 5);
    await terminate(server, "handler", "over");
    await answered(server, over, "terminated");
    await server.stop("SIGTERM");
  }
  const move = Bun.spawn(["sh", "-c", '"$0" export "$1" - | "$0" import "$2" -', XS, from, to], {
    stdout: "ignore",
    env: { PATH: process.env.PATH ?? "", HOME: home.path },
  });
  expect(await move.exited).toBe(0);
  await using server = await startServer(to, { env: WITH_NU });
  await sayMany(server, "n", 2, 5);
  const out = await countOf(server, "count.out", 7);
  expect(out.map(({ meta }) => [meta.n, meta.s])).toEqual(
    Array.from({ length: 7 }, (_, n) => [n, n]),
  );
  expect((await statuses(server)).map(({ name }) => name)).toEqual(["count"]);
  await server.stop("SIGTERM");
  await expectSound(to);
});

test("nushell may come and go: a handler that ran before says why it does not any more", async () => {
  using home = tempDirectory();
  const directory = join(home.path, "store");
  let frame: AnyFrame;
  {
    await using server = await startServer(directory, { env: { XS_NU: NU } });
    frame = await spawn(server, "handler", "echo", SCRIPTS.nu(0));
    await server.stop("SIGTERM");
  }
  await using server = await startServer(directory, { env: { XS_NU: "/no/such/nu" } });
  const invalid = await answered(server, frame, "invalid");
  expect(invalid.meta.reason).toContain("/no/such/nu");
  await say(server, "n", { n: 1 });
  await expectAlive(server);
});
