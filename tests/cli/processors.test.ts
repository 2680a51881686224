import { expect, setDefaultTimeout, test } from "bun:test";
import { join } from "node:path";
import {
  answered,
  countOf,
  say,
  sayMany,
  spawn,
  statuses,
  terminate,
  WITH_NU,
} from "../support/processors.ts";
import { NU, startServer } from "../support/server.ts";
import { TEST_MS, until } from "../support/wait.ts";
import { Home } from "./run-xs.ts";

setDefaultTimeout(TEST_MS);

const ROOT = join(import.meta.dir, "../..");
const ENV = WITH_NU;

const rowsOf = (ndjson: string) =>
  ndjson
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => JSON.parse(line));

test("xs ps tells what runs, and without a server what would", async () => {
  using home = new Home();
  {
    await using server = await startServer(home.store, { env: ENV });
    expect(await home.ok(["ps", home.store])).toBe("");
    const handler = await spawn(
      server,
      "handler",
      "count",
      'export default { topics: ["n"], run: async () => { await Bun.sleep(300); return { out: 1 }; } }',
    );
    const falls = await spawn(server, "generator", "falls", "exit 3", { runtime: "sh" });
    await answered(server, falls, "restarting");
    const [count, fallen] = rowsOf(await home.ok(["ps", home.store]));
    // It is there.
    process.kill(count.pid, 0);
    expect(count).toMatchObject({
      kind: "handler",
      name: "count",
      state: "active",
      spawn_id: handler.id,
      runtime: "ts",
      pid: expect.any(Number),
      uptime_ms: expect.any(Number),
      restarts: 0,
      last_exit: null,
      behind_ms: 0,
    });
    expect(fallen).toMatchObject({
      kind: "generator",
      runtime: "sh",
      last_exit: { code: 3, signal: null },
      behind_ms: null,
    });
    await sayMany(server, "n", 3);
    await until("it is behind", async () => (await statuses(server))[0]?.behind_ms !== 0);
    await countOf(server, "count.out", 3);
    await until("it has caught up", async () => (await statuses(server))[0]?.behind_ms === 0);
    await terminate(server, "generator", "falls");
    await answered(server, falls, "terminated");
    expect(rowsOf(await home.ok(["ps", home.store]))).toHaveLength(1);
    await server.stop("SIGTERM");
  }
  expect(rowsOf(await home.ok(["ps", home.store]))).toMatchObject([
    { kind: "handler", name: "count", state: "stopped", pid: null, uptime_ms: null },
  ]);
});

test("xs ps is a table on a terminal", async () => {
  using home = new Home();
  await using server = await startServer(home.store, { env: ENV });
  await spawn(server, "handler", "count", "export default () => {}");
  const table = await home.shell(`script -qec '"${ROOT}/dist/xs" ps "${home.store}"' /dev/null`);
  expect(table.stdout).toMatch(/KIND +NAME +STATE +PID +UPTIME/);
  expect(table.stdout).toMatch(/handler +count +active +\d+ +\d+ m?s/);
});

test("xs eval runs TypeScript with the store at hand and prints what it gives, with a server and without", async () => {
  using home = new Home();
  const use = async () => {
    const ts = async (script: string) => home.ok(["eval", home.store, "-c", script]);
    expect(await ts("export default () => 5")).toBe("5\n");
    expect(await ts('export default async () => ({ a: ["b"] })')).toBe('{"a":["b"]}\n');
    expect(await ts('export default () => "text"')).toBe("text\n");
    expect(await ts("export default () => {}")).toBe("");
    const { bytes } = await home.xs([
      "eval",
      home.store,
      "-c",
      "export default () => new Uint8Array([0, 255])",
    ]);
    expect(bytes).toEqual(Uint8Array.of(0, 255));
    await ts(`export default async (xs) => {
      await xs.append("note", "hello", { meta: { n: 1 }, ttl: "last:1" });
      await xs.kv.put("views/a", { n: 1 });
    }`);
    const read = `export default async function* (xs) {
      for await (const { topic } of xs.cat({ topic: "note" })) yield topic;
      yield (await xs.last("note")).meta;
      yield await xs.text((await xs.first("note")).hash);
      yield await xs.kv.get("views/a");
      await xs.kv.delete("views/a");
      yield (await xs.kv.get("views/a")) ?? "gone";
    }`;
    expect(await ts(read)).toBe('note\n{"n":1}\nhello\n{"n":1}\ngone\n');
    await Bun.write(join(home.path, "helper.ts"), "export const five: number = 5;");
    await Bun.write(
      join(home.path, "script.ts"),
      'import { five } from "./helper.ts"; export default () => five satisfies number;',
    );
    expect(await home.ok(["eval", home.store, "script.ts"])).toBe("5\n");
    expect(await home.ok(["eval", home.store, "-"], { stdin: "export default () => 6" })).toBe(
      "6\n",
    );
  };
  await use();
  await using _ = await startServer(home.store);
  await use();
});

test("xs eval says what is wrong, and with which exit code", async () => {
  using home = new Home();
  await home.makeStore();
  const fails = async (args: string[], code: number, message: string, env = ENV) => {
    const run = await home.xs(["eval", home.store, ...args], { env });
    expect([run.code, run.stdout, run.stderr]).toEqual([
      code,
      "",
      expect.stringContaining(message),
    ]);
  };
  await fails(["-c", "export default () => { throw new Error('oh no') }"], 1, "oh no");
  await fails(["-c", "export default {{{"], 1, "line 1");
  await fails(["-c", "export default 5"], 1, "not a function");
  await fails(["-c", "export default (xs) => xs.text('sha256-none')"], 1, "sha256-none");
  await fails(["-c", "export default (xs) => xs.append('no topic')"], 1, "no topic");
  await fails(["-c", "export default () => 1n"], 1, "BigInt");
  await fails(["no-such-file.ts"], 2, "no-such-file.ts");
  await fails([], 2, "FILE");
  await fails(["-c", "error make { msg: 'not today' }"], 1, "not today");
  await fails(["-c", "ls | where {"], 1, "");
  await fails(["-c", "5"], 1, "https://www.nushell.sh", { XS_NU: "/no/such/nu" });
});

test("xs eval runs nushell with the commands of the store, with a server and without", async () => {
  using home = new Home();
  await home.makeStore();
  const nu = async (script: string) =>
    (await home.ok(["eval", home.store, "-c", script], { env: ENV })).trimEnd();
  const use = async () => {
    expect(await nu("2 + 3")).toBe("5");
    await nu('"one" | .append note --meta { n: 1 }; "two" | .append note | ignore');
    expect(await nu(".cat --topic note | length | into string")).toMatch(/[24]/);
    expect(await nu(".last note | .cas")).toBe("two");
    await Bun.write(join(home.path, "script.nu"), ".cat --topic note | last 2 | get meta.n.0");
    expect((await home.ok(["eval", home.store, "script.nu"], { env: ENV })).trim()).toBe("1");
    const stdin = await home.ok(["eval", home.store, "-"], { env: ENV, stdin: "print hi" });
    expect(stdin.trim()).toBe("hi");
  };
  await use();
  await using _ = await startServer(home.store);
  await use();
  const exit = await home.xs(["eval", home.store, "-c", "exit 7"], { env: ENV });
  expect(exit.code).toBe(7);
});

test("every command of the module that xs nu prints works in a real nushell", async () => {
  using home = new Home();
  await using server = await startServer(home.store, { env: ENV });
  await Bun.write(join(home.path, "xs.nu"), await home.ok(["nu"]));
  const nu = async (script: string) => {
    const command = [NU, "--no-config-file", "-c", `use xs.nu *; ${script} | to json --raw`];
    const env = { PATH: `${ROOT}/dist:/usr/bin:/bin`, XS_ADDR: home.store };
    const run = await home.run(command, { env });
    if (run.code !== 0) throw new Error(`${script}: ${run.stderr}`);
    return run.stdout.trim() === "" ? undefined : JSON.parse(run.stdout);
  };
  const one = await nu('"one" | .append note --meta { n: 1 }');
  expect(one).toMatchObject({ topic: "note", meta: { n: 1 }, ttl: "forever" });
  const two = await nu("{ a: 1 } | .append note --ttl last:2");
  expect(two).toMatchObject({ meta: null, ttl: "last:2" });
  const bytes = await nu("0x[00 ff] | .append bytes");
  const none = await nu(".append none");
  expect(none.hash).toBeNull();
  expect(await nu(".cat --topic note")).toEqual([one, two]);
  expect(await nu(".cat --last 1")).toEqual([none]);
  expect(await nu(`.cat --last-id ${one.id} --limit 1`)).toEqual([two]);
  expect(
    await nu(`.cat --from ${one.id} -T "note,bytes" --with-timestamp | get timestamp | length`),
  ).toBe(3);
  expect(await nu(".cat --follow --tail --pulse 20 --topic none --limit 0 | length")).toBe(0);
  expect(await nu(".cat --follow --topic note | first 3 | get topic")).toEqual([
    "note",
    "note",
    "stream.cross.threshold",
  ]);
  expect(await nu(`.get ${two.id}`)).toEqual(two);
  expect(await nu(".last")).toEqual(none);
  expect(await nu(".last note")).toEqual(two);
  expect(await nu(".last note 5")).toEqual([one, two]);
  expect(await nu(".first note")).toEqual(one);
  expect(await nu(".first note 1")).toEqual([one]);
  expect(await nu(".last nothing")).toBeNull();
  expect(await nu(`.cas ${one.hash}`)).toBe("one");
  expect(await nu(".last note | .cas | from json")).toEqual({ a: 1 });
  expect(await nu(`.cas ${bytes.hash} | into binary | encode hex`)).toBe("00FF");
  const hash = await nu('"posted" | .cas-post');
  expect(await nu(`"${hash}" | .cas`)).toBe("posted");
  expect(await nu('{ n: 1 } | .kv put "views/a"')).toMatchObject({ key: "views/a", size: 7 });
  await nu('"12" | .kv put text');
  await nu("0x[61 62] | .kv put bytes");
  await nu("0x[00 ff] | .kv put others");
  await nu("[1 2] | .kv put list");
  expect(await nu('.kv get "views/a"')).toEqual({ n: 1 });
  expect(await nu(".kv get text")).toBe("12");
  expect(await nu(".kv get bytes | describe")).toBe("binary");
  expect(await nu(".kv get others | encode hex")).toBe("00FF");
  expect(await nu(".kv get list")).toEqual([1, 2]);
  expect(await nu(".kv get nothing")).toBeNull();
  expect(await nu(".kv list | get key")).toEqual(["bytes", "list", "others", "text", "views/a"]);
  expect(await nu(".kv list views/ | get type")).toEqual(["application/json"]);
  expect(await nu(".kv watch views/ | first 1 | get value")).toEqual([{ n: 1 }]);
  await nu(".kv delete text");
  expect(await nu(".kv get text")).toBeNull();
  await spawn(server, "handler", "count", "export default () => {}");
  expect(await nu(".ps | get name")).toEqual(["count"]);
  expect(await nu(".id")).toMatch(/^[0-9a-z]{25}$/);
  await nu(".export all.tar");
  await nu(`.remove ${none.id}`);
  expect(await nu(".cat --topic none")).toEqual([]);
  // What was removed here stays removed.
  expect(await nu(".import all.tar")).toMatchObject({ added: 0, stay_removed: 1 });
  expect(await nu(`[${JSON.stringify(one)}] | .import`)).toEqual(one);
  await expect(nu(".get 0000000000000000000000000")).rejects.toThrow();
  await expect(nu('"x" | .append "no topic"')).rejects.toThrow("no topic");
});

test("xs types print types that a handler and a generator in strict TypeScript check against", async () => {
  using home = new Home();
  await Bun.write(join(home.path, "xs.d.ts"), await home.ok(["types"]));
  await Bun.write(
    join(home.path, "handler.ts"),
    `/// <reference path="./xs.d.ts" />
export default {
  topics: ["n"],
  start: "first",
  initial: { count: 0 },
  on_error: "skip",
  async run(frame, state, xs) {
    const before: { n: number } | undefined = await xs.kv.get("view");
    for await (const { id } of xs.cat({ topic: ["a", "b.*"], last: 3 })) await xs.get(id);
    await xs.append("copy", new Uint8Array([1]), { meta: { n: before?.n ?? 0 }, ttl: "last:2" });
    if (frame.meta.quiet) return;
    return { out: { n: state.count }, next: { count: state.count + 1 } };
  },
} satisfies XsHandler<{ count: number }>;
`,
  );
  await Bun.write(
    join(home.path, "bare.ts"),
    `/// <reference path="./xs.d.ts" />
const run: XsRun<undefined> = (frame) => ({ response: { status: 200, body: { id: frame.id } } });
export default run;
`,
  );
  await Bun.write(
    join(home.path, "generator.ts"),
    `/// <reference path="./xs.d.ts" />
export default async function* (xs, input) {
  for await (const line of input) yield { line, last: (await xs.last())?.id };
} satisfies XsGenerator;
`
      .replace("function* (xs, input)", "function* (xs: Xs, input: AsyncIterableIterator<string>)")
      .replace(" satisfies XsGenerator;", "") +
      "\nexport const same: XsGenerator = async function* (xs, input) { for await (const l of input) { yield l; await xs.append('a', l); } };\n",
  );
  const wrong = `/// <reference path="./xs.d.ts" />
export default { run: (frame) => ({ out: frame.nothing, next: 1 }), starts: "first" } satisfies XsHandler;
`;
  const check = (...files: string[]) =>
    home.run(
      [
        process.execPath,
        join(ROOT, "node_modules/typescript/bin/tsc"),
        ..."--noEmit --strict --exactOptionalPropertyTypes --noUncheckedIndexedAccess --target esnext --module preserve --lib esnext --types".split(
          " ",
        ),
        "",
        ...files,
      ],
      { env: { BUN_BE_BUN: "1" } },
    );
  const good = await check("handler.ts", "bare.ts", "generator.ts");
  expect([good.stdout, good.code]).toEqual(["", 0]);
  await Bun.write(join(home.path, "wrong.ts"), wrong);
  const bad = await check("wrong.ts");
  expect(bad.code).not.toBe(0);
  expect(bad.stdout).toContain("nothing");
});

const TRIED = {
  "count.ts": `export default {
    topics: ["n"], initial: 0,
    async run({ meta: { n } }, state, xs) {
      const total = (await xs.kv.get("total")) ?? 0;
      await xs.kv.put("total", total + n);
      if (n === 2) await xs.append("two", "content of it", { ttl: "last:5" });
      return { out: { n, total }, next: state + 1 };
    },
  }`,
  "count.nu": `{
    topics: [n], initial: 0
    run: {|frame, state|
      let n = $frame.meta.n
      let total = (.kv get total | default 0)
      ($total + $n) | .kv put total
      if $n == 2 { "content of it" | .append two --ttl last:5 }
      { out: { n: $n, total: $total }, next: ($state + 1) }
    }
  }`,
  "count.py": `#!/usr/bin/python3
import json, sys
print(json.dumps({"ready": {"topics": ["n"], "initial": 0}}), flush=True)
total = 0
for line in sys.stdin:
    frame = json.loads(line)
    if "state" in frame:
        state = frame["state"]
    elif "topic" in frame:
        n = frame["meta"]["n"]
        out, total, state = {"n": n, "total": total}, total + n, state + 1
        print(json.dumps({"put": {"key": "total", "value": total}}), flush=True)
        if n == 2:
            print(json.dumps({"append": {"topic": "two", "content": "content of it", "ttl": "last:5"}}), flush=True)
        print(json.dumps({"out": out, "next": state, "done": frame["id"]}), flush=True)
`,
};

test("xs handler try prints what a handler would write, and writes nothing", async () => {
  using home = new Home();
  for (const [name, script] of Object.entries(TRIED))
    await Bun.write(join(home.path, name), script);
  {
    await using server = await startServer(home.store);
    await sayMany(server, "n", 5);
    await sayMany(server, "many", 250);
    await say(server, "other");
    await server.stop("SIGTERM");
  }
  const exported = async (file: string) => {
    await home.ok(["export", home.store, file]);
    return Bun.file(join(home.path, file)).bytes();
  };
  const before = await exported("before.tar");
  const tried = async (script: string, ...options: string[]) => {
    const text = await home.ok(["handler", "try", home.store, script, ...options], { env: ENV });
    return rowsOf(text);
  };
  const use = async () => {
    for (const name of Object.keys(TRIED)) {
      const lines = await tried(name);
      const out = lines.filter(({ topic }) => topic === "count.out");
      expect([name, out.map(({ meta }) => [meta.n, meta.total])]).toEqual([
        name,
        [
          [0, 0],
          [1, 0],
          [2, 1],
          [3, 3],
          [4, 6],
        ],
      ]);
      expect(lines.filter(({ topic }) => topic === "two")).toMatchObject([
        { content: "content of it", ttl: "last:5", meta: { frame_id: out[2]?.meta.frame_id } },
      ]);
      expect(lines.filter(({ put }) => put)).toHaveLength(5);
      expect(lines.at(-1)).toEqual({ state: 5 });
      expect((await tried(name, "--last", "2")).at(-1)).toEqual({ state: 2 });
    }
    const some = await tried("count.ts", "--topic", "nothing");
    expect(some).toEqual([{ state: 0 }]);
    // In several pages: what it wrote is there for it all the same.
    const many = ["--topic", "many"];
    for (const name of ["count.ts", "count.nu"]) {
      const out = (await tried(name, ...many)).filter(({ topic }) => topic === "count.out");
      expect([out.length, out.at(-1)?.meta]).toMatchObject([250, { n: 249, total: 30876 }]);
    }
  };
  await use();
  expect(await exported("after.tar")).toEqual(before);
  {
    await using server = await startServer(home.store, { env: ENV });
    await use();
    const topics = new Set((await server.frames()).map(({ topic }) => topic));
    expect([...topics].sort()).toEqual([
      "many",
      "n",
      "other",
      "stream.cross.start",
      "stream.cross.stop",
    ]);
    expect(await (await server.fetch("/kv")).text()).toBe("");
  }
});

test("xs handler try and xs eval reach a server at a URL", async () => {
  using home = new Home();
  await Bun.write(
    join(home.path, "last.ts"),
    `export default {
    topics: ["n"], run: async (_, __, xs) => ({ out: { last: (await xs.last("n")).meta.n } }),
  }`,
  );
  await using server = await startServer(home.store, { args: ["--expose", "127.0.0.1:0"] });
  await sayMany(server, "n", 3);
  const url = `http://${await server.listensAt("expose")}`;
  const env = { ...ENV, XS_TOKEN: (await Bun.file(join(home.store, "token")).text()).trim() };
  const lines = rowsOf(await home.ok(["handler", "try", url, "last.ts"], { env }));
  expect(lines.map(({ meta }) => meta.last)).toEqual([2, 2, 2]);
  const last = 'export default async (xs) => (await xs.last("n")).meta.n';
  expect(await home.ok(["eval", url, "-c", last], { env })).toBe("2\n");
  expect((await home.ok(["eval", url, "-c", ".last n | get meta.n"], { env })).trim()).toBe("2");
});

test("xs handler try shows errors as they would be, and fails where the handler would", async () => {
  using home = new Home();
  {
    await using server = await startServer(home.store);
    await sayMany(server, "n", 4);
    await sayMany(server, "http.request", 4);
    await server.stop("SIGTERM");
  }
  const script = (options: string, topic = "n") =>
    `export default { topics: ["${topic}"], ${options} run({ meta: { n } }) { if (n === 2) throw new Error("no two"); return { out: { n } }; } }`;
  const tried = (text: string) =>
    home.xs(["handler", "try", home.store, "-"], { stdin: text, env: ENV });
  const skips = await tried(script('on_error: "skip",'));
  expect(skips.code).toBe(0);
  expect(rowsOf(skips.stdout)).toMatchObject([
    { meta: { n: 0 } },
    { meta: { n: 1 } },
    { error: expect.stringContaining("no two") },
    { meta: { n: 3 } },
  ]);
  // As it would be with a request from outside.
  const request = await tried(script("", "http.request"));
  expect([request.code, rowsOf(request.stdout)]).toMatchObject([
    0,
    [{}, {}, { error: expect.stringContaining("no two") }, {}],
  ]);
  const refused = await tried(
    `{ topics: ["http.request"], run: {|f| if $f.meta.n == 2 { { response: { satus: 1 } } } else { { out: $f.meta.n } } } }`,
  );
  expect([refused.code, rowsOf(refused.stdout)]).toMatchObject([
    0,
    [{}, {}, { error: expect.stringContaining("satus") }, {}, { state: null }],
  ]);
  const fails = await tried(script(""));
  expect([fails.code, fails.stderr]).toEqual([1, expect.stringContaining("failed on the frame")]);
  expect(rowsOf(fails.stdout)).toHaveLength(3);
  const broken = await tried("export default {{{");
  expect([broken.code, broken.stdout, broken.stderr]).toEqual([
    1,
    "",
    expect.stringContaining("line 1"),
  ]);
  const garbage = await tried("#!/bin/sh\necho '{\"ready\":{}}'; read l; echo garbage");
  expect([garbage.code, garbage.stderr]).toEqual([1, expect.stringContaining("garbage")]);
  const exits = await tried("#!/bin/sh\necho '{\"ready\":{}}'; read l; exit 4");
  expect([exits.code, exits.stderr]).toEqual([1, expect.stringContaining("exit code 4")]);
  expect((await home.xs(["handler", "try", home.store, "none.ts"])).code).toBe(2);
  expect((await home.xs(["handler"])).code).toBe(2);
});
