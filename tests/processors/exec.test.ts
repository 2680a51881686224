import { expect, setDefaultTimeout, test } from "bun:test";
import {
  answered,
  ask,
  countOf,
  expectAlive,
  framesOf,
  kvText,
  processesWith,
  say,
  sayMany,
  serving,
  spawn,
  textsOf,
} from "../support/processors.ts";
import { TEST_MS } from "../support/wait.ts";

setDefaultTimeout(TEST_MS);

/** A handler in Python: `body` sees `frame` and `state`, and calls say(**line). */
const python = (options: string, body: string) => `#!/usr/bin/python3
import base64, json, os, sys, time

def say(**line):
    print(json.dumps(line), flush=True)

say(ready=${options})
state = None
for line in sys.stdin:
    frame = json.loads(line)
    if "state" in frame:
        state = frame["state"]
        continue
    if "topic" not in frame:
        continue
${body.replace(/^/gm, "    ")}
`;

test("a program in Python is a handler: state, output, appends, values and errors", async () => {
  await serving(async (server) => {
    const script = python(
      '{"topics": ["n"], "initial": 0, "on_error": "skip"}',
      `n = frame["meta"]["n"]
say(append={"topic": "copy", "meta": {"n": n}, "content": "c%d" % n})
say(put={"key": "last", "value": {"n": n}})
if n % 5 == 4:
    say(error="no %d" % n, frame_id=frame["id"])
    continue
state += 1
say(out={"n": n, "count": state}, next=state, done=frame["id"])`,
    );
    const handler = await spawn(server, "handler", "py", script);
    await sayMany(server, "n", 100);
    const out = await countOf(server, "py.out", 80);
    const errors = await countOf(server, "py.error", 20);
    const good = Array.from({ length: 100 }, (_, n) => n).filter((n) => n % 5 !== 4);
    expect(out.map(({ meta }) => [meta.n, meta.count])).toEqual(good.map((n, at) => [n, at + 1]));
    expect((await framesOf(server, "copy")).map(({ meta }) => meta.n)).toEqual(good);
    expect(await textsOf(server, "copy")).toEqual(good.map((n) => `c${n}`));
    expect(await kvText(server, "last")).toBe('{"n":98}');
    const frames = await framesOf(server, "n");
    expect(errors[0]?.meta).toMatchObject({
      reason: "no 4",
      handler_id: handler.id,
      frame_id: frames[4]?.id,
    });
    expect(out[0]?.meta).toMatchObject({ handler_id: handler.id, frame_id: frames[0]?.id });
  });
});

test("a batch of frames is done at once, and an error in it takes nothing of the frames before", async () => {
  await serving(async (server) => {
    const script = python(
      '{"topics": ["n"], "on_error": "skip"}',
      `n = frame["meta"]["n"]
say(out={"n": n}, frame_id=frame["id"])
if n == 7:
    say(error="no", frame_id=frame["id"])
elif n % 10 == 9:
    say(done=frame["id"])`,
    );
    await spawn(server, "handler", "py", script);
    await sayMany(server, "n", 20);
    const out = await countOf(server, "py.out", 19);
    expect(out.map(({ meta }) => meta.n)).toEqual(
      Array.from({ length: 20 }, (_, n) => n).filter((n) => n !== 7),
    );
  });
});

test("a handler in the shell, with sed, knows its name and its store", async () => {
  await serving(async (server) => {
    const script = `#!/bin/sh
echo '{"ready":{"topics":["ping"]}}'
while IFS= read -r line; do
  id=$(printf '%s' "$line" | sed -n 's/^{"topic":"[^"]*","id":"\\([^"]*\\)".*/\\1/p')
  n=$(printf '%s' "$line" | sed -n 's/.*"n":\\([0-9]*\\).*/\\1/p')
  printf '{"out":{"pong":%d,"name":"%s","store":"%s"},"done":"%s"}\\n' "$n" "$XS_NAME" "$XS_ADDR" "$id"
done
`;
    await spawn(server, "handler", "shell", script);
    await sayMany(server, "ping", 3);
    const out = await countOf(server, "shell.out", 3);
    expect(out.map(({ meta }) => meta)).toMatchObject(
      [0, 1, 2].map((pong) => ({ pong, name: "shell", store: server.directory })),
    );
  });
});

test("with concurrency several processes work, and the output is in order and each once", async () => {
  await serving(async (server) => {
    const script = python(
      '{"topics": ["n"], "concurrency": 4}',
      `time.sleep((frame["meta"]["n"] % 4) / 500)
say(out={"n": frame["meta"]["n"], "pid": os.getpid()}, done=frame["id"])`,
    );
    await spawn(server, "handler", "wide", script);
    await sayMany(server, "n", 100);
    const out = await countOf(server, "wide.out", 100);
    expect(out.map(({ meta }) => meta.n)).toEqual(Array.from({ length: 100 }, (_, n) => n));
    expect(new Set(out.map(({ meta }) => meta.pid)).size).toBe(4);
  });
});

test("one of several processes that does not start takes the others with it", async () => {
  await serving(async (server) => {
    const script = `#!/bin/sh
mkdir "$XS_ADDR/only-once" || { echo "only once" >&2; exit 4; }
echo '{"ready":{"concurrency":3}}'
cat > /dev/null
`;
    const frame = await ask(server, "handler", "wide", script);
    expect((await answered(server, frame, "invalid")).meta.reason).toContain("only once");
    expect(processesWith(frame.id)).toEqual([]);
  });
});

test("one that exits in the middle runs again and goes on where it was, each frame once", async () => {
  await serving(async (server) => {
    const script = python(
      '{"topics": ["n"], "initial": 0}',
      `n = frame["meta"]["n"]
say(append={"topic": "copy", "meta": {"n": n}})
if n == 5 and not os.path.exists(os.environ["XS_ADDR"] + "/fell"):
    open(os.environ["XS_ADDR"] + "/fell", "w").close()
    print("I fall", file=sys.stderr, flush=True)
    sys.exit(3)
state += 1
say(out={"n": n, "count": state}, next=state, done=frame["id"])`,
    );
    const handler = await spawn(server, "handler", "py", script);
    await sayMany(server, "n", 10);
    const out = await countOf(server, "py.out", 10);
    expect(out.map(({ meta }) => [meta.n, meta.count])).toEqual(
      Array.from({ length: 10 }, (_, n) => [n, n + 1]),
    );
    expect((await framesOf(server, "copy")).map(({ meta }) => meta.n)).toEqual(
      Array.from({ length: 10 }, (_, n) => n),
    );
    const again = await answered(server, handler, "restarting");
    expect(again.meta).toMatchObject({ exit: 3, delay_ms: 1000 });
    expect(again.meta.reason).toContain("I fall");
    await answered(server, handler, "active", 2);
  });
});

const BROKEN: [what: string, body: string, reason: string][] = [
  ["garbage", 'print("Hello!", flush=True)', "Hello!"],
  ["a key that is none", 'say(output=1, done=frame["id"])', "output"],
  ["an id that it was not given", 'say(done="z" * 25)', "was not given"],
  ["an id that is none", 'say(done="soon")', "is no id"],
  ["a frame twice", 'say(done=frame["id"]); say(done=frame["id"])', "done before"],
  ["bytes that are not in base64", 'say(out_base64="!", done=frame["id"])', "base64"],
  ["an append that is none", 'say(append="copy", done=frame["id"])', "append is an object"],
  ["an append to a bad topic", 'say(append={"topic": "no topic"}, done=frame["id"])', "no topic"],
  [
    "bytes that are no text",
    'sys.stdout.buffer.write(b"\\xff\\xfe\\n"); sys.stdout.flush()',
    "stdout",
  ],
];

test("one that does not keep to the protocol has failed, and the others go on", async () => {
  await serving(async (server) => {
    const spawns = await Promise.all(
      BROKEN.map(([, body], n) =>
        spawn(server, "handler", `broken${n}`, python('{"topics": ["n"]}', body)),
      ),
    );
    await say(server, "n");
    for (const [n, [what, , reason]] of BROKEN.entries()) {
      const handler = spawns[n];
      if (!handler) throw new Error("it was spawned");
      const { meta } = await answered(server, handler, "failed");
      expect([what, meta.reason]).toEqual([what, expect.stringContaining(reason)]);
    }
    await expectAlive(server);
  });
});

test("what was done before the protocol is broken is kept, also where the state becomes too large", async () => {
  await serving(async (server) => {
    const script = (at2: string) =>
      python(
        '{"topics": ["n"], "initial": ""}',
        `n = frame["meta"]["n"]
if n == 2: ${at2}
else: say(out={"n": n}, next=str(n), done=frame["id"])`,
      );
    const unknown = await spawn(server, "handler", "unknown", script('say(done="z" * 25)'));
    const loud = await spawn(server, "handler", "loud", script('print("Hello!", flush=True)'));
    const large = await spawn(
      server,
      "handler",
      "large",
      script('say(out=2, next="x" * 2000000, done=frame["id"])'),
    );
    await sayMany(server, "n", 4);
    const frames = await framesOf(server, "n");
    const { meta } = await answered(server, large, "failed");
    expect([meta.reason, meta.frame_id]).toEqual([
      expect.stringContaining("the state is 2000002 bytes"),
      frames[2]?.id,
    ]);
    expect((await answered(server, unknown, "failed")).meta.frame_id).toBeUndefined();
    expect((await answered(server, loud, "failed")).meta.reason).toContain("Hello!");
    for (const name of ["unknown", "loud", "large"]) {
      const out = await framesOf(server, `${name}.out`);
      expect([name, out.map(({ meta }) => meta.n)]).toEqual([name, [0, 1]]);
    }
  });
});

test("one that never says that it is ready, or says it wrong, is invalid", async () => {
  await serving(async (server) => {
    const wrong: [script: string, reason: string][] = [
      ["#!/bin/sh\necho hello\n", "hello"],
      ['#!/bin/sh\necho \'{"done":"x"}\'\n', "done"],
      ["#!/bin/sh\necho oh no >&2; exit 4\n", "oh no"],
      ["#!/bin/sh\nexit 4\n", "exit code 4"],
      ["#!/usr/bin/env no-such-language\n", "no-such-language"],
    ];
    for (const [n, [script, reason]] of wrong.entries()) {
      const invalid = spawn(server, "handler", `wrong${n}`, script);
      await expect(invalid).rejects.toThrow(reason);
    }
  });
});

/** A handler in sh that answers each frame with these lines, in which ID stands for the frame's id. */
const answering = (...lines: string[]) => `#!/bin/sh
echo '{"ready":{"topics":["n"],"initial":0}}'
while read -r line; do
  case "$line" in '{"topic"'*) ;; *) continue ;; esac
  id=$(echo "$line" | sed 's/.*"id":"\\([0-9a-z]*\\)".*/\\1/')
${lines.map((line) => `  echo '${line}' | sed "s/ID/$id/"`).join("\n")}
done
`;

test("what a program writes keeps its numbers: meta, output, values, state", async () => {
  await serving(async (server) => {
    const script = answering(
      '{"append":{"topic":"copy","meta":{"n":1234567890123456789}},"frame_id":"ID"}',
      '{"put":{"key":"k","value":[1.0]},"frame_id":"ID"}',
      '{"out":1e400,"next":1.50,"done":"ID"}',
    );
    await spawn(server, "handler", "h", script);
    await say(server, "n");
    await countOf(server, "h.out", 1);
    expect(await textsOf(server, "h.out")).toEqual(["1e400"]);
    expect(await (await server.fetch("/?topic=copy")).text()).toContain('"n":1234567890123456789,');
    expect(await kvText(server, "k")).toBe("[1.0]");
    expect(await kvText(server, "stream.cross.handler/h")).toContain('"state":1.50}');
  });
});

test("a meta deeper than 128 levels is refused by name, and ends nothing but its handler", async () => {
  await serving(async (server) => {
    const nested = (levels: number) => `${"[".repeat(levels)}${"]".repeat(levels)}`;
    const script = (levels: number) =>
      answering(`{"append":{"topic":"deep","meta":{"a":${nested(levels - 1)}}},"done":"ID"}`);
    await spawn(server, "handler", "right", script(128));
    const wrong = await spawn(server, "handler", "wrong", script(129));
    const deepest = await spawn(server, "handler", "deepest", script(50_000));
    await say(server, "n");
    for (const each of [wrong, deepest]) {
      expect((await answered(server, each, "failed")).meta.reason).toContain("128 levels");
    }
    await countOf(server, "deep", 1);
  });
});

test("what a program asks for and cannot have is an error of its frame, and breaks nothing later", async () => {
  if (!Bun.which("python3")) return;
  await serving(async (server) => {
    const script = python(
      '{"topics": ["n"], "on_error": "skip"}',
      `asked = [
    {"put": {"key": "k", "value": 1, "type": "a\\nb: c"}},
    {"put": {"key": "k", "value": 1, "type": "x" * 300}},
    {"put": {"key": "k", "value": 1, "tpye": "text/plain"}},
    {"append": {"topic": "a", "meta": [1]}},
    {"response": {"headers": 5}},
    {"response": {"boddy": "x"}},
    {"out_base64": "!"},
]
say(**asked[frame["meta"]["n"]], done=frame["id"])`,
    );
    await spawn(server, "handler", "asks", script);
    await sayMany(server, "n", 7);
    const errors = await countOf(server, "asks.error", 7);
    const frames = await framesOf(server, "n");
    expect(errors.map(({ meta }) => meta.frame_id)).toEqual(frames.map(({ id }) => id));
    expect(errors.map(({ meta }) => meta.reason)).toEqual([
      expect.stringContaining("media type"),
      expect.stringContaining("media type"),
      expect.stringContaining('"tpye"'),
      expect.stringContaining("meta is an object"),
      expect.stringContaining("headers"),
      expect.stringContaining('"boddy"'),
      expect.stringContaining("base64"),
    ]);
    expect(await kvText(server, "k")).toBeUndefined();
  });
});

test("half a surrogate pair in a text of a program is refused, and nothing is altered", async () => {
  await serving(async (server) => {
    const lines = [
      String.raw`out="x\ud800y"`,
      String.raw`append={"topic": "note", "content": "x\ud800y"}`,
      String.raw`put={"key": "k", "value": "x\ud800y"}`,
      String.raw`response={"body": "x\ud800y"}`,
    ];
    for (const [n, line] of lines.entries()) {
      const script = python(
        '{"topics": ["go"]}',
        `say(${line}, frame_id=frame["id"], done=frame["id"])`,
      );
      const handler = await spawn(server, "handler", `program${n}`, script);
      await say(server, "go");
      const { reason } = (await answered(server, handler, "failed")).meta;
      expect([line, reason]).toEqual([line, expect.stringContaining("half a surrogate pair")]);
    }
    for (const topic of ["note", "program0.out", "http.response"]) {
      expect(await framesOf(server, topic)).toEqual([]);
    }
    expect((await server.fetch("/kv/k")).status).toBe(404);
  });
});
