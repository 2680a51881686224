import { expect, setDefaultTimeout, test } from "bun:test";
import { existsSync, mkdirSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { Inspector } from "../support/inspector.ts";
import { spawn } from "../support/processors.ts";
import { type Server, startServer } from "../support/server.ts";
import { tempDirectory } from "../support/temp.ts";
import { TEST_MS, until } from "../support/wait.ts";

setDefaultTimeout(TEST_MS);

const COUNTER = `export default {
  initial: { n: 0 },
  run: (frame, state) => ({ next: { n: state.n + 1 } }),
};`;

/** It never gets done with history. */
const SLOW = `export default {
  initial: 0,
  run: async (frame, state) => {
    if (process.env.XS_TRIAL) await new Promise((resolve) => setTimeout(resolve, 600_000));
    return { next: state + 1 };
  },
};`;

function asker(inspector: Inspector, key: string) {
  return async (path: string, body?: object, signal?: AbortSignal) => {
    const response = await fetch(inspector.origin + path, {
      headers: { authorization: `Bearer ${key}` },
      ...(body && { method: "POST", body: JSON.stringify(body) }),
      ...(signal && { signal }),
    });
    return { status: response.status, value: (await response.json()) as Record<string, unknown> };
  };
}

async function stateOfName(server: Server, name: string): Promise<string | undefined> {
  const text = await (await server.fetch("/ps?all=true")).text();
  const rows = text
    .split("\n")
    .filter(Boolean)
    .map((line) => JSON.parse(line) as { name: string; state: string });
  return rows.find((row) => row.name === name)?.state;
}

test("the state of a handler is there now, and before and after a frame", async () => {
  using home = tempDirectory();
  await using server = await startServer(`${home.path}/store`);
  await spawn(server, "handler", "counter", COUNTER, { topics: ["tick"] });
  await server.append("tick");
  const second = await server.append("tick");
  await server.append("tick");
  await using it = await Inspector.start(server.directory);
  const ask = asker(it, await it.key());
  await until("the handler has come to the end", async () => {
    const { value } = await ask("/state?name=counter");
    return value.n === 3;
  });
  expect(await ask(`/state?name=counter&at=${second.id}`)).toEqual({
    status: 200,
    value: { before: { n: 1 }, after: { n: 2 } },
  });
  expect(await ask("/state?name=other")).toMatchObject({
    status: 404,
    value: { code: "not_found" },
  });
  expect((await ask("/state")).status).toBe(400);
  expect((await ask("/state?name=counter&at=x")).status).toBe(400);
  expect((await ask("/state?name=counter", {})).status).toBe(405);
});

test("a run on history ends with the request that asked for it, and another takes its turn", async () => {
  using home = tempDirectory();
  await using server = await startServer(`${home.path}/store`);
  await spawn(server, "handler", "fast", COUNTER, { topics: ["tick"] });
  const tick = await server.append("tick");
  await spawn(server, "handler", "slow", SLOW, { topics: ["tock"] });
  const tock = await server.append("tock");
  await until("it has taken the frame", async () => {
    return (await (await server.fetch("/kv/stream.cross.handler%2Fslow")).text()).includes(tock.id);
  });
  const temporary = join(home.path, "temporary");
  mkdirSync(temporary);
  await using it = await Inspector.start(server.directory, { env: { TMPDIR: temporary } });
  const ask = asker(it, await it.key());
  const first = new AbortController();
  const waiting = ask(`/state?name=slow&at=${tock.id}`, undefined, first.signal);
  await until("the script runs again", () => childrenOf(it.pid).length > 0);
  const other = ask(`/state?name=fast&at=${tick.id}`);
  first.abort();
  expect(await waiting.catch((error: Error) => error.name)).toBe("AbortError");
  expect((await other).value).toEqual({ before: { n: 0 }, after: { n: 1 } });
  await until("no script runs", () => childrenOf(it.pid).length === 0);
  // The end of the command ends what it runs.
  const last = ask(`/state?name=slow&at=${tock.id}`).catch(() => "gone");
  const [child] = await until("the script runs again", () => {
    const children = childrenOf(it.pid);
    return children.length > 0 && children;
  });
  expect(await it.stop("SIGTERM")).toBe(0);
  expect(await last).toBe("gone");
  await until("its end", () => !existsSync(`/proc/${child}`));
  expect(readdirSync(temporary)).toEqual([]);
});

function childrenOf(pid: number): string[] {
  const text = readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8");
  return text.split(" ").filter(Boolean);
}

test("a processor stops, starts and restarts where the page may write, and not where it reads", async () => {
  using home = tempDirectory();
  await using server = await startServer(`${home.path}/store`);
  await spawn(server, "handler", "counter", COUNTER, { topics: ["tick"] });
  const order = (action: string) => ({ kind: "handler", name: "counter", action });
  {
    await using it = await Inspector.start(server.directory);
    const ask = asker(it, await it.key());
    expect(await ask("/do/processor", order("stop"))).toMatchObject({
      status: 403,
      value: { code: "forbidden" },
    });
    expect(await stateOfName(server, "counter")).toBe("active");
  }
  await using it = await Inspector.start(server.directory, { args: ["--write"] });
  const ask = asker(it, await it.key());
  const stopped = await ask("/do/processor", order("stop"));
  expect(stopped).toMatchObject({ status: 200, value: { done: true } });
  expect(stopped.value.text).toContain("counter is stopped");
  expect(await stateOfName(server, "counter")).toBe("stopped");
  expect((await ask("/do/processor", order("stop"))).value).toMatchObject({ done: false });
  expect((await ask("/do/processor", order("start"))).value).toMatchObject({ done: true });
  expect((await ask("/do/processor", order("restart"))).value).toMatchObject({ done: true });
  expect(await stateOfName(server, "counter")).toBe("active");
  expect((await ask("/do/processor", order("rm"))).status).toBe(400);
  expect((await ask("/do/processor", { kind: "handler", name: "no", action: "stop" })).status).toBe(
    404,
  );
  expect((await ask("/do/processor", { x: "y".repeat(10_000) })).status).toBe(413);
  expect((await ask("/do/processor")).status).toBe(405);
});
