import { expect, setDefaultTimeout, test } from "bun:test";
import { statSync } from "node:fs";
import { join } from "node:path";
import { HOSTS, NO_HOSTS } from "../support/hosts.ts";
import { plainEnv, XS } from "../support/server.ts";
import { tempDirectory } from "../support/temp.ts";
import { TEST_MS, until } from "../support/wait.ts";
import { curl, type Request, Site } from "./site.ts";

setDefaultTimeout(TEST_MS);

/** Sends back what the gateway made of a request. */
async function echoing(site: Site) {
  return await site.answer((request, send) => send(JSON.stringify(request)));
}

/** The meta that the gateway makes of a request. */
async function metaOf(site: Site, path: string, ...args: string[]): Promise<Request["meta"]> {
  return (JSON.parse((await site.curl(path, ...args)).text) as Request).meta;
}

test("a request becomes a frame with all that it said, and the answer comes back", async () => {
  await using site = await Site.open();
  await using _echo = await echoing(site);
  const page = await site.curl("/a/b?x=1&y=2", "-d", "hello", "-H", "X-Thing: one");
  expect(page.status).toBe(200);
  const frame = JSON.parse(page.text) as Request;
  expect((await site.frames("http.request")).map(({ id }) => id)).toEqual([frame.id]);
  expect(frame.ttl).toBe("time:86400000");
  expect(await site.contentOf(frame)).toBe("hello");
  const { remote_port, headers, ...meta } = frame.meta;
  expect(meta).toEqual({
    proto: "HTTP/1.1",
    method: "POST",
    authority: site.address,
    remote_ip: "127.0.0.1",
    uri: "/a/b?x=1&y=2",
    path: "/a/b",
    query: { x: "1", y: "2" },
  });
  expect(Object.keys(frame.meta)).toEqual([
    ..."proto method authority remote_ip remote_port headers uri path query".split(" "),
  ]);
  expect(Number(remote_port)).toBeGreaterThan(1023);
  expect(headers).toMatchObject({ host: site.address, "x-thing": "one", "content-length": "5" });
});

test("a loop in a shell can answer", async () => {
  await using site = await Site.open();
  // As in the page that says how, with the answer kept as long as the request.
  const loop = `
    xs() { "${XS}" "$@"; }
    xs cat "$S" --follow --tail --topic http.request |
      jq --unbuffered -c 'select(.topic == "http.request") | [{request_id: .id}, .ttl, .id]' |
      while read -r line; do
        meta=$(echo "$line" | jq -c '.[0]')
        xs content "$S" "$(echo "$line" | jq -r '.[2]')" | tr a-z A-Z |
          xs append "$S" http.response --meta "$meta" --ttl "$(echo "$line" | jq -r '.[1]')" >&2
      done`;
  const shell = Bun.spawn(["bash", "-c", loop], {
    env: { ...plainEnv(site.server.directory), S: site.server.directory },
    stdio: ["ignore", "ignore", "ignore"],
    detached: true,
  });
  try {
    const answer = () => site.curl("/shout", "-d", "hello");
    const page = await until("the loop answers", async () => {
      const got = await answer();
      return got.status === 200 && got;
    });
    expect(page.text).toBe("HELLO");
    expect(page.headers["content-type"]).toBe("text/plain; charset=utf-8");
    expect((await site.frames("http.response"))[0]?.ttl).toBe("time:86400000");
  } finally {
    process.kill(-shell.pid, "SIGKILL");
  }
});

test("a path comes without its percent-encoding, the uri as it was sent", async () => {
  await using site = await Site.open();
  await using _echo = await echoing(site);
  for (const [uri, path, query] of [
    ["/a%20b/%C3%BC?q=%C3%BC+z", "/a b/ü", { q: "ü z" }],
    ["/a/../b", "/a/../b", {}],
    ["//x/y", "//x/y", {}],
    ["/%zz?%zz", "/%zz", { "%zz": "" }],
    ["/%ff", "/%ff", {}],
    ["/?", "/", {}],
    ["/a%2Fb", "/a/b", {}],
  ] as const) {
    const meta = await metaOf(site, uri, "--path-as-is");
    expect([uri, meta.uri, meta.path, meta.query]).toEqual([uri, uri, path, query as never]);
  }
});

test("a query key that comes more than once is a list, a header is one text", async () => {
  await using site = await Site.open();
  await using _echo = await echoing(site);
  const headers = ["X-A: 1", "x-a: 2", "Cookie: a=1", "Cookie: b=2", "__proto__: p", "X-U: ü→"];
  const args = headers.flatMap((header) => ["-H", header]);
  const meta = await metaOf(site, "/?a=1&b=2&a=3&a=&__proto__=x", ...args);
  expect(Object.entries(meta.query ?? {})).toEqual([
    ["a", ["1", "3", ""]],
    ["b", "2"],
    ["__proto__", "x"],
  ]);
  expect(meta.headers).toMatchObject({ "x-a": "1, 2", cookie: "a=1; b=2", "x-u": "ü→" });
  expect(Object.keys(meta.headers)).toContain("__proto__");
});

test("every method comes through; HTTP/1.0 and a target with a host do too", async () => {
  await using site = await Site.open();
  await using _echo = await echoing(site);
  for (const method of ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "PROPFIND"]) {
    expect((await metaOf(site, "/", "-X", method)).method).toBe(method);
  }
  expect((await metaOf(site, "/", "--http1.0")).proto).toBe("HTTP/1.0");
  const meta = await metaOf(site, "", "--request-target", "http://example.org/x?y=1");
  expect([meta.authority, meta.path, meta.query]).toEqual(["example.org", "/x", { y: "1" }]);
  using connection = await site.connect();
  connection.send("GET /old HTTP/1.0\r\n\r\n");
  await connection.closed;
  expect(connection.received).toContain('"authority":null');
  expect(connection.received).not.toContain("chunked");
});

test("a peer may come over IPv6 or over a unix socket", async () => {
  await using six = await Site.open([], "[::1]:0");
  await using _six = await echoing(six);
  expect(six.address).toMatch(/^\[::1\]:\d+$/);
  expect((await metaOf(six, "/")).remote_ip).toBe("::1");
  using home = tempDirectory();
  const path = join(home.path, "web.sock");
  await using unix = await Site.open([], path);
  await using _unix = await echoing(unix);
  expect(unix.address).toBe(path);
  expect(statSync(path).mode & 0o777).toBe(0o600);
  const page = await curl(["--unix-socket", path, "http://web/"]);
  expect(JSON.parse(page.text).meta).toMatchObject({
    authority: "web",
    remote_ip: null,
    remote_port: null,
  });
});

test("a connection is kept, and answers to requests sent ahead come in their order", async () => {
  await using site = await Site.open();
  await using _responder = await site.answer(async (request, send) => {
    // The first is answered last.
    if (request.meta.path === "/1") await until("the others", async () => await answered(2));
    await send(request.meta.path);
  });
  const answered = async (count: number) => (await site.frames("http.response")).length >= count;
  using connection = await site.connect();
  const get = (n: number) => `GET /${n} HTTP/1.1\r\nHost: x\r\n\r\n`;
  connection.send(get(1) + get(2) + get(3));
  await until("three answers", () => connection.received.split("HTTP/1.1 200").length === 4);
  await until("their bodies", () => connection.received.endsWith("/3"));
  expect([...connection.received.matchAll(/\r\n\r\n(\/\d)/g)].map(([, path]) => path)).toEqual([
    "/1",
    "/2",
    "/3",
  ]);
});

test("a client that expects a 100 gets it, and none where its body is refused", async () => {
  await using site = await Site.open(["--http-body-max", "10"]);
  await using _echo = await echoing(site);
  const head = "POST / HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\n";
  using fits = await site.connect();
  fits.send(`${head}Content-Length: 5\r\n\r\n`);
  await until("a 100", () => fits.received.includes("100 Continue"));
  fits.send("hello");
  await until("the answer", () => fits.received.includes("HTTP/1.1 200"));
  expect(await site.contentOf((await site.frames("http.request"))[0] as Request)).toBe("hello");
  using large = await site.connect();
  large.send(`${head}Content-Length: 11\r\n\r\n`);
  await large.closed;
  expect(large.received).toStartWith("HTTP/1.1 413");
});

test("binary bodies come through unharmed both ways", async () => {
  await using site = await Site.open();
  await using _responder = await site.answer(async (request, send) => {
    const body = await site.server.fetch(`/${request.id}/content`);
    await send(new Uint8Array(await body.arrayBuffer()));
  });
  using home = tempDirectory();
  const file = join(home.path, "bytes");
  for (const size of [256, 64 * 1024, 64 * 1024 + 1, 3_000_000]) {
    const bytes = Uint8Array.from({ length: size }, (_, n) => (n * 7 + (n >> 8)) & 255);
    await Bun.write(file, bytes);
    for (const how of [[], ["-H", "Transfer-Encoding: chunked"]]) {
      const page = await site.curl("/", "--data-binary", `@${file}`, ...how);
      expect([size, Buffer.compare(page.bytes, bytes)]).toEqual([size, 0]);
      expect(page.headers["content-type"]).toBe("application/octet-stream");
      expect(page.headers["content-length"]).toBe(String(size));
    }
  }
});

test("where nobody follows http.request it is 503 at once, with a page that says how to begin", async () => {
  await using site = await Site.open();
  const page = await site.curl("/");
  expect([page.status, page.headers["content-type"]]).toEqual([503, "text/plain; charset=utf-8"]);
  expect(page.text).toContain("xs handler add web - <<'END'\n");
  expect(page.text).not.toContain("stream.cross.");
  expect(page.text).toContain("xs cat --follow --tail --topic http.request");
  const problem = await site.curl("/", "-H", "Accept: application/json", "-d", "x");
  expect(problem.headers["content-type"]).toBe("application/problem+json");
  expect(JSON.parse(problem.text)).toMatchObject({ status: 503, code: "no_handler" });
  for (const [accept, type] of [
    ["Application/JSON", "application/problem+json"],
    ["application/problem+json", "application/problem+json"],
    ["application/*", "application/problem+json"],
    ["application/json, text/plain, */*", "application/problem+json"],
    ["application/json;q=0.9, text/html;q=0.5", "application/problem+json"],
    ["application/json;q=0", "text/plain; charset=utf-8"],
    ["application/json;q=0.5, text/html", "text/plain; charset=utf-8"],
    [
      "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8",
      "text/plain; charset=utf-8",
    ],
    ["text/x-json-ld", "text/plain; charset=utf-8"],
    ["*/*", "text/plain; charset=utf-8"],
  ]) {
    const refused = await site.curl("/", "-H", `Accept: ${accept}`);
    expect([accept, refused.headers["content-type"]]).toEqual([accept, type]);
    expect(refused.headers["x-content-type-options"]).toBe("nosniff");
  }
  expect(await site.frames("http.request")).toEqual([]);
  // A reader of other topics does not help, one of everything does.
  for (const [topic, status] of [
    ["http.response", 503],
    ["*", 504],
    ["http.*", 504],
  ] as const) {
    await using other = await Site.open(["--http-timeout", "50"]);
    const read = await other.server.fetch(`/?follow&topic=${topic}`);
    expect([topic, (await other.curl("/")).status]).toEqual([topic, status]);
    await read.body?.cancel();
    await until("it has left", async () => (await other.curl("/")).status === 503);
  }
});

test("a request that is not for a path here, or with headers too long for a frame, is refused", async () => {
  await using site = await Site.open();
  await using _echo = await echoing(site);
  const long = "x".repeat(70_000);
  for (const [bytes, status] of [
    ["GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 400],
    ["GET ftp://x/y HTTP/1.1\r\nHost: a\r\n\r\n", 400],
    ...NO_HOSTS.map((host) => [`GET / HTTP/1.1\r\nHost:${host}\r\n\r\n`, 400] as const),
    ["GET / HTTP/1.0\r\nHost: a b\r\n\r\n", 400],
    ["GET http://a:b/ HTTP/1.1\r\nHost: a\r\n\r\n", 400],
    [`GET /${long} HTTP/1.1\r\nHost: a\r\n\r\n`, 431],
    [`GET / HTTP/1.1\r\nHost: a\r\nX: ${long}\r\n\r\n`, 431],
  ] as const) {
    using connection = await site.connect();
    connection.send(bytes);
    expect([bytes.slice(0, 30), await connection.status()]).toEqual([bytes.slice(0, 30), status]);
  }
  expect(await site.frames("http.request")).toEqual([]);
});

test("a host is a name or an address, with or without a port; HTTP/1.0 may leave it out", async () => {
  await using site = await Site.open();
  await using _echo = await echoing(site);
  for (const host of [...HOSTS, null]) {
    using connection = await site.connect();
    connection.send(
      host === null ? "GET / HTTP/1.0\r\n\r\n" : `GET / HTTP/1.1\r\nHost: ${host}\r\n\r\n`,
    );
    expect([host, await connection.status()]).toEqual([host, 200]);
    const { meta } = (await site.frames("http.request")).at(-1) as Request;
    expect(meta.authority).toBe(host);
  }
});
