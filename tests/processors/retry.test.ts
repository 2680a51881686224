import { expect, setDefaultTimeout, test } from "bun:test";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { decodeRetry, nextRetry, waitFor } from "../../src/processors/handler/retry.ts";
import { waitBefore } from "../../src/processors/lifecycle/backoff.ts";
import {
  answered,
  countOf,
  framesOf,
  kvText,
  sayMany,
  serving,
  spawn,
  statuses,
  terminate,
} from "../support/processors.ts";
import { type Server, startServer } from "../support/server.ts";
import { expectSound } from "../support/store.ts";
import { tempDirectory } from "../support/temp.ts";
import { TEST_MS, until } from "../support/wait.ts";

setDefaultTimeout(TEST_MS);

/** Handlers that note each run in a file, and fail at frame 2 for as long as another file is not there. */
const HANDLERS: Record<string, (runs: string, cure: string, options: string) => string> = {
  ts: (runs, cure, options) => `import { appendFileSync, existsSync } from "node:fs";
    export default { topics: ["n"], on_error: "retry", ${options} initial: 0,
      async run({ meta: { n } }, state, xs) {
        appendFileSync("${runs}", n + " ");
        await xs.append("copy", null, { meta: { n } });
        await xs.kv.put("total", ((await xs.kv.get("total")) ?? 0) + 1);
        if (n === 2 && !existsSync("${cure}")) throw new Error("no 2");
        return { out: { n, state }, next: state + 1 };
      } }`,
  nu: (runs, cure, options) => `{
      topics: ["n"], on_error: "retry", ${options.replaceAll(",", "")} initial: 0, run: {|frame, state|
        let n = $frame.meta.n
        $"($n) " | save --append ${runs}
        .append copy --meta { n: $n }
        ((.kv get total | default 0) + 1) | .kv put total
        if $n == 2 and not ("${cure}" | path exists) { error make { msg: "no 2" } }
        { out: { n: $n, state: $state }, next: ($state + 1) }
      } }`,
  exec: (runs, cure, options) => `#!/usr/bin/env python3
import json, os, sys
def say(**line): print(json.dumps(line), flush=True)
say(ready={"topics": ["n"], "initial": 0, "on_error": "retry", ${options.replace("retries", '"retries"')}})
total = 0
for line in sys.stdin:
    message = json.loads(line)
    if "state" in message: state = total = message["state"]
    if "topic" not in message: continue
    n = message["meta"]["n"]
    with open("${runs}", "a") as file: file.write(f"{n} ")
    say(append={"topic": "copy", "meta": {"n": n}})
    say(put={"key": "total", "value": total + 1})
    if n == 2 and not os.path.exists("${cure}"):
        say(error="no 2", frame_id=message["id"])
        continue
    say(out={"n": n, "state": state}, next=state + 1, done=message["id"])
    state = total = state + 1
`,
};

async function retrying(server: Server, failures: number) {
  return until(`failure ${failures}`, async () => {
    const row = (await statuses(server)).find(({ state }) => state === "retrying");
    return (row?.retry?.failures ?? 0) >= failures && row;
  });
}

for (const [runtime, script] of Object.entries(HANDLERS)) {
  test(`a frame on which a handler fails comes again before the next one, and once in the store (${runtime})`, async () => {
    using home = tempDirectory();
    const [runs, cure] = [join(home.path, "runs"), join(home.path, "cure")];
    await serving(async (server) => {
      await spawn(server, "handler", "h", script(runs, cure, ""));
      await sayMany(server, "n", 5);
      const row = await retrying(server, 2);
      const frames = await framesOf(server, "n");
      expect(row).toMatchObject({
        state: "retrying",
        retry: { frame_id: frames[2]?.id, retries: 10, reason: expect.stringContaining("no 2") },
      });
      expect(row.behind_ms).not.toBeNull();
      expect((await framesOf(server, "h.out")).map(({ meta }) => meta.n)).toEqual([0, 1]);
      writeFileSync(cure, "");
      const out = await countOf(server, "h.out", 5);
      expect(out.map(({ meta: { n, state } }) => [n, state])).toEqual(
        [0, 1, 2, 3, 4].map((n) => [n, n]),
      );
      expect((await framesOf(server, "copy")).map(({ meta }) => meta.n)).toEqual([0, 1, 2, 3, 4]);
      expect(await kvText(server, "total")).toBe("5");
      expect(await framesOf(server, "h.error")).toEqual([]);
      // A frame after the failed one never ran before it.
      const ran = readFileSync(runs, "utf8").trim().split(" ").map(Number);
      expect(ran.filter((n) => n > 2)).toEqual([3, 4]);
      expect(ran.filter((n) => n === 2).length).toBeGreaterThan(2);
      const [status] = await statuses(server);
      expect(status).toMatchObject({ state: "active", retry: null });
      expect(JSON.parse((await kvText(server, "stream.cross.handler/h")) ?? "")).not.toHaveProperty(
        "retry",
      );
    });
  });
}

test("retries end: the frame is skipped with its reason, over a kill of the server", async () => {
  using home = tempDirectory();
  const [runs, cure] = [join(home.path, "runs"), join(home.path, "cure")];
  const directory = join(home.path, "store");
  const script = HANDLERS.ts?.(runs, cure, "retries: 2,") ?? "";
  {
    await using server = await startServer(directory);
    await spawn(server, "handler", "h", script);
    await sayMany(server, "n", 4);
    await retrying(server, 1);
    await server.stop("SIGKILL");
  }
  {
    await using server = await startServer(directory);
    const [error] = await countOf(server, "h.error", 1);
    const frames = await framesOf(server, "n");
    expect(error?.meta).toMatchObject({ frame_id: frames[2]?.id, failures: 3 });
    expect(error?.meta.reason).toContain("no 2");
    const out = await countOf(server, "h.out", 3);
    expect(out.map(({ meta: { n, state } }) => [n, state])).toEqual([
      [0, 0],
      [1, 1],
      [3, 2],
    ]);
    expect((await framesOf(server, "copy")).map(({ meta }) => meta.n)).toEqual([0, 1, 3]);
    await server.stop("SIGTERM");
    expect(await server.stderr).toMatch(
      /handler h failed on a frame and tries it again in \d+ s: .*no 2/,
    );
  }
  expect(readFileSync(runs, "utf8").trim().split(" ")).toEqual(["0", "1", "2", "2", "2", "3"]);
  await expectSound(directory);
});

test("a handler that waits for a retry is terminated and replaced; its successor gets the frame", async () => {
  using home = tempDirectory();
  const [runs, cure] = [join(home.path, "runs"), join(home.path, "cure")];
  await serving(async (server) => {
    const script = HANDLERS.ts?.(runs, cure, "") ?? "";
    const first = await spawn(server, "handler", "h", script);
    await sayMany(server, "n", 4);
    const row = await retrying(server, 2);
    const second = await spawn(server, "handler", "h", script.replace("=== 2", "=== 3"));
    await answered(server, first, "replaced");
    expect(existsSync(cure)).toBe(false);
    const out = await countOf(server, "h.out", 3);
    expect(out.map(({ meta: { n } }) => n)).toEqual([0, 1, 2]);
    expect(out[2]?.meta.handler_id).toBe(second.id);
    const again = await retrying(server, 1);
    expect(again.retry?.frame_id).not.toBe(row.retry?.frame_id);
    await terminate(server, "handler", "h");
    await answered(server, second, "terminated");
    expect(await statuses(server)).toEqual([]);
  });
});

test("a frame of which the process dies comes again too", async () => {
  await serving(async (server) => {
    await spawn(
      server,
      "handler",
      "h",
      `export default { topics: ["n"], on_error: "retry", retries: 1,
        run({ meta: { n } }) { if (n === 1) process.kill(process.pid, "SIGKILL"); return { out: { n } }; } }`,
    );
    await sayMany(server, "n", 3);
    const out = await countOf(server, "h.out", 2);
    expect(out.map(({ meta: { n } }) => n)).toEqual([0, 2]);
    const [error] = await framesOf(server, "h.error");
    expect(error?.meta).toMatchObject({ failures: 2, reason: expect.stringContaining("died") });
  });
});

test("the waits double up to a minute, and a clock that was set back makes none longer", () => {
  const failed = { frame_id: "0".repeat(25), reason: "no" };
  let retry: ReturnType<typeof nextRetry>;
  const waits: number[] = [];
  for (let n = 0; n < 10; n++) {
    const before = Date.now();
    retry = nextRetry(retry, failed, 10);
    waits.push(Math.round(((retry?.at ?? 0) - before) / 1000));
  }
  expect(waits).toEqual([1, 2, 4, 8, 16, 32, 60, 60, 60, 60]);
  expect(nextRetry(retry, failed, 10)).toBeUndefined();
  expect(nextRetry(retry, { ...failed, frame_id: "1".repeat(25) }, 10)?.failures).toBe(1);
  expect(waitFor({ frameId: "", failures: 1, at: Date.now() + 1e9 })).toBe(waitBefore(99));
  for (const odd of [
    null,
    1,
    "x",
    {},
    { frame_id: 1, failures: 1, at: 1 },
    { frame_id: "a", failures: "1", at: 2 },
  ])
    expect(decodeRetry(odd)).toBeUndefined();
});
