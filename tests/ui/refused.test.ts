// What the inspector refuses: without a key, with one, and whatever another program or another page sends.
import { expect, setDefaultTimeout, test } from "bun:test";
import { ROUTES } from "../../src/api/routes.ts";
import { browserTest, openBrowser } from "../support/browser.ts";
import { Inspector } from "../support/inspector.ts";
import { RawConnection, startServer } from "../support/server.ts";
import { tempDirectory } from "../support/temp.ts";
import { LineReader, TEST_MS, until, within } from "../support/wait.ts";

setDefaultTimeout(TEST_MS);

/** All of the API that a page may use. A route that is new is not here, so it is refused until somebody decides. */
const READS = [
  ...["/", "/stream/:topic", "/first", "/first/:topic", "/last", "/last/:topic", "/:id"],
  ...["/:id/next", "/:id/previous", "/:id/content", "/:id/causes", "/:id/effects"],
  ...["/cas/:hash+", "/kv", "/kv/:key+", "/ps", "/version", "/health", "/-/topics"],
  ...["/-/search", "/-/histogram", "/-/info", "/-/scheduled", "/-/keep"],
].map((path) => `GET ${path}`);
const WRITES = ["POST /stream/:topic", "PUT /kv/:key+", "DELETE /kv/:key+", "DELETE /:id"];

test("of all routes of the API a page reads what it shows, and writes with --write", async () => {
  using home = tempDirectory();
  await using server = await startServer(`${home.path}/store`);
  const names: Record<string, string> = {
    ":id": (await server.append("note", "x")).id,
    ":topic": "note",
    ":hash+": "sha256-LPJNul+wow4m6DsqxbninhsWHlwfp0JecwQzYpOLmCQ=",
    ":key+": "a",
    ":pattern": "none",
    ":name": "nobody",
  };
  for (const writes of [false, true]) {
    await using it = await Inspector.start(server.directory, { args: writes ? ["--write"] : [] });
    const authorization = `Bearer ${await it.key()}`;
    for (const { method, path } of ROUTES) {
      const url = `${it.origin}/api${path.replace(/:[a-z]+\+?/g, (name) => names[name] ?? name)}`;
      const methods = method === "GET" ? (["GET", "HEAD"] as const) : ([method] as const);
      for (const each of methods) {
        const init = { method: each, ...(/P/.test(each) && { body: "{}" }) };
        const without = await fetch(url, init);
        expect([each, path, without.status]).toEqual([each, path, 401]);
        for (const wrong of ["Bearer x", "Basic eDp4", "Bearer ", `Bearer ${"A".repeat(43)}`]) {
          const { status } = await fetch(url, { ...init, headers: { authorization: wrong } });
          expect([each, path, wrong, status]).toEqual([each, path, wrong, 401]);
        }
        const allowed = [...READS, ...(writes ? WRITES : [])].includes(`${method} ${path}`);
        const signal = AbortSignal.timeout(20_000);
        const response = await fetch(url, { ...init, headers: { authorization }, signal });
        await response.body?.cancel();
        expect([each, path, response.status === 403]).toEqual([each, path, !allowed]);
        // 503 where the index of the search is not made yet.
        expect([path, response.status]).not.toEqual([path, 500]);
        expect(response.headers.get("cache-control")).toBe("no-store");
        expect(response.headers.get("x-content-type-options")).toBe("nosniff");
        expect(response.headers.get("content-security-policy")).toContain("sandbox");
        expect(response.headers.get("access-control-allow-origin")).toBeNull();
      }
    }
    for (const method of ["OPTIONS", "PATCH", "TRACE", "QUERY", "PROPFIND"]) {
      const response = await fetch(`${it.origin}/api/`, { method, headers: { authorization } });
      expect([method, response.status]).toEqual([method, 403]);
      const page = await fetch(it.origin, { method });
      expect([method, page.status, page.headers.get("allow")]).toEqual([method, 405, "GET, HEAD"]);
    }
  }
});

test("HEAD answers as GET, without a body", async () => {
  using home = tempDirectory();
  await using server = await startServer(`${home.path}/store`);
  const { id } = await server.append("note", "12345");
  await using it = await Inspector.start(server.directory);
  for (const path of [`/${id}/content`, `/${id}`]) {
    const [get, head] = [await it.ask(path), await it.ask(path, { method: "HEAD" })];
    const body = await get.bytes();
    expect((await head.bytes()).length).toBe(0);
    expect(head.status).toBe(200);
    expect(head.headers.get("content-type")).toBe(get.headers.get("content-type"));
    const length = head.headers.get("content-length");
    if (length !== null) expect(Number(length)).toBe(body.length);
  }
  const page = await fetch(it.origin, { method: "HEAD" });
  expect([page.status, await page.text()]).toEqual([200, ""]);
});

test("tricks with paths lead nowhere", async () => {
  using home = tempDirectory();
  await using server = await startServer(`${home.path}/store`);
  const { id } = await server.append("note", "secret");
  await using it = await Inspector.start(server.directory, { args: ["--write"] });
  const authorization = `Bearer ${await it.key()}`;
  const { host } = new URL(it.origin);
  const send = async (line: string, headers = "") => {
    using connection = await RawConnection.open(host);
    connection.send(`${line} HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n${headers}\r\n`);
    await within(`the end of ${line}`, connection.closed);
    return connection.received;
  };
  for (const path of [
    "/api",
    "/api/",
    "/api//",
    `/api//${id}`,
    `//api/${id}`,
    `/api/./${id}`,
    `/api/x/../${id}`,
    `/api%2f${id}`,
    `/%61pi/${id}`,
    `/api\\${id}`,
    `/x/../api/${id}`,
    `/x/..%2fapi/${id}`,
    `/;/api/${id}`,
    "/about",
    "/about/",
    "/key/../about",
    "/index.html",
    "/../../../../etc/passwd",
    "/assets.ts",
    `http://${host}/api/${id}`,
    `http://evil.example/api/${id}`,
    "*",
    "/%",
    "/api/%ff",
    "/api/%00",
  ]) {
    const received = await send(`GET ${path}`);
    expect([path, received]).toEqual([path, expect.not.stringMatching(/secret|"topic"|"name"/)]);
    expect([path, received]).toEqual([path, expect.not.stringMatching(/^HTTP\/1\.1 (2|5)/)]);
  }
  // With a key there is the API, and no more of it than elsewhere.
  const keyed = `Authorization: ${authorization}\r\n`;
  expect(await send(`GET /api/${id}`, keyed)).toMatch(/^HTTP\/1\.1 200 /);
  for (const path of [
    "/api//export",
    "/api/%65xport",
    "/api/export",
    "/api/export/",
    "/api/x/../export",
    "/api/%2e%2e/api/export",
    "/api/..%2fexport",
    "/api/-/tokens",
    "/api/-%2ftokens",
    "/api/%2d/tokens",
    "/api/-/keep/../tokens",
    "/api/%",
    "/api/%ff",
    "/api/%00",
    "/api/..%2f..%2f..%2fetc%2fpasswd",
    "/api/http://evil.example/",
    "/api/@evil.example/",
  ]) {
    expect([path, await send(`GET ${path}`, keyed)]).toEqual([
      path,
      expect.stringMatching(/^HTTP\/1\.1 40[034] /),
    ]);
  }
  const length = "Content-Length: 1\r\n\r\nx";
  for (const path of [
    "/api/stream/stream.cross.handler.spawn",
    "/api/stream/stream%2Ecross.handler.spawn",
    "/api/stream%2fstream.cross.handler.spawn",
    "/api/stream/x/../stream.cross.handler.spawn",
    "/api//stream/stream.cross.handler.spawn",
    "/api/stream/a/../../append/stream.cross.handler.spawn",
    "/api/stream/shell.send",
    "/api/stream/shell%2esend",
    "/api/stream/shell.send?x=/note",
    "/api/stream/shell.send;x",
    "/api/stream",
    "/api/note",
    "/api/kv/../import",
  ]) {
    const received = await send(`POST ${path}`, keyed + length);
    expect([path, received]).toEqual([path, expect.stringMatching(/^HTTP\/1\.1 40[0345] /)]);
  }
  const topics = (await server.frames()).map(({ topic }) => topic);
  expect(topics).toEqual(["stream.cross.start", "note"]);
});

test("heads that two programs read in two ways are refused", async () => {
  using home = tempDirectory();
  await using server = await startServer(`${home.path}/store`);
  await using it = await Inspector.start(server.directory, { args: ["--write"] });
  const key = await it.key();
  const { host, port } = new URL(it.origin);
  const auth = `Authorization: Bearer ${key}\r\n`;
  const ask = async (text: string) => {
    using connection = await RawConnection.open(host);
    connection.send(text);
    return await connection.status();
  };
  const get = (headers: string, version = "1.1") =>
    ask(`GET /api/last HTTP/${version}\r\n${headers}${auth}\r\n`);
  expect(await get(`Host: ${host}\r\n`)).toBe(200);
  for (const headers of [
    "",
    "Host: \r\n",
    `Host: ${host}\r\nHost: evil.example\r\n`,
    `Host: evil.example\r\nHost: ${host}\r\n`,
    `Host: ${host}, evil.example\r\n`,
    `Host: evil.example:${port}\r\n`,
    `Host: 127.0.0.1\r\n`,
    `Host: 127.0.0.1:1\r\n`,
    `Host: 127.0.0.1.:${port}\r\n`,
    `Host: 127.1:${port}\r\n`,
    `Host: 2130706433:${port}\r\n`,
    `Host: localhost:${port}\r\n`,
    `Host: [::1]:${port}\r\n`,
    `Host: x@${host}\r\n`,
    `X-Forwarded-Host: ${host}\r\nHost: evil.example\r\n`,
    `Host: ${host}\r\nOrigin: http://evil.example\r\n`,
    `Host: ${host}\r\nOrigin: ${it.origin}\r\nOrigin: http://evil.example\r\n`,
    `Host: ${host}\r\nSec-Fetch-Site: cross-site\r\n`,
    `Host: ${host}\r\nSec-Fetch-Site: cross-site\r\nSec-Fetch-Mode: navigate\r\nSec-Fetch-Dest: document\r\n`,
  ]) {
    const status = (await get(headers)) ?? 400;
    expect([headers, [400, 403].includes(status)]).toEqual([headers, true]);
  }
  expect(await get("", "1.0")).toBe(400);
  const post = (headers: string, body: string) =>
    ask(`POST /api/stream/note HTTP/1.1\r\nHost: ${host}\r\n${auth}${headers}\r\n${body}`);
  for (const headers of [
    "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n",
    "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n",
    "Content-Length: 5\r\nContent-Length: 6\r\n",
    "Content-Length: -1\r\n",
    "Transfer-Encoding: xchunked\r\n",
  ]) {
    const status = (await post(headers, "0\r\n\r\n")) ?? 400;
    expect([headers, [400, 411, 413, 501].includes(status)]).toEqual([headers, true]);
  }
  expect(await server.frames("/?topic=note")).toEqual([]);
  // The page goes to the address at which nobody else can listen.
  using connection = await RawConnection.open(host);
  connection.send(`GET /?topic=a HTTP/1.1\r\nHost: localhost:${port}\r\n\r\n`);
  expect(await connection.status()).toBe(307);
  expect(connection.received.toLowerCase()).toContain(`location: ${it.origin}/?topic=a`);
});

test("who is slow without a key is hung up on, and who has one may be silent", async () => {
  using home = tempDirectory();
  await using server = await startServer(`${home.path}/store`);
  await using it = await Inspector.start(server.directory);
  const { host } = new URL(it.origin);
  const live = await it.ask("/?follow=true&tail=true");
  const lines = new LineReader(live.body);
  await lines.take(1);
  using silent = await RawConnection.open(host);
  using half = await RawConnection.open(host);
  half.send(`GET / HTTP/1.1\r\nHost: ${host}\r\nX-Slow: `);
  using body = await RawConnection.open(host);
  body.send(`POST /key HTTP/1.1\r\nHost: ${host}\r\nContent-Length: 40\r\n\r\nabc`);
  for (const [name, { closed }] of Object.entries({ silent, half, body })) {
    await within(`the end of ${name}`, closed);
  }
  await server.append("note", "x");
  expect((await lines.take(1))[0]).toContain('"topic":"note"');
  await lines.cancel();
});

test("a large body for a key is refused, whatever its head says", async () => {
  using home = tempDirectory();
  await using server = await startServer(`${home.path}/store`);
  await using it = await Inspector.start(server.directory);
  const { host } = new URL(it.origin);
  const large = await fetch(`${it.origin}/key`, { method: "POST", body: "x".repeat(1_000_000) });
  expect(large.status).toBe(413);
  using chunked = await RawConnection.open(host);
  chunked.send(`POST /key HTTP/1.1\r\nHost: ${host}\r\nTransfer-Encoding: chunked\r\n\r\n`);
  chunked.send(`10000\r\n${"x".repeat(0x10000)}\r\n`);
  expect(await chunked.status()).toBe(413);
  expect((await fetch(`${it.origin}/key`)).status).toBe(405);
  expect((await fetch(`${it.origin}/key`, { method: "POST" })).status).toBe(401);
});

test("many slow ones without a key leave room for a page that has one", async () => {
  using home = tempDirectory();
  await using server = await startServer(`${home.path}/store`);
  await using it = await Inspector.start(server.directory);
  const { host } = new URL(it.origin);
  const headers = { authorization: `Bearer ${await it.key()}` };
  using slow = new DisposableStack();
  for (let count = 0; count < 200; count++) {
    const connection = slow.use(await RawConnection.open(host));
    connection.send(`POST /key HTTP/1.1\r\nHost: ${host}\r\nContent-Length: 40\r\n\r\nabc`);
  }
  const redeem = async () => {
    const response = await fetch(`${it.origin}/key`, { method: "POST", body: "x" });
    return (await response.json()) as { code: string };
  };
  expect(await redeem()).toMatchObject({ code: "too_many_requests" });
  expect((await fetch(`${it.origin}/api/last`, { headers })).status).toBe(200);
  slow.dispose();
  await until("room again", async () => (await redeem()).code === "unauthorized");
});

test("many pages at once have a bound", async () => {
  using home = tempDirectory();
  await using server = await startServer(`${home.path}/store`);
  await using it = await Inspector.start(server.directory);
  const headers = { authorization: `Bearer ${await it.key()}` };
  const ends = new AbortController();
  const { signal } = ends;
  const follow = () => fetch(`${it.origin}/api/?follow=true&tail=true`, { headers, signal });
  const open: Response[] = [];
  let refused: Response | undefined;
  while (open.length < 200 && !refused) {
    const response = await follow();
    if (response.ok) open.push(response);
    else refused = response;
  }
  expect(await refused?.json()).toMatchObject({ code: "too_many_requests" });
  expect(open.length).toBeGreaterThan(50);
  ends.abort();
  const after = await within(
    "room again",
    (async () => {
      for (;;) {
        const response = await fetch(`${it.origin}/api/last`, { headers });
        if (response.ok) return response.status;
      }
    })(),
  );
  expect(after).toBe(200);
});

browserTest("a page of another site gets nothing, also under our name", async () => {
  using home = tempDirectory();
  await using server = await startServer(`${home.path}/store`);
  await server.append("note", "secret");
  await using it = await Inspector.start(server.directory, { args: ["--write"] });
  const key = await it.key();
  const asked: string[] = [];
  using evil = Bun.serve({
    port: 0,
    fetch({ url }) {
      asked.push(url);
      return new Response("<!doctype html><title>evil</title><body>", {
        headers: { "content-type": "text/html" },
      });
    },
  });
  const { port } = new URL(it.origin);
  const browser = await openBrowser("--host-resolver-rules=MAP evil.example 127.0.0.1");
  try {
    const page = await browser.newPage();
    await page.goto(`http://evil.example:${evil.port}/`);
    const tried = await page.evaluate<Record<string, string>>(`(async () => {
      const origin = ${JSON.stringify(it.origin)}, key = ${JSON.stringify(key)};
      const got = {};
      const attempt = async (name, run) => {
        got[name] = await Promise.race([
          run().then((value) => "got: " + value, () => "refused"),
          new Promise((resolve) => setTimeout(() => resolve("nothing"), 5000)),
        ]);
      };
      const headers = { authorization: "Bearer " + key };
      const bodyOf = async (response) => response.type + (await response.text());
      await attempt("fetch", () => fetch(origin + "/api/last").then(bodyOf));
      await attempt("fetch with the key", () => fetch(origin + "/api/last", { headers }).then(bodyOf));
      await attempt("fetch the page", () => fetch(origin + "/").then(bodyOf));
      await attempt("no-cors", () => fetch(origin + "/", { mode: "no-cors" }).then(bodyOf)
        .then((text) => { if (text === "opaque") throw 0; return text; }));
      await attempt("post", () => fetch(origin + "/api/stream/note",
        { method: "POST", mode: "no-cors", body: "evil" }).then(bodyOf).then((text) => { if (text === "opaque") throw 0; return text; }));
      await attempt("redeem", () => fetch(origin + "/key", { method: "POST", body: key }).then(bodyOf));
      await attempt("beacon", async () => { navigator.sendBeacon(origin + "/api/stream/note", "evil"); throw 0; });
      const loads = (tag, attribute, path) => () => new Promise((resolve, reject) => {
        const element = document.createElement(tag);
        element.onload = () => resolve(tag);
        element.onerror = reject;
        element[attribute] = origin + path;
        document.body.append(element);
      });
      await attempt("img", loads("img", "src", "/icon.svg"));
      await attempt("script", loads("script", "src", "/"));
      await attempt("style", loads("link", "href", "/"));
      await attempt("WebSocket", () => new Promise((resolve, reject) => {
        const socket = new WebSocket(origin.replace("http", "ws") + "/api/");
        socket.onopen = resolve;
        socket.onerror = reject;
      }));
      await attempt("EventSource", () => new Promise((resolve, reject) => {
        const source = new EventSource(origin + "/api/?follow=true");
        source.onopen = resolve;
        source.onerror = reject;
      }));
      await attempt("iframe", () => new Promise((resolve, reject) => {
        const frame = document.createElement("iframe");
        frame.onload = () => {
          try { frame.contentDocument ? resolve(frame.contentDocument.body.innerHTML) : reject(); } catch { reject(); }
        };
        frame.src = origin + "/";
        document.body.append(frame);
      }));
      const form = document.createElement("form");
      form.method = "post";
      form.enctype = "text/plain";
      form.action = origin + "/api/stream/note";
      form.target = "other";
      document.body.append(form);
      window.open("about:blank", "other");
      form.submit();
      return got;
    })()`);
    for (const [name, result] of Object.entries(tried)) {
      expect([name, result]).toEqual([name, expect.not.stringContaining("got:")]);
    }
    // A page that makes the browser call this server under its own name.
    const rebound = await page.goto(`http://evil.example:${port}/`).catch(() => undefined);
    expect(rebound?.status()).toBe(400);
    const again = `fetch("/api/last").then(({ status }) => status, () => 400)`;
    expect(await page.evaluate<number>(again)).toBe(400);
    // It may lead to the page, which has nothing without a key, and cannot look into it.
    await page.goto(`http://evil.example:${evil.port}/`);
    const [opened] = await Promise.all([
      page.waitForEvent("popup"),
      page.evaluate(`void (window.other = window.open(${JSON.stringify(`${it.origin}/`)}))`),
    ]);
    await opened.getByText("This page needs a key").waitFor();
    expect(await page.evaluate<boolean>("window.other.closed")).toBe(true);
    expect((await server.frames("/?topic=note")).length).toBe(1);
  } finally {
    await browser.close();
  }
});
