import { expect, setDefaultTimeout, test } from "bun:test";
import {
  answered,
  countOf,
  framesOf,
  kvText,
  say,
  sayMany,
  serving,
  spawn,
  textsOf,
} from "../support/processors.ts";
import { TEST_MS } from "../support/wait.ts";

setDefaultTimeout(TEST_MS);

/** What a script does on a frame, and what the reason of its error says. */
const THROWN: [body: string, reason: string][] = [
  ["throw null;", "it threw null"],
  ["throw undefined;", "it threw undefined"],
  ["return Promise.reject();", "it threw undefined"],
  ["return Promise.reject(null);", "it threw null"],
  ['throw "";', "it threw an empty text"],
  ["throw 0;", "it threw 0"],
  ["throw false;", "it threw false"],
  ["throw 5n;", "it threw 5"],
  ['throw Symbol("s");', "Symbol(s)"],
  ["throw () => 1;", "it threw"],
  ['throw { code: "E5" };', '{"code":"E5"}'],
  ["throw { message: 5 };", '{"message":5}'],
  ["throw new Error();", "Error"],
  ["throw new AggregateError([]);", "AggregateError"],
  ["throw new AggregateError([null]);", "it threw null"],
  ["throw Object.create(null);", "it threw"],
  ['throw { get message() { throw new Error("again"); } };', "cannot be shown"],
  ['throw Object.assign(new Error("x"), { message: "y".repeat(30_000_000) });', "yyyy"],
  ["const a = {}; a.a = a; throw a;", "it threw"],
  ["return { out: new Map() };", "out is a Map"],
  ["return { out: { deep: [1, { m: new Map([[1, 2]]) }] } };", "out.deep[1].m is a Map"],
  ['return { out: { "a b": new Set() } };', 'out["a b"] is a Set'],
  ["return { out: { n: 1n } };", "out.n is a BigInt"],
  ["return { out: { f() {} } };", "out.f is a function"],
  ["return { out: [Symbol.iterator] };", "out[0] is a symbol"],
  ["return { out: { n: NaN } };", "out.n is NaN"],
  ["return { out: -Infinity };", "out is -Infinity"],
  ["return { out: { e: new Error('x') } };", "out.e is an Error"],
  ["return { out: { d: new Date(NaN) } };", "out.d is an invalid Date"],
  ["return { out: { b: new Uint8Array(2) } };", "out.b is a Uint8Array"],
  ["return { out: new (class Point { x = 1 })() };", "out is a Point"],
  ["const a = { b: [] }; a.b.push(a); return { out: a };", "out.b[0] refers back to itself"],
  ["let a = 1; for (let n = 0; n < 200; n++) a = [a]; return { out: a };", "128 levels"],
  ["let a = 1; for (let n = 0; n < 200; n++) a = [a]; return { next: a };", "128 levels"],
  ["return { next: { seen: new Set() } };", "next.seen is a Set"],
  ["return { next: { at: new Date() } };", "next.at is a Date"],
  ["return { next: { n: 0 / 0 } };", "next.n is NaN"],
  ["return { next: { get a() { throw null; } } };", "it threw null"],
  ["return { response: { body: { m: new Map() } } };", "content.m is a Map"],
  ["return { response: { headers: { n: 1n } } };", "response.headers.n is a BigInt"],
  ["return { response: { headers: null } };", "headers"],
  ["return new Map();", "not a Map"],
  ["return new Response('hello');", "not a Response"],
  ["return [];", "not an Array"],
  ["return true;", "not a boolean"],
  ["return () => 1;", "not a function"],
  ['await xs.append("a", "", { meta: { m: new Map() } });', "meta.m is a Map"],
  ['await xs.append("a", "", { meta: new Map() });', "meta is a Map"],
  ['await xs.append("a", { m: [1n] });', "content.m[0] is a BigInt"],
  ['await xs.kv.put("k", { m: new Map() });', "value.m is a Map"],
  ['await xs.kv.put("k", NaN);', "value is NaN"],
  ["await xs.respond(frame, { body: [() => 1] });", "content[0] is a function"],
  ["return { out: Promise.reject() };", "it threw undefined"],
  ['await xs.append("a", Promise.reject(new Error("late")));', "late"],
];

for (const concurrency of [1, 4]) {
  test(`whatever is thrown, and what cannot be written, is the error of its frame: concurrency ${concurrency}`, async () => {
    // What goes with a state does not go with concurrency.
    const cases = concurrency === 1 ? THROWN : THROWN.filter(([body]) => !/next:/.test(body));
    await serving(async (server) => {
      const functions = cases.map(([body]) => {
        const how = /await|get a/.test(body) ? "async " : "";
        return `${how}(frame, xs) => { ${body} },`;
      });
      await spawn(
        server,
        "handler",
        "throws",
        `const cases = [${functions.join("\n")}];
         export default {
           topics: ["n"], on_error: "skip",
           ${concurrency === 1 ? "initial: 0," : `concurrency: ${concurrency},`}
           run: (frame, state, xs) => {
             const made = cases[frame.meta.n];
             if (made) return made(frame, xs);
             return ${concurrency === 1 ? "{ out: { state }, next: state + 1 }" : '{ out: { state: "none" } }'};
           },
         }`,
      );
      await sayMany(server, "n", cases.length);
      const errors = await countOf(server, "throws.error", cases.length);
      const frames = await framesOf(server, "n");
      for (const [n, [body, reason]] of cases.entries()) {
        expect([body, errors[n]?.meta.reason]).toEqual([body, expect.stringContaining(reason)]);
        expect(errors[n]?.meta.frame_id).toBe(frames[n]?.id);
      }
      await say(server, "n", { n: 1000 });
      await countOf(server, "throws.out", 1);
      expect((await framesOf(server, "throws.out")).map(({ meta }) => meta.state)).toEqual([
        concurrency === 1 ? 0 : "none",
      ]);
      // Nothing ran twice, and nothing of them stayed.
      expect(await framesOf(server, "throws.error")).toHaveLength(cases.length);
      expect(await framesOf(server, "stream.cross.handler.restarting")).toEqual([]);
      expect(await framesOf(server, "a")).toEqual([]);
      expect(await framesOf(server, "http.response")).toEqual([]);
      expect(await kvText(server, "k")).toBeUndefined();
    });
  });
}

test("a promise in the state that rejects is the error of its frame", async () => {
  await serving(async (server) => {
    await spawn(
      server,
      "handler",
      "late",
      `export default { topics: ["n"], on_error: "skip", initial: 0,
         run: (frame, state) => ({ next: { a: [Promise.reject(new Error("late"))] } }) }`,
    );
    await say(server, "n");
    const [error] = await countOf(server, "late.error", 1);
    expect(error?.meta.reason).toContain("late");
  });
});

test("a handler that throws nothing has failed, on its frame", async () => {
  await serving(async (server) => {
    for (const [name, body] of Object.entries({
      nothing: "throw undefined",
      null: "throw null",
      rejects: "return Promise.reject()",
    })) {
      const handler = await spawn(
        server,
        "handler",
        name,
        `export default { topics: ["${name}"], run() { ${body}; } }`,
      );
      const frame = await say(server, name);
      const failed = await answered(server, handler, "failed");
      expect([name, failed.meta]).toMatchObject([name, { frame_id: frame.id }]);
      expect(failed.meta.reason).toContain("it threw");
    }
  });
});

for (const concurrency of [1, 4]) {
  test(`promises in what a script gives are awaited, however deep: concurrency ${concurrency}`, async () => {
    await serving(async (server) => {
      await spawn(
        server,
        "handler",
        "waits",
        `const later = (value) => Bun.sleep(1).then(() => value);
         export default {
           topics: ["http.request"], ${concurrency === 1 ? "initial: { sum: 0 }," : "concurrency: 4,"}
           run: (frame, state, xs) => {
             const { n } = frame.meta;
             void xs.append("now", "at once");
             return {
               out: { n: later(n), deep: [{ text: xs.text(frame.hash) }], ${concurrency === 1 ? "sum: state.sum" : "sum: 0"} },
               response: later({ status: later(201), body: { n: later(n) } }),
               ${concurrency === 1 ? "next: { sum: later(state.sum + n) }," : ""}
             };
           },
         }`,
      );
      const lines = Array.from({ length: 20 }, (_, n) =>
        JSON.stringify({ topic: "http.request", meta: { n }, content: `text ${n}` }),
      );
      await server.fetch("/stream", { method: "POST", body: lines.join("\n") });
      const out = await countOf(server, "waits.out", 20);
      let sum = 0;
      expect(out.map(({ meta }) => [meta.n, meta.deep, meta.sum])).toEqual(
        Array.from({ length: 20 }, (_, n) => {
          const before = sum;
          if (concurrency === 1) sum += n;
          return [n, [{ text: `text ${n}` }], before];
        }),
      );
      const responses = await framesOf(server, "http.response");
      expect(responses.map(({ meta }) => meta.status)).toEqual(Array(20).fill(201));
      expect(await textsOf(server, "http.response")).toEqual(
        Array.from({ length: 20 }, (_, n) => JSON.stringify({ n })),
      );
      expect(await framesOf(server, "now")).toHaveLength(20);
    });
  });
}

test("a generator's values are awaited, and what cannot be written ends it by name", async () => {
  await serving(async (server) => {
    await spawn(
      server,
      "generator",
      "waits",
      `export default async function* (xs) {
         yield { n: Promise.resolve(1), deep: [Promise.resolve({ a: Promise.resolve(2) })] };
         yield Promise.resolve("text");
         yield [Promise.resolve(3)];
         await new Promise(() => setTimeout(() => {}, 1e6));
       }`,
    );
    const values = await countOf(server, "waits.recv", 3);
    expect(values[0]?.meta).toMatchObject({ n: 1, deep: [{ a: 2 }] });
    expect((await textsOf(server, "waits.recv")).slice(1)).toEqual(["text", "[3]"]);
    for (const [name, value, reason] of [
      ["map", "{ m: new Map() }", "the value.m is a Map"],
      ["big", "[1n]", "the value[0] is a BigInt"],
    ] as const) {
      const frame = await spawn(
        server,
        "generator",
        name,
        `export default function* () { yield ${value}; }`,
      );
      expect((await answered(server, frame, "restarting")).meta.reason).toContain(reason);
    }
    for (const [name, thrown] of Object.entries({ tnull: "null", tnone: "undefined" })) {
      const frame = await spawn(
        server,
        "generator",
        name,
        `export default async function* () { throw ${thrown}; }`,
      );
      const { meta } = await answered(server, frame, "restarting");
      expect([meta.exit, meta.reason]).toEqual([1, expect.stringContaining(`threw ${thrown}`)]);
    }
  });
});
