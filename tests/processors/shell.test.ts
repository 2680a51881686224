import { expect, setDefaultTimeout, test } from "bun:test";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { MAX_OUTPUT } from "../../src/processors/shell/collected.ts";
import {
  type AnyFrame,
  answered,
  ask,
  countOf,
  events,
  framesOf,
  kvText,
  MemoryWatch,
  processesWith,
  say,
  sayMany,
  serving,
  spawn,
  statuses,
  terminate,
  textsOf,
} from "../support/processors.ts";
import { type Server, startServer } from "../support/server.ts";
import { expectSound } from "../support/store.ts";
import { tempDirectory } from "../support/temp.ts";
import { LineReader, TEST_MS, until } from "../support/wait.ts";

setDefaultTimeout(TEST_MS);

const SKIP = { runtime: "sh", on_error: "skip", topics: ["n"] };
const FAIL = { runtime: "sh", topics: ["n"] };

/** Waits until a handler is done with a frame. */
function done(server: Server, name: string, { id }: AnyFrame): Promise<unknown> {
  return until(`${name} is done with ${id}`, async () => {
    const record = await kvText(server, `stream.cross.handler/${name}`);
    return record !== undefined && JSON.parse(record).cursor >= id;
  });
}

/** The process that runs the commands of a server. */
function shellOf(server: Server): number {
  const read = (pid: number, file: string) => readFileSync(`/proc/${pid}/${file}`, "latin1");
  const found = processesWith("__shell").find(
    (pid) =>
      read(pid, "cmdline").split("\0")[1] === "__shell" &&
      read(pid, "environ").includes(`XS_ADDR=${server.directory}\0`),
  );
  if (found === undefined) throw new Error("no process runs the commands");
  return found;
}

test.each([
  ["short", "seq 1 3000000", 3_000_000],
  ["of 1 KiB", 'seq -f "%01024.0f" 1 60000', 60_000],
])(
  "a flood of lines on standard error that are %s does not hold up the command",
  async (_, print, last) => {
    await serving(async (server) => {
      const response = await server.fetch("/stream/h.stderr?follow&tail&content=inline");
      const follower = new LineReader(response.body);
      await follower.take(1);
      await spawn(server, "handler", "h", `${print} >&2; echo out`, FAIL);
      await say(server, "n");
      await countOf(server, "h.out", 1);
      let before = 0;
      let leftOut = 0;
      let isSure = true;
      while (before < last) {
        const [line = ""] = await follower.take(1);
        const { content: text } = JSON.parse(line) as { content?: string };
        // The frame was pushed out before it was read.
        isSure &&= text !== undefined;
        if (text === undefined) continue;
        const [, count] = /^\(([\d,]+) lines? left out\)$/.exec(text) ?? [];
        if (count !== undefined) leftOut++;
        if (count !== undefined) before += isSure ? Number(count.replaceAll(",", "")) : 0;
        else if (isSure) expect(Number(text)).toBe(++before);
        else [before, isSure] = [Number(text), true];
      }
      expect(before).toBe(last);
      // No server appends three million frames as fast as they are written; of fewer it may take each.
      if (last > 1_000_000) expect(leftOut).toBeGreaterThan(0);
      await follower.cancel();
      expect(await framesOf(server, "h.stderr")).toHaveLength(500);
    });
  },
);

test("a command runs once a frame, with the frame around it and never in its command line", async () => {
  await serving(async (server) => {
    const show = `env | grep ^XS_ | grep -v -e ^XS_ADDR= -e ^XS_NU= -e ^XS_SCRIPTS= | sort; printf '<%s>' "$(cat)"`;
    const handler = await spawn(server, "handler", "h", show, FAIL);
    const evil = `$(touch /tmp/xs-injected) \`id\` "; exit 3 #\n'`;
    const frames = [
      await say(server, "n", { a: [1.5, evil] }, evil),
      await say(server, "n"),
      await say(server, "n", null, "a\0b"),
      await say(server, "n", null, "x".repeat(32 * 1024 + 1)),
      await say(server, "n", null, "ü".repeat(16 * 1024)),
    ];
    const texts = (await countOf(server, "h.out", 5)) && (await textsOf(server, "h.out"));
    const [first, second] = frames;
    expect(texts[0]).toBe(
      `XS_ID=${first?.id}\nXS_META=${JSON.stringify({ a: [1.5, evil] })}\nXS_NAME=h\nXS_SPAWN_ID=${handler.id}\nXS_TEXT=${evil.split("\n")[0]}\nXS_TOPIC=n\n<${evil}>`,
    );
    expect(texts[1]).toBe(
      `XS_ID=${second?.id}\nXS_META=null\nXS_NAME=h\nXS_SPAWN_ID=${handler.id}\nXS_TOPIC=n\n<>`,
    );
    expect(texts.slice(2).map((text) => text.includes("XS_TEXT="))).toEqual([false, false, true]);
    expect(texts[3]).toEndWith(`<${"x".repeat(32 * 1024 + 1)}>`);
    const out = await framesOf(server, "h.out");
    expect(out.map(({ meta }) => meta)).toEqual(
      frames.map(({ id }) => ({ handler_id: handler.id, frame_id: id })),
    );
    expect(existsSync("/tmp/xs-injected")).toBe(false);
  });
});

test("no output is no frame; large content and large output stream; standard error becomes frames", async () => {
  await serving(async (server) => {
    await spawn(
      server,
      "handler",
      "h",
      "case $XS_META in *quiet*) echo a >&2; printf b >&2;; *) cat;; esac",
      FAIL,
    );
    await done(server, "h", await say(server, "n", "quiet", "x"));
    expect(await framesOf(server, "h.out")).toEqual([]);
    await countOf(server, "h.stderr", 2);
    expect(await textsOf(server, "h.stderr")).toEqual(["a", "b"]);
    const body = "0123456789abcdef".repeat(600_000);
    const frame = await say(server, "n", "loud", body);
    const [out] = await countOf(server, "h.out", 1);
    expect(out?.hash).toBe(frame.hash);
    // /dev/std… open, and a command need not read its input.
    await spawn(server, "handler", "dev", "cat /dev/stdin > /dev/stdout; echo e > /dev/stderr", {
      ...FAIL,
      topics: ["dev"],
    });
    await say(server, "dev", null, "through");
    await countOf(server, "dev.out", 1);
    expect(await textsOf(server, "dev.out")).toEqual(["through"]);
    await spawn(server, "handler", "deaf", "echo done", { ...FAIL, topics: ["deaf"] });
    await say(server, "deaf", null, body);
    await countOf(server, "deaf.out", 1);
  });
});

test("a command that fails, is not there or is killed: its reason, and nothing of its output", async () => {
  await serving(async (server) => {
    const script = `echo lost; case $XS_META in
      0) echo 'the door is jammed' >&2; exit 3;;
      1) no-such-command-here;;
      2) kill -9 $$;;
    esac`;
    await spawn(server, "handler", "h", script, SKIP);
    for (const n of [0, 1, 2, 3]) await say(server, "n", n);
    const errors = await countOf(server, "h.error", 3);
    const frames = await framesOf(server, "n");
    expect(errors.map(({ meta }) => meta.frame_id)).toEqual(frames.slice(0, 3).map(({ id }) => id));
    const reasons = errors.map(({ meta }) => meta.reason);
    expect(reasons[0]).toBe("it ended with exit code 3: the door is jammed");
    expect(reasons[1]).toMatch(/^it ended with exit code 127: .*no-such-command-here.*not found/);
    expect(reasons[2]).toBe("it was ended by SIGKILL");
    const out = await countOf(server, "h.out", 1);
    expect(out.map(({ meta }) => meta.frame_id)).toEqual([frames[3]?.id]);
    const [status] = await statuses(server);
    expect(status).toMatchObject({ state: "active", restarts: 0, runtime: "sh", pid: null });
    // Without on_error a failure ends it, and no command begins after that.
    const strict = await spawn(server, "handler", "strict", `echo $XS_META; [ $XS_META != 1 ]`, {
      ...FAIL,
      topics: ["s"],
    });
    await server.fetch("/stream", {
      method: "POST",
      body: [0, 1, 2].map((n) => `{"topic":"s","meta":${n}}`).join("\n"),
    });
    const failed = await answered(server, strict, "failed");
    expect(failed.meta.frame_id).toBe((await framesOf(server, "s"))[1]?.id);
    expect(await textsOf(server, "strict.out")).toEqual(["0\n"]);
  });
});

test("a script that is none, or asks for state, is invalid; its predecessor goes on", async () => {
  await serving(async (server) => {
    await spawn(server, "handler", "h", "cat", FAIL);
    const wrong = await ask(server, "handler", "h", "if true; then", FAIL);
    const invalid = await answered(server, wrong, "invalid");
    expect(invalid.meta.reason).toMatch(/^the command: .*[Ss]yntax error/);
    const state = await ask(server, "handler", "h", "cat", { ...FAIL, initial: 0 });
    expect((await answered(server, state, "invalid")).meta.reason).toContain("initial");
    await say(server, "n", null, "x");
    await countOf(server, "h.out", 1);
  });
});

test("a command that hangs shows in ps, and is ended with all it started", async () => {
  await serving(async (server) => {
    const script = `case $XS_META in
      0) sleep 98761 & setsid sleep 98762 & echo started;;
      1) trap '' TERM; sleep 98763;;
    esac`;
    const handler = await spawn(server, "handler", "h", script, FAIL);
    await say(server, "n", 0);
    // What it leaves behind holds its output open, lives on, and holds nothing up.
    await countOf(server, "h.out", 1);
    expect(await textsOf(server, "h.out")).toEqual(["started\n"]);
    const left = () => [98761, 98762].map((n) => processesWith(`sleep\0${n}`).length);
    await until("both have begun", () => left().join() === "1,1");
    await say(server, "n", 1);
    const row = await until("a pid", async () =>
      (await statuses(server)).find(({ pid }) => pid !== null),
    );
    expect(readFileSync(`/proc/${row.pid}/cmdline`, "utf8")).toStartWith("sh\0");
    expect(left()).toEqual([1, 1]);
    await terminate(server, "handler", "h");
    await answered(server, handler, "terminated");
    await until("all of it has ended", () => processesWith("sleep\x009876").length === 0);
    expect(await framesOf(server, "h.error")).toEqual([]);
  });
});

test("no command outlives the server, and its frame comes again after a kill", async () => {
  using home = tempDirectory();
  const directory = join(home.path, "store");
  const runs = join(home.path, "runs");
  const script = `echo $XS_META >> ${runs}; [ -e ${home.path}/go ] || sleep 98771; echo $XS_META`;
  {
    await using server = await startServer(directory);
    await spawn(server, "handler", "h", script, FAIL);
    await sayMany(server, "n", 3);
    await until("it runs", () => processesWith("sleep\x0098771").length === 1);
    await server.stop("SIGKILL");
    await until("it has ended", () => processesWith("sleep\x0098771").length === 0);
  }
  writeFileSync(join(home.path, "go"), "");
  {
    await using server = await startServer(directory);
    await countOf(server, "h.out", 3);
    expect(await textsOf(server, "h.out")).toEqual(['{"n":0}\n', '{"n":1}\n', '{"n":2}\n']);
    expect(await server.stop("SIGTERM")).toBe(0);
  }
  expect(readFileSync(runs, "utf8").split("\n").slice(0, 2)).toEqual(['{"n":0}', '{"n":0}']);
  await expectSound(directory);
});

test("a command that prints without end is ended by name, in bounded memory", async () => {
  await serving(async (server) => {
    await spawn(
      server,
      "handler",
      "h",
      `case $XS_META in 0) yes;; 1) head -c ${MAX_OUTPUT} /dev/zero;; 2) yes >&2 & sleep 0.3; kill $!;; esac`,
      SKIP,
    );
    using watch = new MemoryWatch(server.pid);
    using shell = new MemoryWatch(shellOf(server));
    for (const n of [0, 1]) await say(server, "n", n);
    const [error] = await countOf(server, "h.error", 1);
    expect(error?.meta.reason).toContain("printed more than 64 MiB");
    const [out] = await countOf(server, "h.out", 1);
    const content = await server.fetch(`/${out?.id}/content`, { method: "HEAD" });
    expect(content.headers.get("content-length")).toBe(String(MAX_OUTPUT));
    expect(watch.most - watch.first).toBeLessThan(100);
    expect(shell.most - shell.first).toBeLessThan(100);
    // Each line of standard error is a frame, so this costs what a generator costs.
    await done(server, "h", await say(server, "n", 2));
    expect(watch.most - watch.first).toBeLessThan(500);
    expect(shell.most - shell.first).toBeLessThan(100);
  });
});

test("concurrency: commands at once, their output in the order of the frames", async () => {
  using home = tempDirectory();
  await serving(async (server) => {
    const script = `touch ${home.path}/$XS_ID; if [ $XS_META = 0 ]; then while [ $(ls ${home.path} | wc -l) -lt 3 ]; do sleep 0.02; done; fi; echo $XS_META`;
    await spawn(server, "handler", "h", script, { ...SKIP, concurrency: 3 });
    for (const n of [0, 1, 2, 3, 4]) await say(server, "n", n);
    await countOf(server, "h.out", 5);
    expect(await textsOf(server, "h.out")).toEqual(["0\n", "1\n", "2\n", "3\n", "4\n"]);
  });
});

test("retry: the command runs again, and later frames wait", async () => {
  using home = tempDirectory();
  const runs = join(home.path, "runs");
  await serving(async (server) => {
    const script = `echo $XS_META >> ${runs}; [ $XS_META != 1 ] || [ $(grep -c 1 ${runs}) -ge 2 ]; r=$?; echo out; exit $r`;
    await spawn(server, "handler", "h", script, { ...SKIP, on_error: "retry" });
    for (const n of [0, 1, 2]) await say(server, "n", n);
    await countOf(server, "h.out", 3);
    expect(readFileSync(runs, "utf8")).toBe("0\n1\n1\n2\n");
    expect(await framesOf(server, "h.error")).toEqual([]);
  });
});

test("the process that runs the commands is killed: the handler goes on", async () => {
  await serving(async (server) => {
    const handler = await spawn(
      server,
      "handler",
      "h",
      '[ "$XS_META" != 0 ] || sleep 1; echo $XS_META',
      SKIP,
    );
    await say(server, "n", 0);
    await until("it runs", async () => (await statuses(server))[0]?.pid);
    process.kill(shellOf(server), "SIGKILL");
    await say(server, "n", 1);
    await countOf(server, "h.out", 2);
    expect(await textsOf(server, "h.out")).toEqual(["0\n", "1\n"]);
    expect(await events(server, handler)).toContain("restarting");
  });
});

test("a thousand handlers of one topic need no process while they wait, and all run", async () => {
  await serving(async (server) => {
    const meta = { runtime: "sh", on_error: "skip", topics: ["all"] };
    const script = Buffer.from("echo $XS_NAME").toString();
    const lines = Array.from({ length: 1000 }, (_, n) =>
      JSON.stringify({
        topic: "stream.cross.handler.spawn",
        meta: { topic: `h${n}`, ...meta },
        content: script,
      }),
    );
    const response = await server.fetch("/stream", { method: "POST", body: lines.join("\n") });
    expect(response.status).toBe(200);
    await response.bytes();
    await until(
      "all are active",
      async () => (await framesOf(server, "stream.cross.handler.active")).length === 1000,
    );
    expect(processesWith(server.directory).length).toBeLessThan(10);
    const frame = await say(server, "all");
    await until("all ran", async () => {
      const out = (await server.frames("/")).filter(({ topic }) =>
        /^h\d+\.out$/.test(topic),
      ) as AnyFrame[];
      return out.length === 1000 && out.every(({ meta }) => meta.frame_id === frame.id);
    });
  });
});

test("an environment that is too large leaves the text out, then fails the frame by name", async () => {
  using home = tempDirectory();
  // An eighth of the stack limit is what the system allows, but never less than 128 KiB.
  const under = ["sh", "-c", 'ulimit -s 512; exec "$@"', "sh"];
  const env = { FILLER: "x".repeat(35_000) };
  await using server = await startServer(join(home.path, "store"), { under, env });
  const show = `printf %s "$XS_META" | wc -c; echo "[$XS_TEXT]"; wc -c`;
  await spawn(server, "handler", "h", show, SKIP);
  await say(server, "n", "m", "text");
  await say(server, "n", "m".repeat(65_000), "t".repeat(32_000));
  await countOf(server, "h.out", 2);
  expect(await textsOf(server, "h.out")).toEqual(["3\n[text]\n4\n", "65002\n[]\n32000\n"]);
  await server.stop("SIGTERM");
  const larger = { FILLER: "x".repeat(35_000), MORE: "x".repeat(35_000) };
  await using second = await startServer(join(home.path, "store"), { under, env: larger });
  await say(second, "n", "m".repeat(65_000));
  const [error] = await countOf(second, "h.error", 1);
  expect(error?.meta.reason).toContain("environment is too large");
  await say(second, "n", "m", "after");
  await countOf(second, "h.out", 3);
});

test("a command finds nothing of the runtime's own in its environment and its descriptors", async () => {
  await serving(async (server) => {
    await spawn(
      server,
      "handler",
      "h",
      "env | cut -d= -f1; ls /proc/self/fd | wc -l; echo $PPID > /dev/null",
      FAIL,
    );
    await say(server, "n");
    await countOf(server, "h.out", 1);
    const [text = ""] = await textsOf(server, "h.out");
    const names = text.split("\n");
    expect(names.filter((name) => /CHANNEL|BUN|NODE/.test(name))).toEqual([]);
    // The three standard streams, and the folder that ls reads.
    expect(names).toContain("4");
  });
});

test("content that is damaged or gone fails the frame by its hash, and the next frame is handled", async () => {
  await serving(async (server) => {
    const body = "lost".repeat(50_000);
    const first = await say(server, "n", 0, body);
    await server.fetch("/verify");
    await until("its file", () => existsSync(fileOf(server, first.hash ?? "")));
    writeFileSync(fileOf(server, first.hash ?? ""), "lose".repeat(50_000));
    await spawn(server, "handler", "h", "cat > /dev/null; echo $XS_META", {
      ...SKIP,
      start: "first",
    });
    await say(server, "n", 1);
    const [out] = await countOf(server, "h.out", 1);
    const [error] = await countOf(server, "h.error", 1);
    expect(error?.meta).toMatchObject({ frame_id: first.id });
    expect(error?.meta.reason).toContain("content");
    expect((await framesOf(server, "n"))[1]?.id).toBe(out?.meta.frame_id);
    // The store is checked after the test.
    writeFileSync(fileOf(server, first.hash ?? ""), body);
  });
});

/** The file of a content, as cacache names it. */
function fileOf(server: Server, hash: string): string {
  const hex = Buffer.from(hash.replace("sha256-", ""), "base64").toString("hex");
  return join(
    server.directory,
    "cacache/content-v2/sha256",
    hex.slice(0, 2),
    hex.slice(2, 4),
    hex.slice(4),
  );
}

test("kills at any moment: each frame has its output once and in order, a failed one too, after its retry", async () => {
  using home = tempDirectory();
  const directory = join(home.path, "store");
  // Every tenth frame fails at its first run.
  const failing = `m=${home.path}/$XS_META; case $XS_META in *5) [ -e $m ] || { touch $m; exit 1; };; esac; echo $XS_META`;
  const plain = "cat; echo $XS_META";
  const count = 40;
  for (let round = 0; round < 8; round++) {
    await using server = await startServer(directory);
    if (round === 0) {
      await spawn(server, "handler", "again", failing, { ...SKIP, on_error: "retry" });
      await spawn(server, "handler", "plain", plain, { ...SKIP, concurrency: 3 });
    }
    for (let n = 0; n < count / 8; n++) await say(server, "n", (round * count) / 8 + n);
    if (round < 7) {
      await Bun.sleep(Math.random() * 150);
      await server.stop("SIGKILL");
      continue;
    }
    const wanted = Array.from({ length: count }, (_, n) => `${n}\n`);
    for (const name of ["again", "plain"]) {
      await countOf(server, `${name}.out`, count);
      expect(await textsOf(server, `${name}.out`)).toEqual(wanted);
      expect(await framesOf(server, `${name}.error`)).toEqual([]);
    }
    expect(await server.stop("SIGTERM")).toBe(0);
  }
  await expectSound(directory);
});
