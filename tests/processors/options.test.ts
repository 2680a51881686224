import { expect, setDefaultTimeout, test } from "bun:test";
import {
  answered,
  ask,
  countOf,
  events,
  framesOf,
  say,
  sayMany,
  serving,
  spawn,
} from "../support/processors.ts";
import { TEST_MS } from "../support/wait.ts";

setDefaultTimeout(TEST_MS);

const TS = (options: string) => `export default { ${options} run() {} }`;
const NU = (options: string) => `{ ${options} run: {|frame| null } }`;
const EXEC = (options: string) => `#!/bin/sh
echo '{"ready":{${options}}}'
cat > /dev/null
`;

/** Kind, script, the rest of the spawn's meta, and what the reason says. */
const REFUSED: [kind: "handler" | "generator" | "duplex", string, object, string[]][] = [
  ["handler", TS('topic: ["ping"],'), {}, ['"topic"', "topics, start, initial"]],
  ["handler", TS('topics: ["n"], on_eror: "skip",'), {}, ['"on_eror"', "on_error"]],
  ["handler", TS('topics: ["n"], concurency: 2, puls: 1,'), {}, ['"concurency"', '"puls"']],
  ["handler", NU('topic: ["ping"],'), {}, ['"topic"', "topics, start, initial"]],
  ["handler", EXEC('"topics":["n"],"Start":"first"'), {}, ['"Start"', "topics, start, initial"]],
  ["handler", "export default () => {}", { topcs: ["n"] }, ['"topcs"', "runtime", "topics"]],
  ["handler", "export default () => {}", { duplex: true }, ['"duplex"', "restart"]],
  ["generator", "echo", { runtime: "sh", restrt: "never" }, ['"restrt"', "restart"]],
  ["generator", "echo", { runtime: "sh", topics: ["n"] }, ['"topics"', "duplex, runtime"]],
  ["duplex", "cat", { runtime: "sh", concurrency: 2 }, ['"concurrency"', "restart"]],
  // What is known and of another type.
  ["handler", TS("topics: 5,"), {}, ["topics"]],
  ["handler", TS("topics: [1],"), {}, ["topics"]],
  ["handler", TS("topics: [],"), {}, ["topics is empty"]],
  ["handler", TS("start: 5,"), {}, ["start"]],
  ["handler", TS('pulse: "1000",'), {}, ["pulse"]],
  ["handler", TS("on_error: true,"), {}, ["on_error"]],
  ["handler", TS('on_error: "retry", concurrency: 2,'), {}, ["on_error", "concurrency"]],
  ["handler", TS("retries: 3,"), {}, ["retries", 'on_error "retry"']],
  ["handler", TS('on_error: "retry", retries: 0,'), {}, ["retries is a whole number from 1"]],
  ["handler", TS("run() {},"), { on_error: "retry", retries: "3" }, ["retries is a whole number"]],
  ["handler", TS('concurrency: "2",'), {}, ["concurrency"]],
  ["handler", TS("one_by_one: 1,"), {}, ["one_by_one is true or false"]],
  ["handler", EXEC('"topics":["n"],"batches":"yes"'), {}, ["batches is true or false"]],
  ["handler", "export default () => {}", { ttl: ["forever"] }, ["ttl"]],
  ["generator", "echo", { runtime: "sh", duplex: "yes" }, ["duplex is true or false"]],
];

test("an option that nobody knows, or of a wrong type, makes a spawn invalid, by name", async () => {
  await serving(async (server) => {
    const answers = REFUSED.map(async ([kind, script, meta], n) => {
      const frame = await ask(server, kind, `wrong${n}`, script, meta);
      const invalid = await answered(server, frame, "invalid");
      expect(await events(server, frame)).toEqual(["invalid"]);
      return [n, invalid.meta.reason];
    });
    for (const [n, reason] of await Promise.all(answers)) {
      for (const part of REFUSED[n]?.[3] ?? []) {
        expect([n, reason]).toEqual([n, expect.stringContaining(part)]);
      }
    }
  });
});

test("topics may be one text, and start may be new; who appended the spawn may stand in its meta", async () => {
  await serving(async (server) => {
    await say(server, "b", { n: 0 });
    const script = (options: string) =>
      `export default { ${options} run: (frame) => ({ out: { n: frame.meta.n } }) }`;
    await spawn(server, "handler", "text", script('topics: "a", start: "new",'));
    await spawn(server, "handler", "list", script('topics: "a, b", start: "first",'));
    await spawn(server, "handler", "meta", script(""), { topics: "b" });
    await spawn(
      server,
      "handler",
      "spawner",
      `export default { topics: "go", run: (_, __, xs) => xs.append("stream.cross.handler.spawn",
        'export default { topics: "b", run: (frame) => ({ out: { n: frame.meta.n } }) }',
        { meta: { topic: "spawned" } }) }`,
    );
    await say(server, "go");
    const [spawned] = await countOf(server, "stream.cross.handler.spawn", 5).then((all) =>
      all.slice(4),
    );
    if (!spawned) throw new Error("nothing was spawned");
    await answered(server, spawned, "active");
    await say(server, "a", { n: 1 });
    await say(server, "b", { n: 2 });
    const numbers = async (name: string, count: number) =>
      (await countOf(server, `${name}.out`, count)).map(({ meta }) => meta.n);
    expect(await numbers("list", 3)).toEqual([0, 1, 2]);
    expect(await numbers("text", 1)).toEqual([1]);
    expect(await numbers("meta", 1)).toEqual([2]);
    expect(await numbers("spawned", 1)).toEqual([2]);
  });
});

/** What run gives, and what the reason of its error says. */
const RESULTS: [string, string[]][] = [
  ["{ outt: 1 }", ['"outt"', "out, next, response"]],
  ["{ out: 1, nxt: 2 }", ['"nxt"', "out, next, response"]],
  ["{ response: { satus: 404 } }", ['"satus"', "status, headers, body"]],
  ["{ response: 'hello' }", ["response"]],
];

test.each(["ts", "nu"])(
  "a key of a result that nobody knows is an error by name: %s",
  async (runtime) => {
    await serving(async (server) => {
      const cases = RESULTS.map(([value], n) =>
        runtime === "ts" ? `${n}: () => (${value}),` : `${n} => (${value.replaceAll(",", "")})`,
      ).join("\n");
      const script =
        runtime === "ts"
          ? `const cases = {${cases}};
           export default { topics: ["n"], on_error: "skip", run: ({ meta }) => cases[meta.n]() }`
          : `{ topics: ["n"], on_error: "skip", run: {|frame| match $frame.meta.n { ${cases} } } }`;
      await spawn(server, "handler", "odd", script);
      // One by one: each is an error of its own frame.
      for (let n = 0; n < RESULTS.length; n++) {
        await sayMany(server, "n", 1, n);
        await countOf(server, "odd.error", n + 1);
      }
      const errors = await framesOf(server, "odd.error");
      for (const [n, [, parts]] of RESULTS.entries()) {
        for (const part of parts) {
          expect([n, errors[n]?.meta.reason]).toEqual([n, expect.stringContaining(part)]);
        }
      }
      expect(await framesOf(server, "odd.out")).toEqual([]);
      expect(await framesOf(server, "http.response")).toEqual([]);
    });
  },
);

test("a key of an effect that nobody knows is an error by name", async () => {
  await serving(async (server) => {
    await spawn(
      server,
      "handler",
      "odd",
      `const cases = [
        (xs) => xs.append("a", "", { mta: { n: 1 } }),
        (xs) => xs.append("a", "", { meta: { n: 1 }, tll: "last:1" }),
        (xs, frame) => xs.respond(frame, { boddy: "x" }),
        (xs, frame) => xs.respond({ meta: {} }, { body: "x" }),
        (xs) => xs.append(null),
        (xs) => xs.append("a", "", null),
        (xs) => xs.append("a", "", { ttl: 5 }),
        (xs) => xs.kv.put({}, 1),
        (xs) => xs.kv.delete(5),
      ];
      export default { topics: ["n"], on_error: "skip", run: (frame, _, xs) => cases[frame.meta.n](xs, frame) }`,
    );
    await sayMany(server, "n", 9);
    const errors = await countOf(server, "odd.error", 9);
    expect(errors.map(({ meta }) => meta.reason)).toEqual([
      expect.stringContaining('"mta"'),
      expect.stringContaining('"tll"'),
      expect.stringContaining('"boddy"'),
      expect.stringContaining("request"),
      expect.stringContaining("the topic is null, and has to be a text"),
      expect.stringContaining("{ meta?, ttl?, at? }"),
      expect.stringContaining("the ttl is 5, and has to be a text"),
      expect.stringContaining("the key is an object, and has to be a text"),
      expect.stringContaining("the key is 5, and has to be a text"),
    ]);
    const generator = await spawn(
      server,
      "generator",
      "gen",
      'export default async function* (xs) { await xs.append("a", "", { mta: 1 }); }',
    );
    expect((await answered(server, generator, "restarting")).meta.reason).toContain('"mta"');
    expect(await framesOf(server, "a")).toEqual([]);
    expect(await framesOf(server, "http.response")).toEqual([]);
  });
});

test("a word that is not of the protocol fails the handler, by name", async () => {
  await serving(async (server) => {
    const handler = await spawn(
      server,
      "handler",
      "odd",
      `#!/bin/sh
echo '{"ready":{"topics":["n"]}}'
read -r frame
id=$(expr "$frame" : '.*"id":"\\([0-9a-z]*\\)"')
echo "{\\"outt\\":1,\\"done\\":\\"$id\\"}"
cat > /dev/null
`,
    );
    await say(server, "n");
    const failed = await answered(server, handler, "failed");
    expect(failed.meta.reason).toContain('"outt"');
    expect(failed.meta.reason).toContain("out, out_base64, append");
  });
});

test("a name whose topics belong to the runtime or the gateway is refused, by that topic", async () => {
  await serving(async (server) => {
    for (const [kind, name, topic, owner] of [
      ["handler", "stream.cross", "stream.cross.out", "the runtime"],
      ["handler", "stream.cross.handler", "stream.cross.handler.out", "the runtime"],
      ["generator", "stream.cross.generator", "stream.cross.generator.recv", "the runtime"],
      ["duplex", "stream.cross.x", "stream.cross.x.recv", "the runtime"],
      ["handler", "http", "http.error", "the gateway"],
    ] as const) {
      const frame = await ask(server, kind, name, "export default () => ({ out: 1 })");
      const { reason } = (await answered(server, frame, "invalid")).meta;
      expect(reason).toBe(
        `the name "${name}" is not free: ${topic} is a topic of ${owner}. Give it another`,
      );
    }
    for (const name of ["stream", "stream.crossing", "http.site", "Http"])
      await spawn(server, "handler", name, "export default () => {}", { topics: ["n"] });
  });
});
