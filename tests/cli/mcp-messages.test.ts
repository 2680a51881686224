// What a client may send that the official one never would: raw lines.
import { expect, setDefaultTimeout, test } from "bun:test";
import { plainEnv, startServer, XS } from "../support/server.ts";
import { LineReader, TEST_MS, within } from "../support/wait.ts";
import { Home } from "./run-xs.ts";

setDefaultTimeout(TEST_MS);

/** `xs mcp` behind raw pipes. */
class RawMcp implements AsyncDisposable {
  readonly child: Bun.Subprocess<"pipe", "pipe", "pipe">;
  readonly lines: LineReader;

  constructor(home: Home, args: readonly string[] = [home.store]) {
    this.child = Bun.spawn([XS, "mcp", ...args], {
      cwd: home.path,
      env: plainEnv(home.path),
      stdio: ["pipe", "pipe", "pipe"],
    });
    this.lines = new LineReader(this.child.stdout);
  }

  send(line: string | Uint8Array): void {
    this.child.stdin.write(line);
    this.child.stdin.flush();
  }

  // biome-ignore lint/suspicious/noExplicitAny: any message
  async next(): Promise<any> {
    return JSON.parse((await this.lines.next()) ?? "null");
  }

  /** Sends a line, and gives the message that answers it. */
  // biome-ignore lint/suspicious/noExplicitAny: any message
  ask(line: string | Uint8Array): Promise<any> {
    this.send(line);
    this.send("\n");
    return this.next();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.child.kill("SIGKILL");
    await this.child.exited;
  }
}

const call = (id: unknown, name: string, given: object, meta?: object) =>
  JSON.stringify({
    jsonrpc: "2.0",
    id,
    method: "tools/call",
    params: { name, arguments: given, ...(meta && { _meta: meta }) },
  });

const MODERN = {
  "io.modelcontextprotocol/protocolVersion": "2026-07-28",
  "io.modelcontextprotocol/clientCapabilities": {},
};

test("each line that is no request gets the error of JSON-RPC, and the next one is answered", async () => {
  using home = new Home();
  await home.makeStore();
  await using mcp = new RawMcp(home);
  for (const [line, code, id] of [
    ["{bad", -32700, null],
    ["{", -32700, null],
    [new Uint8Array([0x22, 0xff, 0x22]), -32700, null],
    ["[]", -32600, null],
    ['[{"jsonrpc":"2.0","id":1,"method":"ping"}]', -32600, null],
    ['"ping"', -32600, null],
    ["null", -32600, null],
    ["{}", -32600, null],
    ['{"jsonrpc":"1.0","id":1,"method":"ping"}', -32600, 1],
    ['{"jsonrpc":"2.0","id":1}', -32600, 1],
    ['{"jsonrpc":"2.0","id":1,"method":7}', -32600, 1],
    ['{"jsonrpc":"2.0","id":null,"method":"ping"}', -32600, null],
    ['{"jsonrpc":"2.0","id":1.5,"method":"ping"}', -32600, null],
    ['{"jsonrpc":"2.0","id":{},"method":"ping"}', -32600, null],
    ['{"jsonrpc":"2.0","id":"a","method":"ping","params":[]}', -32602, "a"],
    ['{"jsonrpc":"2.0","id":"a","method":"toString"}', -32601, "a"],
    ['{"jsonrpc":"2.0","id":"a","method":"resources/list"}', -32601, "a"],
    ['{"jsonrpc":"2.0","id":2,"method":"tools/call"}', -32602, 2],
    ['{"jsonrpc":"2.0","id":2,"method":"tools/call","params":{"name":"constructor"}}', -32602, 2],
    ['{"jsonrpc":"2.0","id":2,"method":"tools/list","params":{"cursor":"x"}}', -32602, 2],
    [
      `{"jsonrpc":"2.0","id":3,"method":"ping","params":{"a":${"[".repeat(9_000)}${"]".repeat(9_000)}}}`,
      -32600,
      3,
    ],
    [
      `{"jsonrpc":"2.0","id":4,"method":"ping","params":{"a":"${"x".repeat(9_000_000)}"}}`,
      -32600,
      null,
    ],
    [
      `{"jsonrpc":"2.0","id":5,"method":"ping","params":{"_meta":{"io.modelcontextprotocol/protocolVersion":"2099-01-01"}}}`,
      -32022,
      5,
    ],
    [
      `{"jsonrpc":"2.0","id":5,"method":"tools/list","params":{"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28"}}}`,
      -32602,
      5,
    ],
  ] as const) {
    const name = typeof line === "string" ? line.slice(0, 100) : "bytes";
    const answer = await mcp.ask(line);
    expect([name, answer]).toEqual([
      name,
      {
        jsonrpc: "2.0",
        id,
        error: expect.objectContaining({ code, message: expect.any(String) }),
      },
    ]);
    expect(await mcp.ask('{"jsonrpc":"2.0","id":"ok","method":"ping"}')).toEqual({
      jsonrpc: "2.0",
      id: "ok",
      result: {},
    });
  }
  // Nothing answers these.
  for (const line of [
    "",
    "  ",
    '{"jsonrpc":"2.0","method":"notifications/initialized"}',
    '{"jsonrpc":"2.0","method":"notifications/unheard"}',
    '{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":"none"}}',
    '{"jsonrpc":"2.0","method":"notifications/cancelled","params":7}',
    '{"jsonrpc":"2.0","id":1,"result":{}}',
  ]) {
    mcp.send(`${line}\r\n`);
  }
  const long = "1234567890123456789";
  expect(await mcp.ask(`{"jsonrpc":"2.0","id":${long},"method":"nope"}`)).toMatchObject({
    error: { code: -32601 },
  });
});

test("the handshake agrees on a revision, and a request may name its own", async () => {
  using home = new Home();
  await home.makeStore();
  await using mcp = new RawMcp(home);
  for (const [asked, agreed] of [
    ["2025-11-25", "2025-11-25"],
    ["2025-06-18", "2025-06-18"],
    ["2024-11-05", "2024-11-05"],
    ["2099-01-01", "2025-11-25"],
    ["2026-07-28", "2025-11-25"],
  ]) {
    const params = {
      protocolVersion: asked,
      capabilities: {},
      clientInfo: { name: "t", version: "1" },
    };
    const line = JSON.stringify({ jsonrpc: "2.0", id: 1, method: "initialize", params });
    expect((await mcp.ask(line)).result).toMatchObject({
      protocolVersion: agreed,
      serverInfo: { name: "xs" },
      capabilities: { tools: {} },
    });
  }
  const request = (id: number, method: string) =>
    JSON.stringify({ jsonrpc: "2.0", id, method, params: { _meta: MODERN } });
  expect((await mcp.ask(request(2, "server/discover"))).result).toMatchObject({
    resultType: "complete",
    supportedVersions: ["2026-07-28"],
    capabilities: { tools: {} },
    cacheScope: "private",
    _meta: { "io.modelcontextprotocol/serverInfo": { name: "xs" } },
  });
  expect((await mcp.ask(request(3, "tools/list"))).result).toMatchObject({
    resultType: "complete",
    ttlMs: expect.any(Number),
  });
  expect((await mcp.ask(request(4, "ping"))).error).toMatchObject({ code: -32601 });
  expect(await mcp.ask(request(5, "subscriptions/listen"))).toEqual({
    jsonrpc: "2.0",
    method: "notifications/subscriptions/acknowledged",
    params: { _meta: { "io.modelcontextprotocol/subscriptionId": 5 }, notifications: {} },
  });
  mcp.child.stdin.end();
  expect(await mcp.next()).toMatchObject({ id: 5, result: { resultType: "complete" } });
  expect(await within("the end", mcp.child.exited)).toBe(0);
});

test("many requests at once, one id twice, and one that is cancelled", async () => {
  using home = new Home();
  await using _server = await startServer(await home.makeStore());
  await using mcp = new RawMcp(home);
  const wait = { topic: "a", timeout_ms: 600_000 };
  mcp.send(`${call("w", "wait", wait, { progressToken: 7 })}\n`);
  expect(await mcp.next()).toMatchObject({
    method: "notifications/progress",
    params: { progressToken: 7, total: 600, message: "waiting for a frame of a" },
  });
  expect((await mcp.ask(call("w", "wait", wait))).error).toMatchObject({ code: -32600 });
  for (let n = 0; n < 63; n++) mcp.send(`${call(n, "wait", wait)}\n`);
  expect(await mcp.ask(call("more", "read", {}))).toMatchObject({
    id: "more",
    error: { code: -32603, message: expect.stringContaining("64 requests are under way") },
  });
  const cancelled = {
    jsonrpc: "2.0",
    method: "notifications/cancelled",
    params: { requestId: "w" },
  };
  mcp.send(`${JSON.stringify(cancelled)}\n`);
  // The cancelled one is never answered, and its place is free.
  let answer = await mcp.ask(call("more", "read", {}));
  while (answer.error) answer = await mcp.ask(call("more", "read", {}));
  expect(answer).toMatchObject({ id: "more", result: { isError: false } });
  // With the end of the input, each wait answers that nothing came.
  mcp.child.stdin.end();
  const ids = new Set<number>();
  for (let n = 0; n < 63; n++) {
    const { id, result } = await mcp.next();
    expect(result.structuredContent).toMatchObject({ frames: [], timed_out: true });
    ids.add(id);
  }
  expect(ids.size).toBe(63);
  expect(await mcp.lines.next()).toBeUndefined();
  expect(await within("the end", mcp.child.exited)).toBe(0);
});

test("it ends with its input, with a signal, and with its reader", async () => {
  using home = new Home();
  await using _server = await startServer(await home.makeStore());
  for (const end of ["stdin", "SIGTERM", "SIGINT", "stdout"] as const) {
    await using mcp = new RawMcp(home);
    const waits = call(1, "wait", { timeout_ms: 600_000 }, { progressToken: 1 });
    expect(await mcp.ask(waits)).toMatchObject({ method: "notifications/progress" });
    if (end === "stdin") mcp.child.stdin.end();
    else if (end === "stdout") {
      await mcp.lines.cancel();
      // Its next answer finds nobody.
      mcp.send('{"jsonrpc":"2.0","id":2,"method":"ping"}\n');
    } else mcp.child.kill(end);
    expect([end, await within(`the end by ${end}`, mcp.child.exited)]).toEqual([end, 0]);
    expect([end, await new Response(mcp.child.stderr).text()]).toEqual([end, ""]);
  }
});

test("stdout has the protocol alone, also where the command has something to say", async () => {
  using home = new Home();
  await using mcp = new RawMcp(home, [`${home.path}/new`, "--append", "a"]);
  expect(await mcp.ask(call(1, "append", { topic: "a" }))).toMatchObject({
    id: 1,
    result: { isError: false },
  });
  mcp.child.stdin.end();
  expect(await mcp.lines.next()).toBeUndefined();
  expect(await new Response(mcp.child.stderr).text()).toContain("made a new store at");
});
