import { expect, setDefaultTimeout, test } from "bun:test";
import { existsSync } from "node:fs";
import { join } from "node:path";
import {
  answered,
  ask,
  countOf,
  events,
  expectAlive,
  expectFailedAtTwo,
  framesOf,
  kvText,
  say,
  sayMany,
  serving,
  spawn,
  textsOf,
} from "../support/processors.ts";
import { plainEnv } from "../support/server.ts";
import { TEST_MS } from "../support/wait.ts";

setDefaultTimeout(TEST_MS);

test("a record with run is a handler with state and options, a closure one without", async () => {
  await serving(async (server) => {
    await spawn(
      server,
      "handler",
      "count",
      `{
        topics: ["n"], start: "first", initial: { seen: 0 }
        run: {|frame, state|
          let next = { seen: ($state.seen + 1) }
          { out: { n: $frame.meta.n, seen: $next.seen }, next: $next }
        }
      }`,
    );
    await spawn(
      server,
      "handler",
      "bare",
      '{|frame| if $frame.topic == "n" { { out: $frame.meta.n } } }',
    );
    await spawn(server, "handler", "quiet", "{|frame, state| null }");
    await sayMany(server, "n", 50);
    const out = await countOf(server, "count.out", 50);
    expect(out.map(({ meta }) => [meta.n, meta.seen])).toEqual(
      Array.from({ length: 50 }, (_, n) => [n, n + 1]),
    );
    await countOf(server, "bare.out", 50);
    expect(await textsOf(server, "bare.out")).toEqual(Array.from({ length: 50 }, (_, n) => `${n}`));
    expect(await framesOf(server, "quiet.out")).toEqual([]);
  });
});

test("out is a record, a text, bytes, a number or a list", async () => {
  await serving(async (server) => {
    await spawn(
      server,
      "handler",
      "outs",
      `{ topics: ["n"], run: {|frame, state|
        let values = [{ a: 1 } "text" 0x[00 ff 0a] 5 [1 { b: 2 }] 1.5 true null "last\\nline"]
        { out: ($values | get $frame.meta.n) }
      } }`,
    );
    await sayMany(server, "n", 9);
    const out = await countOf(server, "outs.out", 8);
    expect(out[0]?.meta).toMatchObject({ a: 1 });
    expect(out[0]?.hash).toBeNull();
    const contents = await Promise.all(
      out.slice(1).map(async ({ id }) => (await server.fetch(`/${id}/content`)).bytes()),
    );
    expect(contents.map((bytes) => Buffer.from(bytes).toString("latin1"))).toEqual([
      "text",
      "\x00\xff\n",
      "5",
      '[1,{"b":2}]',
      "1.5",
      "true",
      "last\nline",
    ]);
  });
});

test("the commands write with the frame, and read what they wrote", async () => {
  await serving(async (server) => {
    const noted = await say(server, "note", { n: 1 }, "some text");
    await spawn(
      server,
      "handler",
      "views",
      `{ topics: ["n"], initial: 0, run: {|frame, state|
        let before = (.kv get total)
        let then = (.kv get digits)
        let total = (if $before == null { 0 } else { $before }) + 1
        $total | .kv put total
        $"t($total)" | .kv put text
        { n: $total } | .kv put record
        "12" | .kv put digits
        if $frame.meta.n == 3 { .kv delete text }
        $"copy ($frame.meta.n)" | .append copy --meta { n: $frame.meta.n } --ttl last:100
        { out: {
            before: $before, digits_then: $then, total: (.kv get total), text: (.kv get text)
            record: (.kv get record), digits: (.kv get digits), none: (.kv get nothing)
          }, next: ($state + 1) }
      } }`,
    );
    await sayMany(server, "n", 2);
    await countOf(server, "views.out", 2);
    // These are of a later batch, and read what is committed.
    await sayMany(server, "n", 3, 2);
    const out = await countOf(server, "views.out", 5);
    const some = { record: { n: 2 }, digits: "12", none: null };
    expect(out.map(({ meta }) => meta)).toMatchObject([
      { before: null, total: 1, text: "t1" },
      { before: 1, total: 2, text: "t2", ...some },
      { before: 2, digits_then: "12", total: 3, text: "t3" },
      { before: 3, total: 4, text: null },
      { before: 4, total: 5, text: "t5" },
    ]);
    expect(await kvText(server, "total")).toBe("5");
    expect(await kvText(server, "record")).toBe('{"n":5}');
    expect((await framesOf(server, "copy")).map(({ meta, ttl }) => [meta.n, ttl])).toEqual(
      [0, 1, 2, 3, 4].map((n) => [n, "last:100"]),
    );
    expect(await textsOf(server, "copy")).toEqual([0, 1, 2, 3, 4].map((n) => `copy ${n}`));
    for (const [key, type, body] of [
      ["a/text", "text/plain; charset=utf-8", "12"],
      ["a json", "application/json", '{"n":[1]}'],
      ["bytes", "application/octet-stream", Buffer.from([0, 255])],
    ] as const) {
      const path = `/kv/${encodeURIComponent(key)}`;
      await server.fetch(path, { method: "PUT", body, headers: { "content-type": type } });
    }
    await spawn(
      server,
      "handler",
      "reader",
      `{ topics: ["look"], run: {|frame, state|
        { out: {
            cat: (.cat --topic note | get meta.n), last: (.last note | get meta.n)
            first: (.first note | get id), got: (.get ${noted.id} | get topic)
            text: (.cas ${noted.hash}), none: (.last nothing)
            pairs: [(.kv get "a/text") (.kv get "a json") (.kv get bytes | encode hex) (.kv get none)]
          } }
      } }`,
    );
    await say(server, "look");
    const [look] = await countOf(server, "reader.out", 1);
    expect(look?.meta).toMatchObject({
      cat: [1],
      last: 1,
      first: noted.id,
      got: "note",
      text: "some text",
      none: null,
      pairs: ["12", { n: [1] }, "00FF", null],
    });
  });
});

const FAULTY = (options: string) => `{ topics: ["n"], ${options} initial: 0, run: {|frame, state|
  let n = $frame.meta.n
  let total = (.kv get total | default 0)
  ($total + 1) | .kv put total
  .append copy --meta { n: $n }
  if $n mod 3 == 2 { error make { msg: $"no ($n)" } }
  { out: { n: $n, count: $state }, next: ($state + 1) }
} }`;

test("on_error: skip writes NAME.error and goes on; nothing of that frame stays", async () => {
  await serving(async (server) => {
    const handler = await spawn(server, "handler", "faulty", FAULTY('on_error: "skip",'));
    await sayMany(server, "n", 30);
    const out = await countOf(server, "faulty.out", 20);
    const errors = await countOf(server, "faulty.error", 10);
    const good = Array.from({ length: 30 }, (_, n) => n).filter((n) => n % 3 !== 2);
    expect(out.map(({ meta }) => [meta.n, meta.count])).toEqual(good.map((n, at) => [n, at]));
    expect((await framesOf(server, "copy")).map(({ meta }) => meta.n)).toEqual(good);
    expect(await kvText(server, "total")).toBe("20");
    expect(errors[0]?.meta).toMatchObject({
      handler_id: handler.id,
      frame_id: (await framesOf(server, "n"))[2]?.id,
    });
    expect(errors[0]?.meta.reason).toContain("no 2");
  });
});

test("one that reads the log finds there what it did before, also where many frames wait", async () => {
  await serving(async (server) => {
    await sayMany(server, "n", 12);
    await spawn(
      server,
      "handler",
      "reader",
      `{ topics: [n], start: first, initial: 0, run: {|frame, state|
        let before = (.cat --topic mine | length)
        $"mine ($state)" | .append mine
        let newest = (.last reader.out)
        let newest = if $newest == null { null } else { $newest.meta.before }
        { out: { before: $before, newest: $newest }, next: ($state + 1) }
      } }`,
    );
    const out = await countOf(server, "reader.out", 12);
    expect(out.map(({ meta }) => [meta.before, meta.newest])).toEqual(
      Array.from({ length: 12 }, (_, n) => [n, n === 0 ? null : n - 1]),
    );
  });
});

test("one that is killed in the middle runs again, and reads nothing that was not committed", async () => {
  await serving(async (server) => {
    await spawn(
      server,
      "handler",
      "falls",
      `{ topics: ["n"], run: {|frame, state|
        let total = (.kv get total | default 0)
        ($total + 1) | .kv put total
        let marker = ($env.XS_ADDR | path join fell)
        if $frame.meta.n == 15 and not ($marker | path exists) {
          touch $marker
          kill --force --quiet $nu.pid
          sleep 1min
        }
        { out: { n: $frame.meta.n, total: ($total + 1) } }
      } }`,
    );
    await sayMany(server, "n", 20);
    const out = await countOf(server, "falls.out", 20);
    expect(out.map(({ meta }) => [meta.n, meta.total])).toEqual(
      Array.from({ length: 20 }, (_, n) => [n, n + 1]),
    );
    expect(await kvText(server, "total")).toBe("20");
  });
});

test("content of any size is read, also in a try", async () => {
  await serving(async (server) => {
    await spawn(
      server,
      "handler",
      "reads",
      `{ topics: ["n"], run: {|frame|
        let text = (try { .cas $frame.hash | into string } catch { "none" })
        let piped = (try { $frame | .cas | into binary } catch { "none" })
        { out: { text: ($text | str length), bytes: ($piped | bytes length) } }
      } }`,
    );
    for (const size of [1, 70_000, 3_000_000]) await say(server, "n", null, "x".repeat(size));
    const out = await countOf(server, "reads.out", 3);
    expect(out.map(({ meta }) => [meta.text, meta.bytes])).toEqual([
      [1, 1],
      [70_000, 70_000],
      [3_000_000, 3_000_000],
    ]);
  });
});

test("a handler that fails has failed at that frame; what was before it is kept", async () => {
  await serving(async (server) => {
    await expectFailedAtTwo(server, FAULTY(""));
  });
});

test("with concurrency several processes work, and the output is in order and each once", async () => {
  await serving(async (server) => {
    await spawn(
      server,
      "handler",
      "wide",
      `{ topics: ["n"], concurrency: 3, run: {|frame, state|
        sleep (($frame.meta.n mod 3) * 5ms)
        { out: { n: $frame.meta.n, pid: $nu.pid } }
      } }`,
    );
    await sayMany(server, "n", 60);
    const out = await countOf(server, "wide.out", 60);
    expect(out.map(({ meta }) => meta.n)).toEqual(Array.from({ length: 60 }, (_, n) => n));
    expect(new Set(out.map(({ meta }) => meta.pid)).size).toBe(3);
  });
});

test("a response and .respond answer an http.request", async () => {
  await serving(async (server) => {
    await spawn(
      server,
      "handler",
      "web",
      `{ topics: ["http.request"], run: {|frame, state|
        if $frame.meta.path == "/parts" {
          "one" | .respond $frame --status 201 --more
          { response: { body: "two" } }
        } else {
          { response: { status: 202, headers: { x-a: "b" }, body: { n: 1 } } }
        }
      } }`,
    );
    const request = await say(server, "http.request", { path: "/" });
    const parts = await say(server, "http.request", { path: "/parts" });
    const out = await countOf(server, "http.response", 3);
    expect(out.map(({ meta }) => meta)).toMatchObject([
      { request_id: request.id, status: 202, headers: { "content-type": "application/json" } },
      { request_id: parts.id, status: 201, more: true },
      { request_id: parts.id },
    ]);
    expect(await textsOf(server, "http.response")).toEqual(['{"n":1}', "one", "two"]);
  });
});

test("nushell that does not load is invalid, and says why", async () => {
  const wrong = [
    ["handler", "{|frame", ""],
    ["handler", "5", "closure"],
    ["handler", "no-such-command", "no-such-command"],
    ["handler", '{ run: {|f| }, topics: ["no topic"] }', "no topic"],
    ["handler", 'error make { msg: "not today" }', "not today"],
    ["generator", "ls | where {", ""],
  ] as const;
  await serving(async (server) => {
    for (const [kind, script, reason] of wrong) {
      const frame = await ask(server, kind, "wrong", script);
      const invalid = await answered(server, frame, "invalid");
      expect(invalid.meta.reason).not.toBe("");
      expect(invalid.meta.reason).toContain(reason);
      expect(await events(server, frame)).toEqual(["invalid"]);
    }
  });
});

test("without nushell its scripts are invalid with how to get it, and everything else works", async () => {
  const { PATH = "" } = plainEnv("/");
  const without = PATH.split(":").filter((path) => !existsSync(join(path, "nu")));
  const check = async (env: Record<string, string>, reason: string) => {
    await serving(async (server) => {
      for (const kind of ["handler", "generator"] as const) {
        const frame = await ask(server, kind, "pong", '{|frame| { out: "pong" } }');
        const invalid = await answered(server, frame, "invalid");
        expect(invalid.meta.reason).toContain(reason);
        expect(invalid.meta.reason).toContain("https://www.nushell.sh");
      }
      await expectAlive(server);
      await spawn(server, "generator", "lines", "echo a", { runtime: "sh" });
      await countOf(server, "lines.recv", 1);
    }, env);
  };
  await check({ PATH: without.join(":") }, "not on the PATH");
  await check({ XS_NU: "/no/such/nu" }, "/no/such/nu");
});
