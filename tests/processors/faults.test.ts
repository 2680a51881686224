import { expect, setDefaultTimeout, test } from "bun:test";
import {
  answered,
  answers,
  countOf,
  expectAlive,
  framesOf,
  processesWith,
  say,
  sayMany,
  serving,
  spawn,
  textsOf,
} from "../support/processors.ts";
import { TEST_MS, until } from "../support/wait.ts";

setDefaultTimeout(TEST_MS);

/** Does something once at frame 2, and goes on as if nothing were when it runs again. */
const falls = (how: string) => `
import { existsSync, writeFileSync } from "node:fs";
const marker = process.env.XS_ADDR + "/fell-" + process.env.XS_NAME;
export default {
  topics: ["n"], initial: 0,
  async run({ meta: { n } }, state, xs) {
    await xs.append("copy." + process.env.XS_NAME, null, { meta: { n } });
    if (n === 2 && !existsSync(marker)) {
      writeFileSync(marker, "");
      ${how}
      await new Promise(() => {});
    }
    return { out: { n, state }, next: state + 1 };
  },
};`;

test("a handler whose process ends in the middle goes on exactly there, however it ended", async () => {
  await serving(async (server) => {
    const ways = {
      exits: ["process.exit(3);", { exit: 3 }],
      well: ["process.exit(0);", { exit: 0 }],
      rejects: ['void Promise.reject(new Error("nobody listens"));', { exit: 1 }],
      throws: ['setTimeout(() => { throw new Error("out of reach"); });', { exit: 1 }],
      shot: ['process.kill(process.pid, "SIGKILL");', { signal: "SIGKILL" }],
    } as const;
    const spawns = await Promise.all(
      Object.entries(ways).map(([name, [how]]) => spawn(server, "handler", name, falls(how))),
    );
    await sayMany(server, "n", 5);
    for (const [at, [name, [, told]]] of Object.entries(ways).entries()) {
      const out = await countOf(server, `${name}.out`, 5);
      expect([name, out.map(({ meta }) => [meta.n, meta.state])]).toEqual([
        name,
        [0, 1, 2, 3, 4].map((n) => [n, n]),
      ]);
      expect((await framesOf(server, `copy.${name}`)).map(({ meta }) => meta.n)).toEqual([
        0, 1, 2, 3, 4,
      ]);
      const spawned = spawns[at];
      if (!spawned) throw new Error("it was spawned");
      const { meta } = await answered(server, spawned, "restarting");
      expect([name, meta]).toMatchObject([name, { ...told, delay_ms: 1000 }]);
    }
  });
});

test("what a script in TypeScript prints is stderr, also what it forces onto stdout", async () => {
  await serving(async (server) => {
    await spawn(
      server,
      "handler",
      "talks",
      `export default { topics: ["n"], run() {
        console.log("log"); console.error("error"); process.stdout.write("written\\n");
        return { out: "fine" };
      } }`,
    );
    await spawn(
      server,
      "handler",
      "forces",
      `import { writeSync } from "node:fs";
       export default { topics: ["n"], run() { writeSync(1, "garbage\\n"); return { out: "fine" }; } }`,
    );
    await say(server, "n");
    await countOf(server, "talks.out", 1);
    await countOf(server, "forces.out", 1);
    await until("three lines", async () => {
      const lines = await textsOf(server, "talks.stderr");
      return Bun.deepEquals(lines.sort(), ["error", "log", "written"]);
    });
    await until("its line", async () =>
      Bun.deepEquals(await textsOf(server, "forces.stderr"), ["garbage"]),
    );
    await expectAlive(server);
  });
});

test("a handler that fills stderr, one that never returns and one that forks disturb nobody", async () => {
  await serving(async (server) => {
    const mark = `xs-fault-${process.pid}`;
    await spawn(
      server,
      "handler",
      "noisy",
      `export default { topics: ["n"], run({ meta: { n } }) {
        for (let i = 0; i < 1000; i++) console.error("x".repeat(200));
        return { out: { n } };
      } }`,
    );
    await spawn(
      server,
      "handler",
      "stuck",
      'export default { topics: ["n"], run() { for (;;); } }',
    );
    await spawn(
      server,
      "handler",
      "waits",
      'export default { topics: ["n"], run: () => new Promise(() => {}) }',
    );
    await spawn(
      server,
      "handler",
      "forks",
      `#!/bin/sh
echo '{"ready":{"topics":["n"]}}'
while read -r line; do
  setsid sh -c "trap '' TERM; sleep 1000 # ${mark}" > /dev/null 2>&1 &
done
`,
    );
    await sayMany(server, "n", 3);
    await countOf(server, "noisy.out", 3);
    await until("what it forked", () => processesWith(mark).length > 0);
    expect((await framesOf(server, "noisy.stderr")).length).toBeLessThanOrEqual(500);
    await expectAlive(server);
    // The end of the server, which this waits for, takes them all along.
    expect(await server.stop("SIGTERM")).toBe(0);
    expect(processesWith(mark)).toEqual([]);
    expect(processesWith(server.directory)).toEqual([]);
  });
});

test("frames without number, of every kind, reach a handler as they are", async () => {
  await serving(async (server) => {
    await spawn(
      server,
      "handler",
      "echo",
      'export default { topics: ["odd.*"], run: (frame) => ({ out: { frame } }) }',
    );
    const said = [
      await say(server, "odd.null"),
      await say(server, "odd.text", 'a "quoted" text\nand é'),
      await say(server, "odd.list", [1, { state: 1 }]),
      await say(
        server,
        "odd.like",
        { state: 5, batch: "x", committed: "y", topic: "z" },
        "content",
      ),
    ];
    const ephemeral = await server.fetch("/stream/odd.gone?ttl=ephemeral", { method: "POST" });
    said.push((await ephemeral.json()) as (typeof said)[number]);
    const out = await countOf(server, "echo.out", said.length);
    expect(out.map(({ meta }) => meta.frame)).toEqual(said);
  });
});

test("what a generator forces onto stdout is stderr, and one that throws starts again", async () => {
  await serving(async (server) => {
    const script = `import { writeSync } from "node:fs";
      export default async function* () { yield 1; writeSync(1, "garbage\\n"); yield 2; await new Promise(() => setTimeout(() => {}, 1e6)); }`;
    await spawn(server, "generator", "odd", script);
    await until("its line", async () =>
      Bun.deepEquals(await textsOf(server, "odd.stderr"), ["garbage"]),
    );
    await until("both values", async () =>
      Bun.deepEquals(await textsOf(server, "odd.recv"), ["1", "2"]),
    );
    const throws = await spawn(
      server,
      "generator",
      "throws",
      'export default async function* () { yield 1; throw new Error("no more"); }',
    );
    expect((await answered(server, throws, "restarting")).meta.reason).toContain("no more");
    expect((await answers(server, throws, "restarting"))[0]?.meta.exit).toBe(1);
    await expectAlive(server);
  });
});
