import { expect, setDefaultTimeout, test } from "bun:test";
import {
  answered,
  ask,
  countOf,
  events,
  expectFailedAtTwo,
  framesOf,
  kvText,
  say,
  sayMany,
  serving,
  spawn,
  terminate,
  textOf,
  textsOf,
} from "../support/processors.ts";
import { TEST_MS, until } from "../support/wait.ts";

setDefaultTimeout(TEST_MS);

test("a handler answers each frame of its topics from its spawn on, in order", async () => {
  await serving(async (server) => {
    await say(server, "ping", { n: -1 });
    const handler = await spawn(
      server,
      "handler",
      "pong",
      `export default {
        topics: ["ping", "other.*"],
        initial: 0,
        run: (frame, state) => ({ out: { pong: state, n: frame.meta?.n ?? null }, next: state + 1 }),
      }`,
    );
    const first = await say(server, "ping", { n: 0 });
    await say(server, "note");
    await say(server, "other.thing");
    const out = await countOf(server, "pong.out", 2);
    expect(out.map(({ meta }) => meta)).toMatchObject([
      { pong: 0, n: 0, handler_id: handler.id, frame_id: first.id },
      { pong: 1, n: null },
    ]);
    expect(await events(server, handler)).toEqual(["active"]);
  });
});

test("a bare function is a handler of every topic, without state", async () => {
  await serving(async (server) => {
    const handler = await spawn(
      server,
      "handler",
      "all",
      "export default (frame, state) => ({ out: { of: frame.topic, state: typeof state } })",
    );
    await say(server, "a");
    await say(server, "b");
    const out = await until("both", async () => {
      const frames = await framesOf(server, "all.out");
      return frames.some(({ meta }) => meta.of === "b") && frames;
    });
    // Not its own output, and nothing that the runtime says of it.
    expect(out.map(({ meta }) => [meta.of, meta.state])).toEqual([
      ["a", "undefined"],
      ["b", "undefined"],
    ]);
    expect(out.every(({ meta }) => meta.handler_id === handler.id)).toBe(true);
  });
});

test("start is first, or an id to start after; options in the meta of the spawn go over the script's", async () => {
  await serving(async (server) => {
    await say(server, "n", { n: 0 });
    const second = await say(server, "n", { n: 1 });
    await say(server, "n", { n: 2 });
    const script = (options: string) =>
      `export default { topics: ["n"], ${options} run: (frame) => ({ out: { n: frame.meta.n } }) }`;
    await spawn(server, "handler", "first", script('start: "first",'));
    await spawn(server, "handler", "after", script(`start: "${second.id}",`));
    await spawn(server, "handler", "meta", script(""), { start: "first" });
    await spawn(server, "handler", "tail", script('start: "tail",'));
    await say(server, "n", { n: 3 });
    const numbers = async (topic: string, count: number) =>
      (await countOf(server, topic, count)).map(({ meta }) => meta.n);
    expect(await numbers("first.out", 4)).toEqual([0, 1, 2, 3]);
    expect(await numbers("after.out", 2)).toEqual([2, 3]);
    expect(await numbers("meta.out", 4)).toEqual([0, 1, 2, 3]);
    expect(await numbers("tail.out", 1)).toEqual([3]);
  });
});

test("out is a record, a text, bytes, or any other JSON; nothing and null are no output", async () => {
  await serving(async (server) => {
    const values = [
      "{ a: 1, frame_id: 'mine' }",
      '"text"',
      "new Uint8Array([0, 255, 10])",
      "5",
      "[1, { b: 2 }]",
      "true",
      "null",
      "undefined",
      '""',
      '"last"',
    ];
    await spawn(
      server,
      "handler",
      "outs",
      `const values = [${values.join(",")}];
       export default { topics: ["n"], run: ({ meta }) => ({ out: values[meta.n] }) }`,
      { ttl: "last:100" },
    );
    await sayMany(server, "n", values.length);
    const out = await countOf(server, "outs.out", 8);
    expect(out).toHaveLength(8);
    const [record, ...others] = out;
    expect(record?.meta).toMatchObject({ a: 1, frame_id: expect.stringMatching(/^[0-9a-z]{25}$/) });
    expect(record?.hash).toBeNull();
    expect(out.every(({ ttl }) => ttl === "last:100")).toBe(true);
    const contents = await Promise.all(
      others.map(async ({ id }) => {
        const response = await server.fetch(`/${id}/content`);
        return response.ok ? Buffer.from(await response.bytes()) : undefined;
      }),
    );
    expect(contents.map((bytes) => bytes?.toString("latin1"))).toEqual([
      "text",
      "\x00\xff\n",
      "5",
      '[1,{"b":2}]',
      "true",
      contents[5]?.toString(),
      "last",
    ]);
    expect(others[5]?.hash).toBeNull();
  });
});

test("a pulse wakes a handler that has nothing else to do", async () => {
  await serving(async (server) => {
    await spawn(
      server,
      "handler",
      "clock",
      `export default {
        topics: ["nothing"], pulse: 20, initial: 0,
        run: (frame, n) => ({ out: { of: frame.topic, n }, next: n + 1 }),
      }`,
    );
    const out = await countOf(server, "clock.out", 3);
    expect(out.slice(0, 3).map(({ meta }) => [meta.of, meta.n])).toEqual([
      ["stream.cross.pulse", 0],
      ["stream.cross.pulse", 1],
      ["stream.cross.pulse", 2],
    ]);
  });
});

/** Writes, changes its state in place, and throws on every third frame. */
const FAULTY = (options: string) => `export default {
  topics: ["n"], ${options} initial: { count: 0 },
  async run({ meta: { n } }, state, xs) {
    state.count++;
    const before = (await xs.kv.get("total")) ?? 0;
    await xs.kv.put("total", before + 1);
    await xs.append("copy", "c" + n, { meta: { n } });
    if (n % 3 === 2) throw new Error("no " + n);
    return { out: { n, count: state.count }, next: state };
  },
}`;

test("on_error: skip writes NAME.error and goes on; nothing of that frame stays", async () => {
  await serving(async (server) => {
    const handler = await spawn(server, "handler", "faulty", FAULTY('on_error: "skip",'));
    await sayMany(server, "n", 30);
    await countOf(server, "faulty.out", 20);
    await sayMany(server, "n", 60, 30);
    const out = await countOf(server, "faulty.out", 60);
    const good = Array.from({ length: 90 }, (_, n) => n).filter((n) => n % 3 !== 2);
    expect(out.map(({ meta }) => [meta.n, meta.count])).toEqual(good.map((n, at) => [n, at + 1]));
    expect((await framesOf(server, "copy")).map(({ meta }) => meta.n)).toEqual(good);
    expect(await kvText(server, "total")).toBe("60");
    const errors = await framesOf(server, "faulty.error");
    expect(errors).toHaveLength(30);
    const frames = await framesOf(server, "n");
    expect(errors[0]?.meta).toMatchObject({ handler_id: handler.id, frame_id: frames[2]?.id });
    expect(errors[0]?.meta.reason).toContain("no 2");
    expect(await events(server, handler)).toEqual(["active"]);
  });
});

test("a handler that throws has failed: the reason, the frame, and what was before it is kept", async () => {
  await serving(async (server) => {
    const failed = await expectFailedAtTwo(server, FAULTY(""));
    expect(failed.meta.reason).toContain("faulty.ts:");
  });
});

test("with concurrency a script in TypeScript works on several frames at once; its output is in order", async () => {
  await serving(async (server) => {
    await spawn(
      server,
      "handler",
      "wide",
      `let now = 0, most = 0, all = Promise.withResolvers();
       export default {
        topics: ["n"], concurrency: 8,
        async run({ meta: { n } }) {
          most = Math.max(most, ++now);
          // Nobody gets on before eight are here.
          if (now === 8) all.resolve();
          await all.promise;
          await Bun.sleep((n * 7) % 5);
          now--;
          return { out: { n, most, pid: process.pid } };
        },
      }`,
    );
    // One by one, as they come live.
    for (let n = 0; n < 8; n++) await say(server, "n", { n });
    await countOf(server, "wide.out", 8);
    await sayMany(server, "n", 200, 8);
    const out = await countOf(server, "wide.out", 208);
    expect(out.map(({ meta }) => meta.n)).toEqual(Array.from({ length: 208 }, (_, n) => n));
    expect(out.at(-1)?.meta.most).toBe(8);
    expect(new Set(out.map(({ meta }) => meta.pid)).size).toBe(1);
  });
});

test("with concurrency an error of one frame takes nothing of the others with it", async () => {
  await serving(async (server) => {
    await spawn(
      server,
      "handler",
      "wide",
      `export default {
        topics: ["n"], concurrency: 4, on_error: "skip",
        async run({ meta: { n } }, _, xs) {
          await xs.append("copy", null, { meta: { n } });
          await xs.kv.put("last/" + n, n);
          await Bun.sleep(n % 3);
          if (n % 5 === 4) throw new Error("no " + n);
          return { out: { n } };
        },
      }`,
    );
    await sayMany(server, "n", 100);
    const out = await countOf(server, "wide.out", 80);
    await countOf(server, "wide.error", 20);
    const good = Array.from({ length: 100 }, (_, n) => n).filter((n) => n % 5 !== 4);
    expect(out.map(({ meta }) => meta.n)).toEqual(good);
    expect((await framesOf(server, "copy")).map(({ meta }) => meta.n)).toEqual(good);
    expect(await kvText(server, "last/3")).toBe("3");
    expect(await kvText(server, "last/4")).toBeUndefined();
  });
});

test("a handler has the store: frames, content and values, and what it wrote itself", async () => {
  await serving(async (server) => {
    const noted = await say(server, "note", { n: 1 }, "some text");
    await say(server, "note", { n: 2 }, "more");
    await spawn(
      server,
      "handler",
      "reader",
      `export default {
        topics: ["look"], initial: 0,
        async run(frame, seen, xs) {
          const topics = [];
          for await (const { topic } of xs.cat({ topic: ["note", "made"] })) topics.push(topic);
          const first = await xs.first("note");
          await xs.append("made", { seen }, { meta: { by: "reader" }, ttl: "last:2" });
          await xs.kv.put("views/seen", { seen });
          await xs.kv.put("text", "t" + seen);
          await xs.kv.put("bytes", new Uint8Array([seen]));
          if (seen === 1) await xs.kv.delete("text");
          return {
            out: {
              topics, first,
              last: (await xs.last("note"))?.meta.n,
              same: (await xs.get(first.id))?.id === first.id,
              none: (await xs.get("0000000000000000000000001")) ?? null,
              text: await xs.text(first.hash),
              bytes: [...(await xs.cas(first.hash))].length,
              view: await xs.kv.get("views/seen"),
              gone: (await xs.kv.get("text")) ?? null,
              own: [...(await xs.kv.get("bytes"))],
              missing: (await xs.kv.get("nothing")) ?? null,
            },
            next: seen + 1,
          };
        },
      }`,
    );
    await sayMany(server, "look", 3);
    const out = await countOf(server, "reader.out", 3);
    expect(out.map(({ meta }) => meta)).toMatchObject([
      {
        topics: ["note", "note"],
        first: noted,
        last: 2,
        same: true,
        none: null,
        text: "some text",
        bytes: 9,
        view: { seen: 0 },
        gone: "t0",
        own: [0],
        missing: null,
      },
      { topics: ["note", "note", "made"], view: { seen: 1 }, gone: null, own: [1] },
      // Only the newest two of them are kept.
      { topics: ["note", "note", "made", "made"], view: { seen: 2 }, gone: "t2" },
    ]);
    const made = await framesOf(server, "made");
    expect(made.map(({ meta, ttl }) => [meta.by, ttl])).toEqual([
      ["reader", "last:2"],
      ["reader", "last:2"],
    ]);
    expect(await textsOf(server, "made")).toEqual(['{"seen":1}', '{"seen":2}']);
  });
});

test("a handler's refused writes are errors in its script, with what is wrong", async () => {
  await serving(async (server) => {
    await spawn(
      server,
      "handler",
      "bold",
      `const wrong = [
        (xs) => xs.append("no topic!"),
        (xs) => xs.append("stream.cross.start"),
        (xs) => xs.append("a", "", { ttl: "sometimes" }),
        (xs) => xs.append("a", "", { meta: { large: "x".repeat(70000) } }),
        (xs) => xs.kv.put("", 1),
        (xs) => xs.kv.put("stream.cross.handler/bold", 1),
        (xs) => xs.kv.put("large", "x".repeat(1024 * 1024 + 1)),
        (xs) => xs.text("sha256-nothing"),
        () => { throw "a text"; },
        () => "a text",
        () => ({ out: 1n }),
        () => ({ out: () => 1 }),
        (xs) => xs.respond("0", { headers: { large: "x".repeat(70000) } }),
        () => ({ next: 1n }),
        () => ({ next: { deep: [1n] } }),
        () => ({ next: new Map() }),
        () => ({ next: "x".repeat(1024 * 1024) }),
      ];
      export default {
        topics: ["n"], on_error: "skip", initial: 0,
        run: async ({ meta }, state, xs) => await wrong[meta.n]?.(xs) ?? { out: { state }, next: state + 1 },
      }`,
    );
    await sayMany(server, "n", 17);
    const errors = await countOf(server, "bold.error", 17);
    const reasons = [
      "no topic!",
      "stream.cross.start",
      "sometimes",
      "70",
      "key",
      "belongs to the runtime",
      "1048576",
      "sha256-nothing",
      "a text",
      "not a string",
      "BigInt",
      "function",
      "meta is 70",
      "bigint",
      "BigInt",
      "Map",
      "may be 1048376",
    ];
    expect(errors.map(({ meta }, n) => [n, meta.reason])).toEqual(
      reasons.map((reason, n) => [n, expect.stringContaining(reason)]),
    );
    await say(server, "n", { n: 100 });
    const [out] = await countOf(server, "bold.out", 1);
    expect(out?.meta.state).toBe(0);
    expect(await framesOf(server, "a")).toEqual([]);
  });
});

test("10 MiB of output are content like any other", async () => {
  await serving(async (server) => {
    await spawn(
      server,
      "handler",
      "large",
      'export default { topics: ["n"], run: () => ({ out: "0123456789abcdef".repeat(655360) }) }',
    );
    await say(server, "n");
    const [out] = await countOf(server, "large.out", 1);
    if (!out) throw new Error("nothing came");
    expect((await textOf(server, out)).length).toBe(10 * 1024 * 1024);
  });
});

test("a response becomes the http.response of its frame", async () => {
  await serving(async (server) => {
    await spawn(
      server,
      "handler",
      "web",
      `export default {
        topics: ["http.request"],
        run: async (frame, _, xs) => {
          if (frame.meta.path === "/parts") {
            await xs.respond(frame, { status: 201, body: "one", more: true });
            return { response: { body: "two" } };
          }
          return { response: { status: 202, headers: { "x-a": "b" }, body: { n: 1 } } };
        },
      }`,
    );
    const request = await say(server, "http.request", { path: "/" });
    const parts = await say(server, "http.request", { path: "/parts" });
    const out = await countOf(server, "http.response", 3);
    expect(out.map(({ meta }) => meta)).toMatchObject([
      {
        request_id: request.id,
        status: 202,
        headers: { "content-type": "application/json", "x-a": "b" },
      },
      { request_id: parts.id, status: 201, more: true },
      { request_id: parts.id },
    ]);
    expect(await textsOf(server, "http.response")).toEqual(['{"n":1}', "one", "two"]);
  });
});

test("a handler sees no output of its own, nor of what ran under its name before, nor its stderr", async () => {
  await serving(async (server) => {
    const script = (version: number) => `export default async (frame, _, xs) => {
      console.log("seen", frame.topic);
      await xs.append("made");
      await xs.kv.put("seen/" + frame.id, frame.topic);
      return { out: { of: frame.topic, version: ${version} } };
    }`;
    await spawn(server, "handler", "echo", script(1));
    await say(server, "a");
    await countOf(server, "echo.out", 1);
    await countOf(server, "echo.stderr", 1);
    const second = await spawn(server, "handler", "echo", script(2), { start: "first" });
    await say(server, "b");
    const out = await until("what the second made of b", async () => {
      const frames = await framesOf(server, "echo.out");
      return frames.some(({ meta }) => meta.of === "b" && meta.version === 2) && frames;
    });
    const seen = out.filter(({ meta }) => meta.handler_id === second.id);
    expect(seen.map(({ meta }) => meta.of)).toEqual(["stream.cross.start", "a", "b"]);
    // Others do see it.
    await spawn(server, "handler", "other", script(3), { start: "first", topics: ["echo.out"] });
    await countOf(server, "other.out", 4);
  });
});

test("terminate ends a handler for good; a spawn after it begins anew", async () => {
  await serving(async (server) => {
    const script =
      'export default { topics: ["n"], initial: 0, run: (_, n) => ({ out: { n }, next: n + 1 }) }';
    const first = await spawn(server, "handler", "count", script);
    await say(server, "n");
    await countOf(server, "count.out", 1);
    await terminate(server, "handler", "count");
    await answered(server, first, "terminated");
    await say(server, "n");
    await spawn(server, "handler", "count", script);
    await say(server, "n");
    const out = await countOf(server, "count.out", 2);
    expect(out.map(({ meta }) => meta.n)).toEqual([0, 0]);
  });
});

const WRONG: [what: string, script: string, meta: object, reason: string][] = [
  ["a script that is no code", "export default {{{", {}, "Expected identifier"],
  ["one that throws at load", 'export default 1; throw new Error("not today")', {}, "not today"],
  ["one without a run", "export default { topics: [] };", {}, "run(frame, state, xs)"],
  ["an export that is no handler", "export default 5", {}, "run(frame, state, xs)"],
  ["a topic that is none", 'export default { topics: ["no topic"], run() {} }', {}, "no topic"],
  ["topics that are no list", "export default { topics: 5, run() {} }", {}, "topics is a list"],
  ["a start that is none", 'export default { start: "second", run() {} }', {}, "second"],
  ["a pulse that is too short", "export default { pulse: 1, run() {} }", {}, "pulse"],
  ["an on_error that is none", 'export default { on_error: "weep", run() {} }', {}, "weep"],
  [
    "concurrency and a state",
    "export default { concurrency: 2, initial: 0, run() {} }",
    {},
    "state",
  ],
  ["concurrency of nobody", "export default { concurrency: 0, run() {} }", {}, "concurrency"],
  ["an initial state that is no JSON", "export default { initial: 1n, run() {} }", {}, "BigInt"],
  ["no content", "", {}, "no script"],
  ["an unknown runtime", "export default () => {}", { runtime: "perl" }, "perl"],
  ["an unknown ttl", "export default () => {}", { ttl: "a while" }, "a while"],
  ["an interpreter that is not there", "#!/usr/bin/no-such\n", {}, "/usr/bin/no-such"],
  ["a name that is no topic", "export default () => {}", { topic: "no name" }, "no name"],
];

test("what cannot run is invalid, and says why", async () => {
  await serving(async (server) => {
    const answers = WRONG.map(async ([what, script, meta], n) => {
      const frame = await ask(server, "handler", `wrong${n}`, script, meta);
      const invalid = await answered(server, frame, "invalid");
      expect(await events(server, frame)).toEqual(["invalid"]);
      return [what, invalid.meta.reason];
    });
    expect(await Promise.all(answers)).toEqual(
      WRONG.map(([what, , , reason]) => [what, expect.stringContaining(reason)]),
    );
  });
});

test("a spawn that does not say its name is answered", async () => {
  await serving(async (server) => {
    const frame = await say(server, "stream.cross.handler.spawn", null, "export default () => {}");
    const invalid = await answered(server, frame, "invalid");
    expect(invalid.meta).toMatchObject({
      topic: null,
      reason: expect.stringContaining("meta.topic"),
    });
    const other = await say(server, "stream.cross.duplex.spawn", { topic: 5 }, "cat");
    await answered(server, other, "invalid");
  });
});

test("half a surrogate pair that a script gives as a text fails by name, and nothing is altered", async () => {
  await serving(async (server) => {
    const half = String.raw`"x\ud800y"`;
    const gives = {
      out: `({ out: ${half} })`,
      append: `xs.append("note", ${half})`,
      put: `xs.kv.put("k", ${half})`,
      body: `xs.respond("${"0".repeat(25)}", { body: ${half} })`,
    };
    for (const [name, does] of Object.entries(gives)) {
      const script = `export default { topics: ["go"], run: async (frame, state, xs) => ${does} }`;
      const handler = await spawn(server, "handler", name, script);
      await say(server, "go");
      const { reason } = (await answered(server, handler, "failed")).meta;
      expect([name, reason]).toEqual([name, expect.stringContaining("half a surrogate pair")]);
    }
    const generator = await spawn(
      server,
      "generator",
      "values",
      `export default async function* () { yield "before"; yield ${half}; }`,
      { restart: "never" },
    );
    expect((await answered(server, generator, "failed")).meta.reason).toContain(
      "half a surrogate pair",
    );
    expect(await textsOf(server, "values.recv")).toEqual(["before"]);
    expect((await server.fetch("/kv/k")).status).toBe(404);
    expect(await framesOf(server, "note")).toEqual([]);
  });
});
