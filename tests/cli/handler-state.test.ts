import { expect, test } from "bun:test";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { bundleScript } from "../../src/cli/bundle/bundle-script.ts";
import {
  type AnyFrame,
  answered,
  countOf,
  framesOf,
  say,
  sayMany,
  serving,
  spawn,
  terminate,
  WITH_NU,
} from "../support/processors.ts";
import type { Server } from "../support/server.ts";
import { until } from "../support/wait.ts";
import { Home } from "./run-xs.ts";

/** Runs `xs handler state` on the store of a server. */
async function stateOf(home: Home, server: Server, ...args: string[]) {
  const { code, stdout, stderr } = await home.xs(
    ["handler", "state", "-s", server.directory, ...args],
    { env: WITH_NU },
  );
  return { code, stderr, value: stdout === "" ? undefined : JSON.parse(stdout), stdout };
}

/** Waits until a handler has come to a frame. */
function reached(server: Server, name: string, { id }: AnyFrame): Promise<unknown> {
  return until(`${name} to come to ${id}`, async () => {
    const response = await server.fetch(`/kv/stream.cross.handler%2F${name}`);
    const { cursor } = (await response.json()) as { cursor?: string };
    return cursor !== undefined && cursor >= id;
  });
}

const COUNTER = `export default {
  topics: ["n"], initial: { sum: 0 },
  async run({ meta: { n } }, state, xs) {
    await xs.append("seen", "text " + n, { meta: { n } });
    await xs.kv.put("count/sum", state.sum + n);
    return { out: { sum: state.sum + n }, next: { sum: state.sum + n } };
  },
}`;

test("the state now, and before and after a frame, without any effect on the store", async () => {
  using home = new Home();
  await serving(async (server) => {
    await sayMany(server, "n", 3);
    await spawn(server, "handler", "counter", COUNTER);
    expect(await stateOf(home, server, "counter")).toMatchObject({
      code: 0,
      stdout: '{"sum":0}\n',
    });
    await sayMany(server, "n", 5, 10);
    const last = await say(server, "n", { n: 100 });
    await reached(server, "counter", last);
    expect((await stateOf(home, server, "counter")).value).toEqual({ sum: 160 });
    const before = (await server.fetch("/?last=1")).text();
    const frames = (await framesOf(server, "n")).slice(3);
    const at = await stateOf(home, server, "counter", "--at", frames[2]?.id ?? "");
    expect(at).toMatchObject({
      code: 0,
      value: {
        before: { sum: 21 },
        after: { sum: 33 },
        out: [
          { topic: "seen", meta: { n: 12 }, content: "text 12" },
          { put: { key: "count/sum", value: "33" } },
          { topic: "counter.out", meta: { sum: 33 } },
        ],
      },
    });
    const newest = await stateOf(home, server, "counter", "--at", last.id.toUpperCase());
    expect(newest.value).toMatchObject({ before: { sum: 60 }, after: { sum: 160 } });
    expect(await (await server.fetch("/?last=1")).text()).toBe(await before);
    const value = await (await server.fetch("/kv/count%2Fsum")).text();
    expect(value).toBe("160");
  });
});

test("a state without a server, with numbers as they are, and a stateless handler's output", async () => {
  using home = new Home();
  let first: AnyFrame | undefined;
  let directory = "";
  await serving(async (server) => {
    directory = server.directory;
    await spawn(
      server,
      "handler",
      "plain",
      `export default { topics: ["n"], run: ({ meta: { n } }) => ({ out: { n } }) }`,
    );
    await spawn(server, "handler", "exact", COUNTER.replaceAll("n: 100", "n"));
    first = await say(server, "n", { n: 7 });
    await reached(server, "plain", first);
    await reached(server, "exact", first);
    await server.stop("SIGTERM");
    const store = ["handler", "state", "-s", directory];
    expect(await home.ok([...store, "exact"])).toBe('{"sum":7}\n');
    const at = JSON.parse(await home.ok([...store, "plain", "--at", first.id]));
    expect(Object.keys(at)).toEqual(["out"]);
    expect(at.out[0]).toMatchObject({ topic: "plain.out", meta: { n: 7 } });
    const none = await home.xs([...store, "plain"]);
    expect([none.code, none.stdout]).toEqual([1, ""]);
    expect(none.stderr).toContain('the handler "plain" has no state');
  });
});

test("what cannot be found is said by name", async () => {
  using home = new Home();
  await serving(async (server) => {
    const early = await say(server, "n", { n: 0 });
    await spawn(server, "handler", "counter", COUNTER);
    const [, other] = [await sayMany(server, "n", 2), await say(server, "other", {})];
    const [out] = await countOf(server, "counter.out", 2);
    const cases: [args: string[], code: number, said: string][] = [
      [["nobody"], 1, 'there is no handler "nobody" that has run'],
      [["nobody", "--at", early.id], 1, "no handler of that name has run"],
      [["counter", "--at", "0".repeat(25)], 1, "no frame"],
      [["counter", "--at", "xyz"], 2, "is not an id"],
      [["counter", "--timeout", "5s"], 2, "--timeout is for --at"],
      [["counter", "--at", early.id, "--timeout", "soon"], 2, "soon"],
      [["counter", "--at", other.id], 1, "it does not get that frame other: its topics are n"],
      [["counter", "--at", early.id], 1, "and that frame came before"],
      [["counter", "--at", out?.id ?? ""], 1, "never gets what its name wrote"],
      [[], 2, "NAME"],
    ];
    await reached(server, "counter", (await framesOf(server, "n")).at(-1) as AnyFrame);
    for (const [args, code, said] of cases) {
      const got = await stateOf(home, server, ...args);
      expect([args, got.code, got.stdout]).toEqual([args, code, ""]);
      expect(got.stderr).toContain(said);
    }
    await terminate(server, "handler", "counter");
    await until(
      "its end",
      async () => (await framesOf(server, "stream.cross.handler.terminated"))[0],
    );
    const later = await say(server, "n", { n: 1 });
    const { code, stderr } = await stateOf(home, server, "counter", "--at", later.id);
    expect([code, stderr]).toEqual([1, expect.stringContaining("ended it before that frame came")]);
    const first = (await framesOf(server, "n"))[1] as AnyFrame;
    const removed = await stateOf(home, server, "counter", "--at", first.id);
    expect(removed.value).toMatchObject({ before: { sum: 0 }, after: { sum: 0 } });
  });
});

test("only scripts in TypeScript run again", async () => {
  using home = new Home();
  await serving(async (server) => {
    const scripts = {
      nu: "{ topics: [n], initial: 0, run: {|frame, state| { next: ($state + 1) } } }",
      exec: `#!/bin/sh\necho '{"ready":{"topics":["n"],"initial":0}}'\nread -r state\nwhile read -r frame; do id=$(expr "$frame" : '.*"id":"\\([0-9a-z]*\\)"'); echo "{\\"next\\":5,\\"done\\":\\"$id\\"}"; done\n`,
    };
    for (const [name, script] of Object.entries(scripts))
      await spawn(server, "handler", name, script);
    const frame = await say(server, "n", {});
    for (const name of Object.keys(scripts)) {
      await reached(server, name, frame);
      expect((await stateOf(home, server, name)).value).toBe(name === "nu" ? 1 : 5);
      const { code, stderr } = await stateOf(home, server, name, "--at", frame.id);
      expect([code, stderr]).toEqual([
        1,
        expect.stringContaining(`only scripts in TypeScript again, and this is ${name}`),
      ]);
    }
  });
});

test("each spawn has the frames of its time, and a resumed one goes on", async () => {
  using home = new Home();
  await serving(async (server) => {
    const script = (by: number) =>
      `export default { topics: ["n"], initial: 0, run: (_, state) => ({ next: state + ${by} }) }`;
    await spawn(server, "handler", "h", script(1));
    const a = await say(server, "n", {});
    await reached(server, "h", a);
    const second = await spawn(server, "handler", "h", script(10));
    const b = await say(server, "n", {});
    const c = await say(server, "n", {});
    await reached(server, "h", c);
    await say(server, "stream.cross.handler.terminate", { topic: "h", keep: true });
    await answered(server, second, "stopped");
    const d = await say(server, "n", {});
    await spawn(server, "handler", "h", script(10), { resume: true });
    const e = await say(server, "n", {});
    await reached(server, "h", e);
    expect((await stateOf(home, server, "h")).value).toBe(40);
    const states = [];
    for (const { id } of [a, b, c, d, e]) {
      states.push((await stateOf(home, server, "h", "--at", id)).value);
    }
    expect(states).toEqual([
      { before: 0, after: 1 },
      { before: 0, after: 10 },
      { before: 10, after: 20 },
      { before: 20, after: 30 },
      { before: 30, after: 40 },
    ]);
    await spawn(server, "handler", "h", script(100), { resume: true });
    const f = await say(server, "n", {});
    await reached(server, "h", f);
    expect((await stateOf(home, server, "h", "--at", f.id)).value).toEqual({
      before: 40,
      after: 140,
    });
    expect((await stateOf(home, server, "h", "--at", e.id)).value).toEqual({
      before: 30,
      after: 40,
    });
  });
});

test("a frame on which it failed has its error, and the state stays", async () => {
  using home = new Home();
  await serving(async (server) => {
    const script = (onError: string) => `export default {
      topics: ["n"], initial: [], on_error: "${onError}",
      run({ meta: { n } }, state) {
        if (n % 3 === 1) throw new Error("no " + n);
        return { next: [...state, n] };
      },
    }`;
    await spawn(server, "handler", "skips", script("skip"));
    const fails = await spawn(server, "handler", "fails", script("fail"));
    await sayMany(server, "n", 6);
    const frames = await framesOf(server, "n");
    const [, second, third, , , last] = frames.map(({ id }) => id) as string[];
    await answered(server, fails, "failed");
    await reached(server, "skips", frames[5] as AnyFrame);
    const of = async (name: string, id = "") =>
      (await stateOf(home, server, name, "--at", id)).value;
    const error = expect.stringMatching(/^no 1 \(skips\.ts:4:\d+\)$/);
    expect(await of("skips", second)).toEqual({ before: [0], after: [0], error });
    expect(await of("skips", third)).toEqual({ before: [0], after: [0, 2] });
    expect(await of("skips", last)).toEqual({ before: [0, 2, 3], after: [0, 2, 3, 5] });
    const { code, stderr } = await stateOf(home, server, "fails", "--at", third ?? "");
    expect([code, stderr]).toEqual([1, expect.stringContaining("has not come to that frame")]);
  });
});

/** Effects outside the store: how a script has them, and their name in the refusal. */
const EFFECTS: Record<string, [call: string, named: string, imports?: string]> = {
  global_fetch: ["await fetch(URL_)", "it calls fetch"],
  bun_fetch: ["await Bun.fetch(URL_)", "it calls fetch"],
  imported_fetch: ["await f(URL_)", "it calls fetch", 'import { fetch as f } from "bun";'],
  caught: ["await fetch(URL_).catch(() => null)", "it calls fetch"],
  ws: ["new WS(URL_)", "ws default", 'import WS from "ws";'],
  socket: ["new WebSocket('ws://127.0.0.1:1')", "it makes a WebSocket"],
  spawn: ["Bun.spawn(['touch', FILE])", "it calls Bun.spawn"],
  // biome-ignore lint/suspicious/noTemplateCurlyInString: it is a script's.
  shell: ["await Bun.$`touch ${FILE}`", "it calls Bun.$"],
  child: [
    "spawn('touch', [FILE])",
    "node:child_process spawn",
    'import { spawn } from "node:child_process";',
  ],
  required: ["require('child_process').execSync('touch ' + FILE)", "node:child_process execSync"],
  write: ["await Bun.write(FILE, 'x')", "it calls Bun.write"],
  file: ["await Bun.file(FILE).write('x')", "Bun.file().write"],
  fs: [
    "writeFileSync(FILE, 'x')",
    "node:fs writeFileSync",
    'import { writeFileSync } from "node:fs";',
  ],
  star: ["fs.appendFileSync(FILE, 'x')", "node:fs appendFileSync", 'import * as fs from "fs";'],
  promises: [
    "await fs.writeFile(FILE, 'x')",
    "node:fs/promises writeFile",
    'import fs from "node:fs/promises";',
  ],
  opened: [
    "openSync(FILE, 'w')",
    "node:fs openSync to write",
    'import { openSync } from "node:fs";',
  ],
  dynamic: ["(await import('node:fs')).mkdirSync(FILE)", "node:fs mkdirSync"],
  net: ["connect(1, '127.0.0.1')", "node:net connect", 'import { connect } from "node:net";'],
  http_get: ["http.get(URL_)", "node:http get", 'import http from "node:http";'],
  sqlite: [
    "new Database(FILE)",
    "opens a database to write",
    'import { Database } from "bun:sqlite";',
  ],
  kill: ["process.kill(process.ppid)", "process.kill"],
  worker: ["new Worker(FILE)", "it makes a Worker"],
  kv: ["await xs.kv.get('a')", "xs.kv.get"],
  kv_caught: ["await xs.kv.get('a').catch(() => 1)", "xs.kv.get"],
  list: ["for await (const a of xs.kv.list()) void a", "xs.kv.list"],
};

test("effects outside the store and reads of entries are refused by name, and do not happen", async () => {
  using home = new Home();
  mkdirSync(join(home.path, "made"));
  let asked = 0;
  using web = Bun.serve({
    port: 0,
    fetch: () => {
      asked++;
      return new Response("hi");
    },
  });
  await serving(async (server) => {
    for (const [name, [call, , imports = ""]] of Object.entries(EFFECTS)) {
      const real = call
        .replaceAll("URL_", `"${web.url}"`)
        .replaceAll("FILE", JSON.stringify(join(home.path, "made", name)));
      // The handler itself has no effect: only a run on history comes to it.
      const script = `${imports}
export default {
  topics: ["n"], initial: 0, on_error: "skip",
  async run(frame, state, xs) {
    if (process.env.XS_TRIAL !== undefined && frame.meta.n === 1) {
      ${real};
    }
    return { next: state + 1 };
  },
}`;
      await spawn(server, "handler", name, script);
    }
    await sayMany(server, "n", 3);
    const frames = await framesOf(server, "n");
    const last = frames[2] as AnyFrame;
    for (const [name, [, named]] of Object.entries(EFFECTS)) {
      await reached(server, name, last);
      const { code, stderr, stdout } = await stateOf(home, server, name, "--at", last.id);
      expect([name, code, stdout]).toEqual([name, 1, ""]);
      expect([name, stderr]).toEqual([name, expect.stringContaining(named)]);
      expect([name, stderr]).toEqual([
        name,
        expect.stringContaining(`on the frame ${frames[1]?.id}`),
      ]);
      expect([name, stderr]).toEqual([name, expect.stringContaining(`${name}.ts:6:`)]);
      const first = await stateOf(home, server, name, "--at", frames[0]?.id ?? "");
      expect([name, first.value]).toEqual([name, { before: 0, after: 1 }]);
    }
    expect(asked).toBe(0);
    expect(
      Array.from(new Bun.Glob("*").scanSync({ cwd: join(home.path, "made"), dot: true })),
    ).toEqual([]);
  });
}, 120_000);

test("a bundle runs again with its packages, and its refusals name places in the sources", async () => {
  using home = new Home();
  await Bun.write(
    join(home.path, "lib/send.ts"),
    `import { writeFileSync } from "node:fs";\n\nexport function send(on: boolean) {\n  if (on) writeFileSync("/nowhere/x", "a");\n}\n`,
  );
  await Bun.write(
    join(home.path, "main.ts"),
    `import { send } from "./lib/send.ts";\nexport default { topics: ["n"], initial: 0, run({ meta: { n } }, state) { send(n === 2 && !!process.env.XS_TRIAL); return { next: state + n }; } };\n`,
  );
  const { content } = await bundleScript(join(home.path, "main.ts"));
  await serving(async (server) => {
    await spawn(server, "handler", "sends", new TextDecoder().decode(content));
    await sayMany(server, "n", 3);
    const frames = await framesOf(server, "n");
    await reached(server, "sends", frames[2] as AnyFrame);
    expect((await stateOf(home, server, "sends", "--at", frames[1]?.id ?? "")).value).toEqual({
      before: 0,
      after: 1,
    });
    const { stderr } = await stateOf(home, server, "sends", "--at", frames[2]?.id ?? "");
    expect(stderr).toMatch(/node:fs writeFileSync \(lib\/send\.ts:4:\d+\)/);
  });
});

test("packages of the old kind are refused the same", async () => {
  using home = new Home();
  await Bun.write(
    join(home.path, "node_modules/old/index.js"),
    `const { execSync } = require("child_process");
const http = require("node:http");
exports.run = (n) => {
  if (n === 1) execSync("touch " + ${JSON.stringify(join(home.path, "made"))});
  if (n === 2) http.get("http://127.0.0.1:1").on("error", () => {});
};
`,
  );
  await Bun.write(
    join(home.path, "main.ts"),
    `import { run } from "old";
export default { topics: ["n"], initial: 0, run({ meta: { n } }, state) { if (process.env.XS_TRIAL) run(n); return { next: state + 1 }; } };
`,
  );
  const { content } = await bundleScript(join(home.path, "main.ts"));
  await serving(async (server) => {
    for (const [at, named] of [
      [1, "node:child_process execSync"],
      [2, "node:http get"],
    ] as const) {
      const name = `old${at}`;
      await spawn(server, "handler", name, new TextDecoder().decode(content));
      const frame = await say(server, "n", { n: at });
      await reached(server, name, frame);
      const { stderr, code } = await stateOf(home, server, name, "--at", frame.id);
      expect([code, stderr]).toEqual([1, expect.stringContaining(named)]);
      expect(stderr).toContain("node_modules/old/index.js:");
    }
    expect(await Bun.file(join(home.path, "made")).exists()).toBe(false);
  });
});

test("the log of then has no later frames, and reading it works", async () => {
  using home = new Home();
  await serving(async (server) => {
    const script = `export default {
      topics: ["n"], initial: null,
      async run(frame, _, xs) {
        const all = [];
        for await (const { meta } of xs.cat({ topic: "n" })) all.push(meta.n);
        const two = [];
        for await (const { meta } of xs.cat({ topic: "n", last: 2 })) two.push(meta.n);
        const last = (await xs.last("n")).meta.n;
        const later = (await xs.get(frame.meta.later ?? frame.id)) ?? null;
        return { next: { all, two, last, text: await xs.text(frame.hash), none: later === null } };
      },
    }`;
    await spawn(server, "handler", "reads", script);
    const frames = [];
    for (let n = 0; n < 4; n++) {
      const frame = await say(server, "n", { n }, `text ${n}`);
      await reached(server, "reads", frame);
      frames.push(frame);
    }
    const live = (await stateOf(home, server, "reads")).value;
    expect(live).toMatchObject({ all: [0, 1, 2, 3], two: [2, 3], last: 3, text: "text 3" });
    const then = await stateOf(home, server, "reads", "--at", frames[2]?.id ?? "");
    expect(then.value).toEqual({
      before: { all: [0, 1], two: [0, 1], last: 1, text: "text 1", none: false },
      after: { all: [0, 1, 2], two: [1, 2], last: 2, text: "text 2", none: false },
    });
  });
});

test("a run that takes too long ends, and says how far it came and how to give it more", async () => {
  using home = new Home();
  await serving(async (server) => {
    const script = `export default {
      topics: ["n"], initial: 0,
      run({ meta: { n } }, state) {
        if (process.env.XS_TRIAL && n === 0) for (;;);
        return { next: state + 1 };
      },
    }`;
    await spawn(server, "handler", "spins", script);
    await sayMany(server, "n", 2);
    const frames = await framesOf(server, "n");
    await reached(server, "spins", frames[1] as AnyFrame);
    const { code, stderr } = await stateOf(
      home,
      server,
      "spins",
      "--at",
      frames[0]?.id ?? "",
      "--timeout",
      "2s",
    );
    expect([code, stderr]).toEqual([
      1,
      expect.stringMatching(/2s were not enough; it came to 1 frame: .*--timeout 20s/),
    ]);
  });
});

test("late frames come where they arrived", async () => {
  using home = new Home();
  await serving(async (server) => {
    const script = `export default { topics: ["n"], initial: [], run: ({ meta: { n } }, state) => ({ next: [...state, n] }) }`;
    await spawn(server, "handler", "order", script);
    await sayMany(server, "n", 2);
    const frames = await framesOf(server, "n");
    const old = {
      ...frames[0],
      id: (frames[0] as AnyFrame).id.replace(/.$/, (c) => (c === "0" ? "1" : "0")),
      meta: { n: "late" },
    };
    await reached(server, "order", frames[1] as AnyFrame);
    await server.fetch("/import", { method: "POST", body: `${JSON.stringify(old)}\n` });
    const after = await say(server, "n", { n: 9 });
    await reached(server, "order", after);
    expect((await stateOf(home, server, "order")).value).toEqual([0, 1, "late", 9]);
    const at = await stateOf(home, server, "order", "--at", after.id);
    expect(at.value).toEqual({ before: [0, 1, "late"], after: [0, 1, "late", 9] });
  });
});

test("a new version that goes on after a failure gets the frame on which the old one failed", async () => {
  using home = new Home();
  await serving(async (server) => {
    const script = (wrong: number) => `export default {
      topics: ["n"], initial: [],
      run({ meta: { n } }, state) {
        if (n === ${wrong}) throw new Error("no " + n);
        return { next: [...state, n + ${wrong}] };
      },
    }`;
    const old = await spawn(server, "handler", "mends", script(2));
    await sayMany(server, "n", 4);
    await answered(server, old, "failed");
    await spawn(server, "handler", "mends", script(100), { resume: true });
    const frames = await framesOf(server, "n");
    await reached(server, "mends", frames[3] as AnyFrame);
    expect((await stateOf(home, server, "mends")).value).toEqual([2, 3, 102, 103]);
    const at = async (n: number) =>
      (await stateOf(home, server, "mends", "--at", frames[n]?.id ?? "")).value;
    expect(await at(1)).toEqual({ before: [2], after: [2, 3] });
    expect(await at(2)).toEqual({ before: [2, 3], after: [2, 3, 102] });
    expect(await at(3)).toEqual({ before: [2, 3, 102], after: [2, 3, 102, 103] });
  });
});
