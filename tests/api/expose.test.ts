import { expect, setDefaultTimeout, test } from "bun:test";
import { readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Home } from "../cli/run-xs.ts";
import { RawConnection, type Server, startServer } from "../support/server.ts";
import { TEST_MS } from "../support/wait.ts";
import { expectProblem } from "./with-store.ts";

setDefaultTimeout(TEST_MS);

async function exposed(home: Home, address = ":0"): Promise<[Server, string]> {
  const server = await startServer(home.store, { args: ["--expose", address] });
  return [server, await server.listensAt("expose")];
}

const tokenIn = (home: Home) => readFileSync(join(home.store, "token"), "utf8").trim();

/** The status of the answer to a request with these headers. */
async function statusOf(address: string, path: string, ...headers: string[]): Promise<number> {
  using connection = await RawConnection.open(address);
  connection.send(`GET ${path} HTTP/1.1\r\n${headers.map((line) => `${line}\r\n`).join("")}\r\n`);
  return (await connection.status()) ?? 0;
}

test("without the token there is nothing but 401", async () => {
  using home = new Home();
  const [server, address] = await exposed(home);
  await using _server = server;
  const token = tokenIn(home);
  await server.append("note", "secret");
  const wrong = [
    {},
    { authorization: token },
    { authorization: `Basic ${token}` },
    { authorization: "Bearer" },
    { authorization: `Bearer ${token.slice(0, -1)}` },
    { authorization: `Bearer ${token}x` },
    { authorization: `Bearer ${token.toUpperCase()}` },
  ];
  for (const headers of wrong as Record<string, string>[]) {
    for (const [method, path] of [
      ["GET", "/"],
      ["GET", "/?follow"],
      ["GET", "/health"],
      ["GET", "/nothing/here"],
      ["POST", "/note"],
      ["PUT", "/kv/key"],
      ["OPTIONS", "/"],
      ["DELETE", "/03hadtdyn9s2dxl5soli9q9dz"],
    ] as const) {
      const body = method === "POST" || method === "PUT" ? "x" : undefined;
      const init = { method, headers, ...(body && { body }) };
      const response = await fetch(`http://${address}${path}`, init);
      expect(response.headers.get("www-authenticate")).toStartWith("Bearer");
      expect(response.headers.get("access-control-allow-origin")).toBeNull();
      await expectProblem(response, 401, "unauthorized", "XS_TOKEN");
    }
  }
  expect(await statusOf(address, "/", "Host: elsewhere", "Origin: http://elsewhere")).toBe(401);
  for (const [authorization, told] of [
    [undefined, "the request brings no token"],
    [`Basic ${token}`, "is not of the form"],
    [`Bearer ${token}x`, "brings a token, but not that of this store"],
  ] as const) {
    const headers = new Headers(authorization && { authorization });
    await expectProblem(await fetch(`http://${address}/`, { headers }), 401, "unauthorized", told);
  }
  for (const [XS_TOKEN, told] of [
    ["", "the request brings no token"],
    ["wrong-token-of-another-store", "not that of this store"],
  ] as const) {
    const { code, stderr } = await home.xs(["cat", address], { env: { XS_TOKEN } });
    expect([code, stderr]).toEqual([1, expect.stringContaining(told)]);
  }
  expect((await server.frames("/stream/note")).length).toBe(1);
});

test("with XS_TOKEN the commands work on it", async () => {
  using home = new Home();
  const [server, address] = await exposed(home);
  await using _server = server;
  const env = { XS_TOKEN: tokenIn(home) };
  const port = address.replace(/.*:/, "");
  await home.ok(["append", address, "note"], { stdin: "hello", env });
  for (const name of [address, `:${port}`, `localhost:${port}`, `http://localhost:${port}`]) {
    const out = await home.ok(["cat", name, "--topic", "note"], { env });
    expect([name, JSON.parse(out).topic]).toEqual([name, "note"]);
  }
  const { code, stdout, stderr } = await home.xs(["cat", address]);
  expect([code, stdout]).toEqual([1, ""]);
  expect(stderr).toContain("XS_TOKEN");
  const line = `xs cat ${address} --follow | head -2 | tail -1`;
  expect(JSON.parse((await home.shell(line, { env })).stdout).topic).toBe("note");
});

test("Host is matched exactly, and a page of another origin can neither read nor write", async () => {
  using home = new Home();
  const [server, address] = await exposed(home);
  await using _server = server;
  const port = address.replace(/.*:/, "");
  const bearer = `Authorization: Bearer ${tokenIn(home)}`;
  for (const [status, hosts] of [
    [200, [address, `localhost:${port}`, `LOCALHOST:${port}`, `[::1]:${port}`]],
    [400, ["localhost", "127.0.0.1", `evil.example:${port}`, `localhost.evil:${port}`, "", "x"]],
    [400, [`127.0.0.1:${port}, x`, `user@localhost:${port}`, `127.0.0.1:${port}0`]],
  ] as const) {
    for (const host of hosts) {
      expect([host, await statusOf(address, "/", `Host: ${host}`, bearer)]).toEqual([host, status]);
    }
  }
  for (const [status, origins] of [
    [200, [`http://${address}`]],
    [403, ["null", "http://evil.example", `https://${address}`, `http://localhost:${port}`, ""]],
    [403, [`http://${address}.evil`, "file://"]],
  ] as const) {
    for (const origin of origins) {
      const got = await statusOf(address, "/", `Host: ${address}`, `Origin: ${origin}`, bearer);
      expect([origin, got]).toEqual([origin, status]);
    }
  }
  const response = await fetch(`http://${address}/note`, {
    method: "POST",
    body: "x",
    headers: { origin: "http://evil.example", authorization: bearer.slice(15) },
  });
  await expectProblem(response, 403, "foreign_origin", "evil.example");
  expect(await server.frames("/stream/note")).toEqual([]);
});

test("the token is made once, for its owner alone, and a file that has none is refused", async () => {
  using home = new Home();
  const tokens = new Set<string>();
  for (let n = 0; n < 2; n++) {
    const [server] = await exposed(home);
    await using _server = server;
    expect((statSync(join(home.store, "token")).mode & 0o777).toString(8)).toBe("600");
    tokens.add(tokenIn(home));
    await server.stop("SIGTERM");
  }
  expect([...tokens].map((token) => token.length)).toEqual([43]);
  writeFileSync(join(home.store, "token"), "\n");
  const { code, stderr } = await home.xs(["serve", home.store, "--expose", ":0"]);
  expect(code).toBe(1);
  expect(stderr).toContain("token");
});

test("a second socket is for its owner alone, is an address, and is gone after the stop", async () => {
  using home = new Home();
  const path = join(home.path, "second");
  await using server = await startServer(home.store, { args: ["--expose", path] });
  expect((statSync(path).mode & 0o777).toString(8)).toBe("600");
  await home.ok(["append", path, "note"]);
  expect(await home.topics(path)).toEqual(["note"]);
  expect(await server.stop("SIGTERM")).toBe(0);
  expect(statSync(path, { throwIfNoEntry: false })).toBeUndefined();
});

test("a place that is taken is refused, and no file of somebody else's is removed", async () => {
  using home = new Home();
  const [server, address] = await exposed(home);
  await using _server = server;
  const file = join(home.path, "letter");
  writeFileSync(file, "mine");
  const other = join(home.path, "other");
  for (const flag of ["--http", "--expose"]) {
    for (const taken of [address, file, server.unix]) {
      const { code, stderr } = await home.xs(["serve", other, flag, taken]);
      expect([flag, taken, code]).toEqual([flag, taken, 1]);
      expect(stderr).toContain(taken);
    }
  }
  expect(readFileSync(file, "utf8")).toBe("mine");
  expect((await server.fetch("/health")).status).toBe(200);
});

test("a place where nobody can listen is named, with the reason", async () => {
  using home = new Home();
  // Neither is ever anybody's, by RFC 5737 and RFC 6761.
  const places = {
    "192.0.2.1:8000": "this machine has no such address",
    "nosuch.invalid:8000": "there is no such host",
    "nosuch.local:80": "there is no such host",
    "nosuch:0": "there is no such host",
    "999.1.1.1:8000": "there is no such host",
    [join(home.path, "nowhere", "sock")]: "there is no such directory",
  };
  for (const flag of ["--http", "--expose"]) {
    for (const [place, reason] of Object.entries(places)) {
      const { code, stderr } = await home.xs(["serve", home.store, flag, place]);
      expect([flag, place, code]).toEqual([flag, place, 1]);
      expect(stderr).toContain(`cannot listen at ${place}: ${reason}; name another place`);
    }
  }
});
