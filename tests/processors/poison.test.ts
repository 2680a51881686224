import { expect, setDefaultTimeout, test } from "bun:test";
import {
  type AnyFrame,
  answered,
  answers,
  countOf,
  expectAlive,
  framesOf,
  kvText,
  sayMany,
  serving,
  spawn,
} from "../support/processors.ts";
import type { Server } from "../support/server.ts";
import { TEST_MS } from "../support/wait.ts";

setDefaultTimeout(TEST_MS);

/** Of the frames 0 to 19, the ones that the process of a handler dies of, each time. */
const DEADLY = [7, 12];

/** Handlers that count, copy and die, by the runtime and what is particular. */
const HANDLERS: Record<
  string,
  { script: (options: string, name: string) => string; meta?: object; state: boolean }
> = {
  ts: {
    state: true,
    script: (options, name) => `export default {
      topics: ["n"], ${options} initial: 0,
      async run({ meta: { n } }, state, xs) {
        await xs.append("copy.${name}", null, { meta: { n } });
        await xs.kv.put("total.${name}", ((await xs.kv.get("total.${name}")) ?? 0) + 1);
        if (n === 7) process.exit(0);
        if (n === 12) process.kill(process.pid, "SIGKILL");
        return { out: { n, state }, next: state + 1 };
      },
    }`,
  },
  ts_wide: {
    state: false,
    script: (options, name) => `export default {
      topics: ["n"], ${options} concurrency: 4,
      async run({ meta: { n } }, _, xs) {
        await xs.append("copy.${name}", null, { meta: { n } });
        await Bun.sleep(n % 3);
        if (n === 7 || n === 12) process.kill(process.pid, "SIGKILL");
        return { out: { n } };
      },
    }`,
  },
  nu: {
    state: true,
    script: (options, name) => `{
      topics: ["n"], ${options.replaceAll(",", "")} initial: 0, run: {|frame, state|
        let n = $frame.meta.n
        .append copy.${name} --meta { n: $n }
        ((.kv get total.${name} | default 0) + 1) | .kv put total.${name}
        if $n in [7 12] { kill --force --quiet $nu.pid; sleep 1min }
        { out: { n: $n, state: $state }, next: ($state + 1) }
      }
    }`,
  },
  nu_wide: {
    state: false,
    script: (options, name) => `{
      topics: ["n"], ${options.replaceAll(",", "")} concurrency: 3, run: {|frame|
        let n = $frame.meta.n
        .append copy.${name} --meta { n: $n }
        if $n in [7 12] { kill --force --quiet $nu.pid; sleep 1min }
        { out: { n: $n } }
      }
    }`,
  },
  sh: {
    state: false,
    script: (options, name) => `#!/bin/sh
echo '{"ready":{"topics":["n"]${options && ',"on_error":"skip"'}}}'
while IFS= read -r line; do
  id=$(printf '%s' "$line" | sed -n 's/^{"topic":"[^"]*","id":"\\([^"]*\\)".*/\\1/p')
  n=$(printf '%s' "$line" | sed -n 's/.*"n":\\([0-9]*\\).*/\\1/p')
  printf '{"append":{"topic":"copy.${name}","meta":{"n":%d}},"frame_id":"%s"}\\n' "$n" "$id"
  case $n in 7) exit 3;; 12) kill -9 $$;; esac
  printf '{"out":{"n":%d},"done":"%s"}\\n' "$n" "$id"
done
`,
  },
  python: {
    state: true,
    script: (options, name) => `#!/usr/bin/env python3
import json, os, sys

def say(**line):
    print(json.dumps(line), flush=True)

say(ready={"topics": ["n"], "initial": 0, "batches": True${options && ', "on_error": "skip"'}})
state = 0
last = None
for line in sys.stdin:
    message = json.loads(line)
    if "state" in message:
        state = message["state"]
    elif "topic" in message:
        n = message["meta"]["n"]
        last = message["id"]
        say(append={"topic": "copy.${name}", "meta": {"n": n}}, frame_id=last)
        if n == 7: sys.exit(1)
        if n == 12: os.abort()
        say(out={"n": n, "state": state}, frame_id=last)
        state += 1
    elif "batch" in message and last:
        say(next=state, done=last)
        last = None
`,
  },
};

const NAMES = Object.keys(HANDLERS).filter((name) => name !== "python" || Bun.which("python3"));

function spawnAll(server: Server, options: string): Promise<AnyFrame[]> {
  return Promise.all(
    NAMES.map((name) => {
      const { script, meta } = HANDLERS[name] ?? { script: () => "" };
      return spawn(server, "handler", name, script(options, name), meta);
    }),
  );
}

test("three deaths in a row on a frame pass it over, where that is asked for, in every runtime", async () => {
  await serving(async (server) => {
    const spawns = await spawnAll(server, 'on_error: "skip",');
    await sayMany(server, "n", 20);
    const good = Array.from({ length: 20 }, (_, n) => n).filter((n) => !DEADLY.includes(n));
    const frames = await framesOf(server, "n");
    for (const [at, name] of NAMES.entries()) {
      const out = await countOf(server, `${name}.out`, good.length);
      expect([name, out.map(({ meta }) => meta.n)]).toEqual([name, good]);
      if (HANDLERS[name]?.state) {
        expect([name, out.map(({ meta }) => meta.state)]).toEqual([name, good.map((_, at) => at)]);
      }
      const copies = await framesOf(server, `copy.${name}`);
      expect([name, copies.map(({ meta }) => meta.n)]).toEqual([name, good]);
      if (["ts", "nu"].includes(name)) {
        expect([name, await kvText(server, `total.${name}`)]).toEqual([name, `${good.length}`]);
      }
      const errors = await framesOf(server, `${name}.error`);
      expect([name, errors.map(({ meta }) => meta.frame_id)]).toEqual([
        name,
        DEADLY.map((n) => frames[n]?.id),
      ]);
      for (const { meta } of errors) {
        expect(meta.reason).toContain("three times in a row");
        expect(meta.reason).toMatch(/exit code|SIGKILL|SIGABRT/);
      }
      // Each of them took three, and no other death was counted. What is known is not waited for.
      const told = await answers(server, spawns[at] as AnyFrame, "restarting");
      expect([name, told.map(({ meta }) => meta.delay_ms)]).toEqual([
        name,
        [1000, 2000, 1000, 1000, 2000, 1000],
      ]);
    }
    await expectAlive(server);
  });
});

test("three deaths in a row on a frame end a handler, on that frame, in every runtime", async () => {
  await serving(async (server) => {
    const spawns = await spawnAll(server, "");
    await sayMany(server, "n", 20);
    const frames = await framesOf(server, "n");
    const before = [0, 1, 2, 3, 4, 5, 6];
    for (const [at, name] of NAMES.entries()) {
      const handler = spawns[at] as AnyFrame;
      const failed = await answered(server, handler, "failed");
      expect([name, failed.meta.frame_id]).toEqual([name, frames[7]?.id]);
      expect(failed.meta.reason).toContain("three times in a row");
      for (const topic of [`${name}.out`, `copy.${name}`]) {
        const numbers = (await framesOf(server, topic)).map(({ meta }) => meta.n);
        expect([topic, numbers]).toEqual([topic, before]);
      }
      expect(await answers(server, handler, "restarting")).toHaveLength(2);
    }
  });
});

test("a program that says late what is done is not waited for, and is found out as well", async () => {
  if (!Bun.which("python3")) return;
  await serving(async (server) => {
    // Every fifth frame, without being told of batches.
    const script = `#!/usr/bin/env python3
import json, os, sys
print(json.dumps({"ready": {"topics": ["n"], "on_error": "skip"}}), flush=True)
for line in sys.stdin:
    frame = json.loads(line)
    n = frame["meta"]["n"]
    if n == 2: sys.exit(1)
    print(json.dumps({"out": {"n": n}, "frame_id": frame["id"]}), flush=True)
    if n % 5 == 4: print(json.dumps({"done": frame["id"]}), flush=True)
`;
    await spawn(server, "handler", "late", script);
    await sayMany(server, "n", 10);
    const errors = await countOf(server, "late.error", 1);
    const ids = (await framesOf(server, "n")).slice(0, 3).map(({ id }) => id);
    expect(ids).toContain(errors[0]?.meta.frame_id);
  });
});

test("a death that does not come again takes nothing with it, and a frame is not blamed for one", async () => {
  await serving(async (server) => {
    const handler = await spawn(
      server,
      "handler",
      "falls",
      `import { existsSync, readFileSync, writeFileSync } from "node:fs";
       // Each of three frames kills its process once.
       export default { topics: ["n"], initial: 0, run({ meta: { n } }, state) {
         const marker = process.env.XS_ADDR + "/fell-" + n;
         const times = existsSync(marker) ? Number(readFileSync(marker)) : 0;
         writeFileSync(marker, String(times + 1));
         if (n < 3 && times < 1) process.exit(1);
         return { out: { n, state }, next: state + 1 };
       } }`,
    );
    await sayMany(server, "n", 6);
    const out = await countOf(server, "falls.out", 6);
    expect(out.map(({ meta }) => [meta.n, meta.state])).toEqual(
      [0, 1, 2, 3, 4, 5].map((n) => [n, n]),
    );
    expect(await answers(server, handler, "failed")).toEqual([]);
  });
});

/** A program that asks for what cannot be, on frame 2 and 7 of 0 to 9, in batches. */
const REFUSED: Record<string, string> = {
  nu: `{ topics: ["n"], on_error: "skip", initial: 0, run: {|frame, state|
    let n = $frame.meta.n
    .append copy --meta { n: $n }
    if $n in [2 7] { .append "no topic!" }
    { out: { n: $n, state: $state }, next: ($state + 1) }
  } }`,
  python: `#!/usr/bin/env python3
import json, sys

def say(**line):
    print(json.dumps(line), flush=True)

say(ready={"topics": ["n"], "initial": 0, "batches": True, "on_error": "skip"})
state = 0
last = None
for line in sys.stdin:
    message = json.loads(line)
    if "state" in message:
        state = message["state"]
    elif "topic" in message:
        n = message["meta"]["n"]
        last = message["id"]
        say(append={"topic": "copy", "meta": {"n": n}}, frame_id=last)
        if n in [2, 7]: say(append={"topic": "no topic!"}, frame_id=last)
        say(out={"n": n, "state": state}, frame_id=last)
        state += 1
    elif "batch" in message and last:
        say(next=state, done=last)
        last = None
`,
};

test.each(Object.entries(REFUSED))(
  "what the store refuses of one frame of a batch takes nothing of the others: %s",
  async (name, script) => {
    if (name === "python" && !Bun.which("python3")) return;
    await serving(async (server) => {
      const handler = await spawn(server, "handler", "asks", script);
      await sayMany(server, "n", 10);
      const good = [0, 1, 3, 4, 5, 6, 8, 9];
      const out = await countOf(server, "asks.out", good.length);
      expect(out.map(({ meta }) => [meta.n, meta.state])).toEqual(good.map((n, at) => [n, at]));
      expect((await framesOf(server, "copy")).map(({ meta }) => meta.n)).toEqual(good);
      const frames = await framesOf(server, "n");
      const errors = await framesOf(server, "asks.error");
      expect(errors.map(({ meta }) => meta.frame_id)).toEqual([frames[2]?.id, frames[7]?.id]);
      expect(await answers(server, handler, "restarting")).toEqual([]);
    });
  },
);
