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
  MemoryWatch,
  processesWith,
  say,
  serving,
  spawn,
  statuses,
  terminate,
  textOf,
  textsOf,
  WITH_NU,
} from "../support/processors.ts";
import { type Server, startServer } from "../support/server.ts";
import { expectSound } from "../support/store.ts";
import { tempDirectory } from "../support/temp.ts";
import { TEST_MS, until } from "../support/wait.ts";

setDefaultTimeout(TEST_MS);

const SH = { runtime: "sh" };

let markers = 0;
/** A text that no other process has in its command line. */
function marker(): string {
  return `xs-marker-${process.pid}-${++markers}`;
}

test("each line of a shell command becomes a frame, also a last one without its newline", async () => {
  await serving(async (server) => {
    const frame = await spawn(
      server,
      "generator",
      "lines",
      'echo one; echo; echo "to stderr" >&2; printf "é\\nlast"; sleep 60',
      { ...SH, ttl: "last:3" },
    );
    const recv = await countOf(server, "lines.recv", 3);
    const [stderr] = await countOf(server, "lines.stderr", 1);
    // It has not ended, so its last line is not whole yet.
    const texts = await textsOf(server, "lines.recv");
    expect([texts[0], texts[2]]).toEqual(["one", "é"]);
    expect(recv[1]?.hash).toBeNull();
    expect(recv[0]).toMatchObject({ meta: { spawn_id: frame.id }, ttl: "last:3" });
    expect(stderr).toMatchObject({ meta: { spawn_id: frame.id }, ttl: "last:500" });
    expect(stderr && (await textOf(server, stderr))).toBe("to stderr");
    await terminate(server, "generator", "lines");
    await answered(server, frame, "terminated");
    expect((await textsOf(server, "lines.recv")).at(-1)).toBe("last");
  });
});

test("values of TypeScript and nushell become frames: records, text, bytes and the rest", async () => {
  await serving(async (server) => {
    await spawn(
      server,
      "generator",
      "ts",
      `export default async function* (xs) {
        yield { n: 1, spawn_id: "mine" };
        yield "text";
        yield new Uint8Array([0, 255]);
        yield [1, 2];
        yield (await xs.last("note")).meta.n;
        await xs.append("made", "by it");
        await new Promise(() => setTimeout(() => {}, 1e6));
      }`,
    );
    await say(server, "note", { n: 7 });
    await spawn(
      server,
      "generator",
      "nu",
      `use std; [{ n: 1 } "text" 0x[00 ff] [1 2] (.last note | get meta.n)] | each {|v| $v }`,
      { restart: "never" },
    );
    const values = await countOf(server, "nu.recv", 5);
    expect(values[0]?.meta).toMatchObject({ n: 1 });
    const contents = await Promise.all(
      values.slice(1).map(async ({ id }) => (await server.fetch(`/${id}/content`)).bytes()),
    );
    expect(contents.map((bytes) => Buffer.from(bytes).toString("latin1"))).toEqual([
      "text",
      "\x00\xff",
      "[1,2]",
      "7",
    ]);
    // A pipeline without end gives its values as they come, and nothing is none.
    await spawn(server, "generator", "endless", "1.. | each {|n| sleep 20ms; { n: $n } }");
    const endless = await countOf(server, "endless.recv", 3);
    expect(endless.slice(0, 3).map(({ meta }) => meta.n)).toEqual([1, 2, 3]);
    const nothing = await spawn(server, "generator", "nothing", "null", { restart: "never" });
    await answered(server, nothing, "finished");
    // The note came after its start, so it may have failed on that and run again.
    const recv = await until("the values of ts", async () => {
      const texts = await textsOf(server, "ts.recv");
      return texts.includes("7") && framesOf(server, "ts.recv");
    });
    expect(recv[0]?.meta).toMatchObject({ n: 1, spawn_id: expect.stringMatching(/^0/) });
    await countOf(server, "made", 1);
  });
});

test("a record that is too large for meta is content, and ends nothing", async () => {
  await serving(async (server) => {
    const large = { n: 1, text: "é".repeat(40_000) };
    // As the runtime adds to it, one that just fits is too large with that.
    const just = { text: "x".repeat(64 * 1024 - 20) };
    const values = [{ n: 0 }, large, just, { n: 2 }];
    const meta = { restart: "never" };
    const yields = values.map((value) => `yield ${JSON.stringify(value)};`).join("\n");
    const ts = `export default async function* () { ${yields} }`;
    const nu = `[${values
      .map((value) => `('${JSON.stringify(value)}' | from json)`)
      .join(" ")}] | each {|v| $v }`;
    const spawns = [
      await spawn(server, "generator", "ts", ts, meta),
      await spawn(server, "generator", "nu", nu, meta),
    ];
    for (const frame of spawns) await answered(server, frame, "finished");
    for (const name of ["ts", "nu"]) {
      const recv = await framesOf(server, `${name}.recv`);
      const got = await Promise.all(
        recv.map(async (frame) => {
          if (frame.hash !== null) return JSON.parse(await textOf(server, frame));
          const { spawn_id: _, ...rest } = frame.meta;
          return rest;
        }),
      );
      expect(got).toEqual(values);
      expect(recv.map(({ hash }) => hash !== null)).toEqual(
        values.map((value) => value !== values[0] && value !== values.at(-1)),
      );
      expect(new Set(recv.map(({ meta }) => meta.spawn_id)).size).toBe(1);
    }
    // What a handler puts out is the same, in every language.
    const run = { python: "", ts: "" };
    run.ts = `export default { topics: ["n"], run: (frame) => ({ out: ${JSON.stringify(large)} }) }`;
    run.python = `#!/usr/bin/env python3
import json, sys
print(json.dumps({"ready": {"topics": ["n"]}}), flush=True)
for line in sys.stdin:
    print(json.dumps({"out": {"n": 1, "text": "é" * 40000}, "done": json.loads(line)["id"]}), flush=True)
`;
    for (const [name, script] of Object.entries(run)) {
      if (name === "python" && !Bun.which("python3")) continue;
      await spawn(server, "handler", name, script);
    }
    const frame = await say(server, "n");
    for (const name of Bun.which("python3") ? ["python", "ts"] : ["ts"]) {
      const [out] = await countOf(server, `${name}.out`, 1);
      if (!out) throw new Error("nothing came");
      expect(out.meta).toMatchObject({ frame_id: frame.id });
      expect(JSON.parse(await textOf(server, out))).toEqual(large);
    }
  });
});

test("a program in Python is a generator, line by line", async () => {
  await serving(async (server) => {
    const script = `#!/usr/bin/python3
import os, time
print(os.environ["XS_NAME"], flush=True)
print(os.environ["XS_ADDR"], flush=True)
time.sleep(600)
`;
    await spawn(server, "generator", "py", script);
    await countOf(server, "py.recv", 2);
    expect(await textsOf(server, "py.recv")).toEqual(["py", server.directory]);
  });
});

test("stderr keeps the last 500 lines, and a program that fills it goes on", async () => {
  await serving(async (server) => {
    await spawn(server, "generator", "noisy", "seq 1 1500 >&2; echo done; sleep 600", SH);
    await countOf(server, "noisy.recv", 1);
    await until("the last line", async () => {
      const [newest] = await server.frames("/last/noisy.stderr");
      return newest && (await textOf(server, newest)) === "1500";
    });
    expect(await framesOf(server, "noisy.stderr")).toHaveLength(500);
  });
});

test("a program that keeps ending runs again after 1 s, 2 s and so on, and the frames tell", async () => {
  await serving(async (server) => {
    const frame = await spawn(server, "generator", "falls", "echo up; echo why >&2; exit 3", SH);
    const killed = await spawn(server, "generator", "shot", "kill -9 $$", SH);
    const well = await spawn(server, "generator", "well", "echo well", SH);
    await answered(server, frame, "restarting", 2);
    await countOf(server, "falls.recv", 2);
    const restarting = await answers(server, frame, "restarting");
    expect(restarting.map(({ meta }) => meta)).toMatchObject([
      { topic: "falls", exit: 3, delay_ms: 1000, reason: expect.stringContaining("why") },
      { exit: 3, delay_ms: 2000 },
    ]);
    const [row] = (await statuses(server)).filter(({ name }) => name === "falls");
    expect(row).toMatchObject({
      state: "restarting",
      restarts: 1,
      pid: null,
      uptime_ms: null,
      last_exit: { code: 3, signal: null },
    });
    expect((await answered(server, killed, "restarting")).meta.signal).toBe("SIGKILL");
    const again = await answered(server, well, "restarting");
    expect(again.meta).toMatchObject({ exit: 0, delay_ms: 1000 });
    expect((await events(server, frame)).slice(0, 4)).toEqual([
      "active",
      "restarting",
      "active",
      "restarting",
    ]);
  });
});

test("restart: never and on-failure end with finished or failed", async () => {
  await serving(async (server) => {
    const run = (name: string, script: string, restart: string) =>
      spawn(server, "generator", name, script, { ...SH, restart });
    const finished = await run("a", "echo a", "never");
    const failed = await run("b", "echo oh >&2; exit 2", "never");
    const well = await run("c", "echo c", "on-failure");
    const falls = await run("d", "exit 5", "on-failure");
    expect((await answered(server, finished, "finished")).meta).toMatchObject({ exit: 0 });
    const { meta } = await answered(server, failed, "failed");
    expect(meta).toMatchObject({ exit: 2, reason: expect.stringContaining("oh") });
    await answered(server, well, "finished");
    await answered(server, falls, "restarting");
    expect(await events(server, finished)).toEqual(["active", "finished"]);
    expect(await textsOf(server, "a.recv")).toEqual(["a"]);
    const running = (await statuses(server)).map(({ name }) => name);
    expect(running).toEqual(["d"]);
  });
});

test("a script that does not load is invalid, and what ran goes on", async () => {
  await serving(async (server) => {
    const good = await spawn(server, "generator", "g", "echo a; sleep 600", SH);
    for (const [script, meta, reason] of [
      ["if then", SH, "yntax"],
      ["export default 5", {}, "function that yields"],
      ['export default 5; throw new Error("not today")', {}, "not today"],
      ["", SH, "no script"],
      ["echo", { restart: "sometimes", ...SH }, "sometimes"],
    ] as const) {
      const frame = await ask(server, "generator", "g", script, meta);
      expect((await answered(server, frame, "invalid")).meta.reason).toContain(reason);
    }
    expect(await events(server, good)).toEqual(["active"]);
    const next = await spawn(server, "generator", "g", "echo b; sleep 600", SH);
    expect((await answered(server, good, "replaced")).meta.by).toBe(next.id);
    await countOf(server, "g.recv", 2);
    expect(await textsOf(server, "g.recv")).toEqual(["a", "b"]);
  });
});

test("a generator in TypeScript that yields what is no JSON has ended, and says why", async () => {
  await serving(async (server) => {
    for (const value of ["1n", "() => {}", "undefined"]) {
      const script = `export default async function* () { yield ${value}; }`;
      const frame = await spawn(server, "generator", "odd", script, { restart: "never" });
      const { meta } = await answered(server, frame, "failed");
      expect(meta.reason).toContain("cannot be written as JSON");
    }
    await expectAlive(server);
  });
});

test("what forks away and ignores SIGTERM is ended with its generator", async () => {
  await serving(async (server) => {
    const mark = marker();
    // One in the background, one in a session of its own, and both deaf.
    const script = `
      trap '' TERM
      sh -c "trap '' TERM; while :; do sleep 1; done # ${mark}" &
      setsid sh -c "trap '' TERM; while :; do sleep 1; done # ${mark}" &
      echo up
      while :; do sleep 1; done # ${mark}
    `;
    const frame = await spawn(server, "generator", "deaf", script, SH);
    await until("two children", () => processesWith(mark).length >= 2);
    await terminate(server, "generator", "deaf");
    await until("ps tells that it stops", async () =>
      (await statuses(server)).some(({ state }) => state === "stopping"),
    );
    await answered(server, frame, "terminated");
    expect(processesWith(mark)).toEqual([]);
    expect(processesWith(frame.id)).toEqual([]);
  });
});

test("what a program leaves behind when it ends goes too", async () => {
  await serving(async (server) => {
    const mark = marker();
    const script = `setsid sh -c "sleep 600; # ${mark}" & sleep 0.2; echo up`;
    const frame = await spawn(server, "generator", "forks", script, { ...SH, restart: "never" });
    await answered(server, frame, "finished");
    expect(processesWith(mark)).toEqual([]);
  });
});

test("kill -9 of the server leaves no process, and after it what ran runs again", async () => {
  using home = tempDirectory();
  const directory = join(home.path, "store");
  const mark = marker();
  const deaf = `trap '' TERM HUP
    setsid sh -c "trap '' TERM HUP; while :; do sleep 1; done # ${mark}" &
    echo up
    while :; do sleep 1; done # ${mark}`;
  const handler = 'export default { topics: ["n"], run() { for (;;); } }';
  const ids: string[] = [];
  {
    await using server = await startServer(directory, { env: WITH_NU });
    ids.push((await spawn(server, "generator", "deaf", deaf, SH)).id);
    ids.push((await spawn(server, "handler", "stuck", handler)).id);
    ids.push((await spawn(server, "handler", "nu", "{|f, s| null }")).id);
    await say(server, "n");
    await countOf(server, "deaf.recv", 1);
    await until("its child", () => processesWith(mark).length > 0);
    await server.stop("SIGKILL");
  }
  await until("the end of all of them", () =>
    [mark, ...ids].every((text) => processesWith(text).length === 0),
  );
  {
    await using server = await startServer(directory, { env: WITH_NU });
    await countOf(server, "deaf.recv", 2);
    await until("all three", async () => (await statuses(server)).length === 3);
    expect(await server.stop("SIGTERM")).toBe(0);
  }
  expect([mark, ...ids].flatMap(processesWith)).toEqual([]);
  await expectSound(directory);
});

test("a line of some MB, and one of 100 MB, are content; the server's memory stays flat", async () => {
  await serving(async (server) => {
    const script = (bytes: number) =>
      `head -c ${bytes} /dev/zero | tr '\\0' x; echo; echo after; sleep 600`;
    await spawn(server, "generator", "some", script(3_000_000), SH);
    await countOf(server, "some.recv", 2);
    using memory = new MemoryWatch(server.pid);
    await spawn(server, "generator", "long", script(100_000_000), SH);
    const [line, after] = await countOf(server, "long.recv", 2);
    const sizeOf = async (id = "") => {
      let size = 0;
      const { body } = await server.fetch(`/${id}/content`);
      for await (const bytes of body ?? []) size += bytes.length;
      return size;
    };
    expect(memory.most - memory.first).toBeLessThan(70);
    expect(await sizeOf(line?.id)).toBe(100_000_000);
    expect(await sizeOf(after?.id)).toBe(5);
    expect(await sizeOf((await framesOf(server, "some.recv"))[0]?.id)).toBe(3_000_000);
  });
});

test("a handler that writes without end, and no newline, has failed; the server's memory is bounded", async () => {
  await serving(async (server) => {
    using memory = new MemoryWatch(server.pid);
    const script = `#!/bin/sh
echo '{"ready":{"topics":["n"]}}'
read line
exec tr '\\0' x < /dev/zero
`;
    const frame = await spawn(server, "handler", "endless", script);
    await say(server, "n");
    const { meta } = await answered(server, frame, "failed");
    expect(meta.reason).toContain("longer than");
    const values = '#!/bin/sh\nexec tr "\\\\0" x < /dev/zero\n';
    const invalid = await ask(server, "handler", "never", values);
    expect((await answered(server, invalid, "invalid")).meta.reason).toContain("longer than");
    expect(memory.most - memory.first).toBeLessThan(200);
    await expectAlive(server);
  });
});

test("a source that is faster than the store is slowed down, and loses nothing", async () => {
  await serving(async (server) => {
    using memory = new MemoryWatch(server.pid);
    const frame = await spawn(server, "generator", "fast", "seq 1 5000", {
      ...SH,
      restart: "never",
      ttl: "last:1000",
    });
    await answered(server, frame, "finished");
    const texts = await textsOf(server, "fast.recv");
    expect(texts).toEqual(Array.from({ length: 1000 }, (_, n) => `${4001 + n}`));
    expect(memory.most - memory.first).toBeLessThan(150);
  });
});

/** Sends numbered lines to a duplex generator. */
async function send(server: Server, name: string, from: number, count: number): Promise<void> {
  for (let n = from; n < from + count; n++) await say(server, `${name}.send`, null, `${n}\n`);
}

const numbers = (count: number) => Array.from({ length: count }, (_, n) => `${n}`);

test("a duplex generator gets what is sent after its spawn, in order and verbatim", async () => {
  await serving(async (server) => {
    await say(server, "cat.send", null, "before\n");
    await spawn(server, "duplex", "cat", "cat", SH);
    await send(server, "cat", 0, 20);
    await say(server, "cat.send", null, "no newline");
    await say(server, "cat.send", null, ", and its end\ntwo ");
    await say(server, "cat.send", null, "");
    await say(server, "cat.send", null, "lines\n");
    await say(server, "cat.send.other", null, "not for it\n");
    await countOf(server, "cat.recv", 22);
    expect(await textsOf(server, "cat.recv")).toEqual([
      ...numbers(20),
      "no newline, and its end",
      "two lines",
    ]);
    await spawn(
      server,
      "generator",
      "ts",
      "export default async function* (xs, input) { for await (const line of input) yield { line }; }",
      { duplex: true },
    );
    await send(server, "ts", 0, 3);
    const recv = await countOf(server, "ts.recv", 3);
    expect(recv.map(({ meta }) => meta.line)).toEqual(numbers(3));
    await spawn(server, "duplex", "nu", '{|| lines | each {|line| $"got ($line)" } }');
    await send(server, "nu", 0, 3);
    await countOf(server, "nu.recv", 3);
    expect(await textsOf(server, "nu.recv")).toEqual(numbers(3).map((n) => `got ${n}`));
  });
});

test("what a duplex generator did not read before it ended goes to its next run, once", async () => {
  await serving(async (server) => {
    // read takes a byte at a time, so what is behind its line stays unread.
    const frame = await spawn(
      server,
      "duplex",
      "some",
      'for n in 1 2 3 4 5; do read -r line || exit 0; echo "$line"; done',
      SH,
    );
    await send(server, "some", 0, 12);
    await countOf(server, "some.recv", 12);
    expect(await textsOf(server, "some.recv")).toEqual(numbers(12));
    expect((await answers(server, frame, "restarting")).map(({ meta }) => meta.delay_ms)).toEqual([
      1000, 2000,
    ]);
  });
});

test("sends that pour in while the program keeps ending are neither lost nor repeated", async () => {
  await serving(async (server) => {
    await spawn(
      server,
      "duplex",
      "some",
      'for n in $(seq 120); do read -r line || exit 0; echo "$line"; done',
      SH,
    );
    await send(server, "some", 0, 300);
    await countOf(server, "some.recv", 300);
    expect(await textsOf(server, "some.recv")).toEqual(numbers(300));
  });
});

test("a replaced duplex generator hands its input over: all sends once, in order", async () => {
  await serving(async (server) => {
    const first = await spawn(server, "duplex", "cat", "cat", SH);
    let isReplaced = false;
    // Before the second spawn, all the while, and after it, however fast the first answers.
    const sending = (async () => {
      let sent = 0;
      for (; sent < 100 || !isReplaced; sent++) await send(server, "cat", sent, 1);
      await send(server, "cat", sent, 20);
      return sent + 20;
    })();
    await countOf(server, "cat.recv", 20);
    const second = await spawn(server, "duplex", "cat", "cat # again", SH);
    isReplaced = true;
    const sent = await sending;
    const recv = await countOf(server, "cat.recv", sent);
    expect(await textsOf(server, "cat.recv")).toEqual(numbers(sent));
    const by = recv.map(({ meta }) => meta.spawn_id);
    expect(by.lastIndexOf(first.id)).toBe(by.indexOf(second.id) - 1);
    expect(await events(server, first)).toEqual(["active", "replaced"]);
  });
});

test("what a replaced duplex generator writes at its end makes its successor repeat nothing", async () => {
  await serving(async (server) => {
    const first = await spawn(server, "duplex", "cat", "cat; yes end | head -30000", SH);
    await send(server, "cat", 0, 20);
    await countOf(server, "cat.recv", 20);
    const second = await spawn(server, "duplex", "cat", "cat", SH);
    await send(server, "cat", 20, 1);
    await until("what the second has", async () => {
      const [newest] = await server.frames("/?topic=cat.recv&last=1");
      return (newest as AnyFrame).meta.spawn_id === second.id;
    });
    const recv = await framesOf(server, "cat.recv");
    expect(recv.filter(({ meta }) => meta.spawn_id === first.id)).toHaveLength(30_020);
    const rest = recv.filter(({ meta }) => meta.spawn_id === second.id);
    expect(await Promise.all(rest.map((frame) => textOf(server, frame)))).toEqual(["20"]);
  });
});

test("a duplex generator goes on after a stop of the server with what was sent meanwhile", async () => {
  using home = tempDirectory();
  const directory = join(home.path, "store");
  {
    await using server = await startServer(directory);
    await spawn(server, "duplex", "cat", "cat", SH);
    await send(server, "cat", 0, 50);
    await countOf(server, "cat.recv", 50);
    expect(await server.stop("SIGTERM")).toBe(0);
  }
  await using server = await startServer(directory);
  await send(server, "cat", 50, 50);
  await countOf(server, "cat.recv", 100);
  expect(await textsOf(server, "cat.recv")).toEqual(numbers(100));
  expect(await server.stop("SIGTERM")).toBe(0);
  await expectSound(directory);
});

test("a generator named like nothing else: its values carry a long name, and a too long one is invalid", async () => {
  await serving(async (server) => {
    const frame = await ask(server, "generator", "x".repeat(250), "echo", SH);
    expect((await answered(server, frame, "invalid")).meta.reason).toContain("255");
    const long = "y".repeat(240);
    await spawn(server, "generator", long, "echo a; sleep 600", SH);
    await countOf(server, `${long}.recv`, 1);
  });
});
