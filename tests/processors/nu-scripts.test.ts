import { expect, setDefaultTimeout, test } from "bun:test";
import { join } from "node:path";
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
  statuses,
  textOf,
  textsOf,
  WITH_NU,
} from "../support/processors.ts";
import { startServer } from "../support/server.ts";
import { tempDirectory } from "../support/temp.ts";
import { TEST_MS, until } from "../support/wait.ts";

setDefaultTimeout(TEST_MS);

test("a script in nushell writes nothing to stderr of its own accord, and a reason begins with the reason", async () => {
  await serving(async (server) => {
    await spawn(server, "handler", "quiet", '{ topics: ["n"], run: {|frame| { out: 1 } } }');
    await sayMany(server, "n", 1);
    await countOf(server, "quiet.out", 1);
    expect(await textsOf(server, "quiet.stderr")).toEqual([]);
    const wrong = await ask(
      server,
      "handler",
      "wrong",
      "error make --unspanned { msg: 'not today' }",
    );
    const { meta } = await answered(server, wrong, "invalid");
    expect(meta.reason).not.toContain("eprecated");
    expect(meta.reason.slice(0, 80)).toContain("not today");
  });
});

test("what a script sets in $env is seen in run, and in the closure of a generator", async () => {
  await serving(async (server) => {
    const above = `$env.GREETING = "hello"
      load-env { NAME: "world" }
      cd /
      def greeting [] { $"($env.GREETING) ($env.NAME)" }
      let mark = "!"
      `;
    await spawn(
      server,
      "handler",
      "h",
      `${above} { topics: ["n"], run: {|frame| { out: $"(greeting)($mark) ($env.PWD)" } } }`,
    );
    await spawn(
      server,
      "handler",
      "bare",
      `${above} {|frame| if $frame.topic == "n" { { out: (greeting) } } }`,
    );
    for (const [name, script] of [
      ["g", "{|| [(greeting)] }"],
      ["record", "{ run: {|| [(greeting)] } }"],
      ["line", "[(greeting)] | each {|text| $text }"],
    ] as const) {
      await spawn(server, "generator", name, above + script, { restart: "never" });
    }
    await sayMany(server, "n", 1);
    for (const topic of ["bare.out", "g.recv", "record.recv", "line.recv"]) {
      const [frame] = await countOf(server, topic, 1);
      expect([topic, frame && (await textOf(server, frame))]).toEqual([topic, "hello world"]);
    }
    const [frame] = await countOf(server, "h.out", 1);
    expect(frame && (await textOf(server, frame))).toBe("hello world! /");
  });
});

test("a default parameter is the state of a handler that has none yet", async () => {
  await serving(async (server) => {
    const scripts = {
      plain: "{|frame, sum = 0| STEP }",
      typed: "{|frame: record, sum: int = 0| STEP }",
      brackets: "{|frame: record<topic: string, id: string>, sum = (1 - 1)| STEP }",
      quotes: `{|frame, # it's the frame, = or |
        sum = 0 # "the sum
      | STEP }`,
      record: '{ topics: ["n"], run: {|frame, sum = 0| STEP } }',
      optional: "{|frame, sum?| let sum = ($sum | default 0); STEP }",
      none: "{|frame, sum| let sum = ($sum | default 0); STEP }",
      initial: '{ topics: ["n"], initial: 0, run: {|frame, sum = 100| STEP } }',
    };
    for (const [name, script] of Object.entries(scripts)) {
      const step = 'if $frame.topic == "n" { { out: { sum: $sum }, next: ($sum + 1) } }';
      await spawn(server, "handler", name, script.replace("STEP", step));
    }
    await sayMany(server, "n", 3);
    for (const name of Object.keys(scripts)) {
      const out = await countOf(server, `${name}.out`, 3);
      expect([name, out.map(({ meta }) => meta.sum)]).toEqual([name, [0, 1, 2]]);
    }
  });
});

test("a generator is a pipeline, a value, a closure, or a record with run: a closure", async () => {
  await serving(async (server) => {
    const scripts = {
      pipeline: '["one"] | each {|text| $text }',
      list: '["one"]',
      text: '"one"',
      variable: 'let text = "one"; $text',
      closure: '{|| "one" }',
      record: '{ run: {|| "one" } }',
      named: 'let run = {|| "one" }; { run: $run }',
      held: 'let it = { run: {|| "one" } }; $it',
    };
    for (const [name, script] of Object.entries(scripts)) {
      const frame = await spawn(server, "generator", name, script, { restart: "never" });
      await answered(server, frame, "finished");
      expect([name, await textsOf(server, `${name}.recv`)]).toEqual([name, ["one"]]);
    }
    await spawn(server, "generator", "meta", "{ a: 1 }", { restart: "never" });
    expect((await countOf(server, "meta.recv", 1))[0]?.meta.a).toBe(1);
    await spawn(server, "duplex", "echo", "{ run: {|| lines | each {|line| $'> ($line)' } } }");
    await say(server, "echo.send", null, "hi\n");
    await say(server, "stream.cross.duplex.spawn", { topic: "echo" }, "{|| }");
    await countOf(server, "echo.recv", 1);
    expect(await textsOf(server, "echo.recv")).toEqual(["> hi"]);
    const odd = await spawn(server, "generator", "odd", "{ run: {|| 1 }, evry: 5 }");
    expect((await answered(server, odd, "restarting")).meta.reason).toContain("there is no evry");
  });
});

test("a handler and a generator may have any name, those of the runtime's files too", async () => {
  await serving(async (server) => {
    const names = [
      "run",
      "xs",
      "effects",
      "runtime",
      "pending",
      "json",
      "nu",
      "a.b-c",
      `l${"o".repeat(240)}ng`,
    ];
    for (const name of names) {
      await spawn(
        server,
        "handler",
        name,
        `{ topics: ["n"], run: {|frame|
        1 | .kv put "key-${name}"
        { out: (.kv get "key-${name}") }
      } }`,
      );
    }
    await sayMany(server, "n", 2);
    for (const name of names) {
      await countOf(server, `${name}.out`, 2);
      expect(await textsOf(server, `${name}.out`)).toEqual(["1", "1"]);
    }
    for (const name of ["run", "xs", "effects", "runtime"]) {
      await spawn(server, "generator", name, "{|| 'text' }", { restart: "never" });
      await countOf(server, `${name}.recv`, 1);
    }
  });
});

test("a store whose path has signs of nushell in it runs scripts all the same", async () => {
  using home = tempDirectory();
  const directory = join(home.path, `it's [a] "store" $env {x} * #1`);
  await using server = await startServer(directory, { env: WITH_NU });
  await spawn(
    server,
    "handler",
    "count",
    `{ topics: ["n"], run: {|frame|
    let n = (.kv get count | default 0) + 1
    $n | .kv put count
    { out: { n: $n, cat: (.cat --topic n | length) } }
  } }`,
  );
  await spawn(server, "generator", "g", "{|| .first | get topic }", { restart: "never" });
  for (const n of [1, 2, 3]) {
    await sayMany(server, "n", 1);
    const out = await countOf(server, "count.out", n);
    expect(out.at(-1)?.meta).toMatchObject({ n, cat: n });
  }
  expect((await countOf(server, "g.recv", 1)).length).toBe(1);
});

const UNWRITABLE = {
  closure: "{|| 1 }",
  infinity: "inf",
  negative: "-inf",
  nan: "NaN",
  deep: "{ a: [1 { b: inf }] }",
  table: "[[a b]; [1 2] [3 {|| 4 }]]",
};

test("what JSON cannot say fails by name, wherever a handler puts it", async () => {
  await serving(async (server) => {
    const places: Record<string, [made: string, reason: string]> = {
      out: ["{ out: $value }", "out"],
      out_record: ["{ out: { n: $value } }", "out.n"],
      next: ["{ next: $value }", "next"],
      next_record: ["{ next: { n: $value } }", "next.n"],
      response: ["{ response: { body: { n: $value } } }", "response.body.n"],
      meta: ['"x" | .append made --meta { n: $value }', "append.meta.n"],
      content: ["{ n: $value } | .append made", "the content.n"],
      kv: ["{ n: $value } | .kv put made", "the value.n"],
    };
    const kinds = Object.keys(UNWRITABLE);
    for (const [place, [made]] of Object.entries(places)) {
      await spawn(
        server,
        "handler",
        place,
        `{ topics: ["n"], on_error: "skip", initial: 0, run: {|frame, state|
          if $frame.meta.kind == "good" { return { out: { state: $state }, next: ($state + 1) } }
          let value = (match $frame.meta.kind {
            ${Object.entries(UNWRITABLE).map(([kind, value]) => `"${kind}" => { ${value} }`)}
          })
          ${made}
        } }`,
      );
    }
    // What is good before and after each is kept.
    const frames = ["good", ...kinds.flatMap((kind) => [kind, "good"])];
    const body = frames.map((kind) => JSON.stringify({ topic: "n", meta: { kind } })).join("\n");
    await server.fetch("/stream", { method: "POST", body });
    const ids = (await framesOf(server, "n")).map(({ id }) => id);
    for (const [place, [, where]] of Object.entries(places)) {
      const out = await countOf(server, `${place}.out`, kinds.length + 1);
      expect([place, out.map(({ meta }) => meta.state)]).toEqual([
        place,
        Array.from({ length: kinds.length + 1 }, (_, n) => n),
      ]);
      const errors = await framesOf(server, `${place}.error`);
      expect(errors.map(({ meta }) => meta.frame_id)).toEqual(ids.filter((_, n) => n % 2 === 1));
      for (const { meta } of errors) {
        expect(meta.reason).toContain(`${where}`);
        expect(meta.reason).toMatch(/is (a closure|-?inf|NaN), which JSON cannot say/);
      }
    }
    expect(await framesOf(server, "made")).toEqual([]);
    expect((await server.fetch("/kv/made")).status).toBe(404);
  });
});

test("what JSON cannot say ends a generator with its name, and a handler where errors do", async () => {
  await serving(async (server) => {
    const bad = await spawn(server, "generator", "bad", '["good" { n: inf }] | each {|v| $v }');
    expect((await answered(server, bad, "restarting")).meta.reason).toContain(
      "a value.n is inf, which JSON cannot say",
    );
    expect((await textsOf(server, "bad.recv"))[0]).toBe("good");
    const initial = await ask(server, "handler", "initial", "{ initial: { n: inf }, run: {|| } }");
    expect((await answered(server, initial, "invalid")).meta.reason).toContain("initial.n is inf");
    const failing = await spawn(
      server,
      "handler",
      "failing",
      '{ topics: ["n"], run: {|| { next: inf } } }',
    );
    await sayMany(server, "n", 3);
    const { meta } = await answered(server, failing, "failed");
    expect(meta.reason).toContain("next is inf");
    expect(meta.frame_id).toBe((await framesOf(server, "n"))[0]?.id);
    const typo = await spawn(
      server,
      "handler",
      "typo",
      '{ topics: ["n"], run: {|| { outt: 1, next: 2 } } }',
    );
    await sayMany(server, "n", 1);
    expect((await answered(server, typo, "failed")).meta.reason).toContain("outt");
    expect(await events(server, typo)).toEqual(["active", "failed"]);
  });
});

test("what a script prints goes to NAME.stderr, and never into the protocol", async () => {
  await serving(async (server) => {
    const script = `print "above"
      def helper [] { print --raw "in a command"; "piped" | print }
      { topics: ["n"], run: {|frame|
        print "in run" 5
        print --stderr --no-newline "{\\"out\\":\\"no\\"}" ; print ""
        helper
        { out: 1 }
      } }`;
    await spawn(server, "handler", "h", script);
    await spawn(server, "generator", "g", 'print "above"; [1 2] | each {|n| print $n; "v" }', {
      restart: "never",
    });
    await sayMany(server, "n", 2);
    await countOf(server, "h.out", 2);
    const once = ["in run", "5", '{"out":"no"}', "in a command", "piped"];
    await countOf(server, "h.stderr", 11);
    expect(await textsOf(server, "h.stderr")).toEqual(["above", ...once, ...once]);
    await countOf(server, "g.recv", 2);
    await countOf(server, "g.stderr", 3);
    expect(await textsOf(server, "g.stderr")).toEqual(["above", "1", "2"]);
    expect(await textsOf(server, "h.out")).toEqual(["1", "1"]);
  });
});

test("a state holds only what comes back as it is after a restart", async () => {
  await serving(async (server) => {
    for (const [kind, value] of Object.entries({
      datetime: "(date now)",
      duration: "5min",
      filesize: "2kb",
      binary: "0x[01]",
    })) {
      for (const [place, state] of [
        ["next", value],
        ["next.a[1].b", `{ a: [1 { b: ${value} }] }`],
      ] as const) {
        const script = `{ topics: ["n"], run: {|| { next: ${state} } } }`;
        const failing = await spawn(server, "handler", "failing", script);
        await sayMany(server, "n", 1);
        const { meta } = await answered(server, failing, "failed");
        expect(meta.reason.replace(/\s+(\| )?/g, " ")).toContain(
          `${place} is a ${kind}, which a state does not keep`,
        );
      }
    }
    await spawn(
      server,
      "handler",
      "fine",
      `{ topics: ["n"], run: {|frame, state|
        { out: { same: ($state == $frame.meta.before?) }, next: [1 "a" null { any: 1.5, duration: [] }] }
      } }`,
    );
    await say(server, "n", { before: null });
    await say(server, "n", { before: [1, "a", null, { any: 1.5, duration: [] }] });
    const out = await countOf(server, "fine.out", 2);
    expect(out.map(({ meta }) => meta.same)).toEqual([true, true]);
  });
});

test("what is too large or too deep for a line fails on its frame, and a generator says so", async () => {
  await serving(async (server) => {
    const long = '("" | fill --width 26000000 --character x)';
    const deep = "(1..200 | reduce --fold 1 {|_, inner| [{ a: $inner }] })";
    const scripts = {
      long: [`{ out: ${long} }`, "longer than 25165824 characters"],
      long_append: [`${long} | .append made`, "longer than 25165824 characters"],
      deep: [`{ out: ${deep} }`, "deeper than 128 levels"],
      deep_next: [`{ next: ${deep} }`, "deeper than 128 levels"],
      deep_meta: [`.append made --meta { a: ${deep} }`, "deeper than 128 levels"],
      large_meta: ['.append made --meta { a: ("" | fill --width 70000) }', "more than 65536"],
      large_next: ['{ next: ("" | fill --width 2000000) }', "keep what is large in the k/v store"],
      large_value: ['("" | fill --width 2000000) | .kv put made', "at most 1048576 bytes"],
    };
    for (const [name, [made]] of Object.entries(scripts)) {
      const script = `{ topics: ["n"], on_error: "skip", run: {|frame|
        if $frame.meta.n == 1 { ${made} } else { { out: { n: $frame.meta.n } } }
      } }`;
      await spawn(server, "handler", name, script);
    }
    await sayMany(server, "n", 3);
    const second = (await framesOf(server, "n"))[1]?.id;
    for (const [name, [, reason]] of Object.entries(scripts)) {
      const out = await countOf(server, `${name}.out`, 2);
      expect([name, out.map(({ meta }) => meta.n)]).toEqual([name, [0, 2]]);
      const errors = await framesOf(server, `${name}.error`);
      expect([name, errors.map(({ meta }) => meta.frame_id)]).toEqual([name, [second]]);
      expect(errors[0]?.meta.reason.replace(/\s+(\| )?/g, " ")).toContain(reason);
    }
    expect(await framesOf(server, "made")).toEqual([]);
    for (const [name, value, reason] of [
      ["g_long", long, "longer than 25165824 characters"],
      ["g_deep", deep, "deeper than 128 levels"],
      ["g_bytes", `(${long} | into binary)`, "longer than 25165824 characters"],
    ] as const) {
      const frame = await spawn(server, "generator", name, `[${value}]`);
      const { meta } = await answered(server, frame, "restarting");
      expect(meta.reason.replace(/\s+(\| )?/g, " ")).toContain(reason);
    }
    // Many brackets are not many levels, and those in a text are none.
    const wide = await spawn(
      server,
      "generator",
      "wide",
      `[{ a: (1..300 | each { {b: []} }), t: "${"[{".repeat(200)}" }]`,
      { restart: "never" },
    );
    await answered(server, wide, "finished");
    expect((await framesOf(server, "wide.recv"))[0]?.meta.a).toHaveLength(300);
  });
});

test("what run gives is a record of what there is, or nothing", async () => {
  await serving(async (server) => {
    const kinds = {
      '"text"': "not a string",
      "5": "not a int",
      "[{ next: 1 }]": "not a table<next: int>",
      "[]": "not a list<any>",
      "{|| 1 }": "not a closure",
      "{ next: 1, nxt: 2 }": 'knows no ["nxt"]',
      "{ a: 1 }": 'knows no ["a"]',
    };
    for (const [given, reason] of Object.entries(kinds)) {
      const handler = await spawn(server, "handler", "h", `{ topics: [n], run: {|| ${given} } }`);
      await sayMany(server, "n", 1);
      const { meta } = await answered(server, handler, "failed");
      expect([given, meta.reason.replace(/\s+(\| )?/g, " ")]).toEqual([
        given,
        expect.stringContaining(reason),
      ]);
    }
    for (const given of ["{}", "null", "{ out: null }", "{ next: null }"]) {
      await spawn(server, "handler", "h", `{ topics: [n], run: {|| ${given} } }`);
      await sayMany(server, "n", 1);
      await until("it is done", async () => (await statuses(server))[0]?.behind_ms === 0);
      expect(await framesOf(server, "h.out")).toEqual([]);
    }
  });
});

test("values of nushell that JSON has no type for are written as nushell does", async () => {
  await serving(async (server) => {
    await spawn(
      server,
      "handler",
      "h",
      `{ topics: ["n"], run: {|| { out: {
      duration: 1.5sec, filesize: 2kb, date: 2024-02-03T04:05:06Z, bytes: 0x[01 ff], range: 1..3
      path: $.a.b, none: null, glob: ("a*" | into glob), big: 9007199254740991, float: 1.5
    } } } }`,
    );
    await sayMany(server, "n", 1);
    const [out] = await countOf(server, "h.out", 1);
    expect(out?.meta).toMatchObject({
      duration: 1_500_000_000,
      filesize: 2000,
      date: "2024-02-03T04:05:06+00:00",
      bytes: [1, 255],
      range: "1..3",
      path: "$.a.b",
      none: null,
      glob: "a*",
      big: Number.MAX_SAFE_INTEGER,
      float: 1.5,
    });
  });
});

test("odd numbers and deep meta in a frame do not trouble a handler in nushell", async () => {
  await serving(async (server) => {
    await spawn(
      server,
      "handler",
      "h",
      '{ topics: ["n"], initial: 0, run: {|frame, n| { out: { n: $n }, next: ($n + 1) } } }',
    );
    const deep = `${"[".repeat(127)}${"]".repeat(127)}`;
    const metas = [
      '{"a":1e400}',
      '{"a":1234567890123456789}',
      '{"a":12345678901234567890123}',
      deep,
      "-0",
    ];
    const half = await spawn(server, "handler", "half", '{ topics: ["half"], run: {|| } }');
    for (const meta of metas) {
      await server.append("n", "", { "xs-meta": Buffer.from(meta).toString("base64") });
    }
    const out = await countOf(server, "h.out", metas.length);
    expect(out.map(({ meta }) => meta.n)).toEqual(metas.map((_, n) => n));
    // Half a surrogate pair is JSON, and no text of nushell.
    const surrogate = await say(server, "half", "\ud800");
    const { meta } = await answered(server, half, "failed");
    expect(meta).toMatchObject({ frame_id: surrogate.id });
    expect(meta.reason).toContain("nushell cannot read the frame");
  });
});
