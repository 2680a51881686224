// What a command meets at an address that is not, or not directly, the API of a store.
import { expect, setDefaultTimeout, test } from "bun:test";
import { readFileSync } from "node:fs";
import { hostname } from "node:os";
import { join } from "node:path";
import { NU, type Server, startServer } from "../support/server.ts";
import { TEST_MS, until } from "../support/wait.ts";
import { Home } from "./run-xs.ts";

setDefaultTimeout(TEST_MS);

/** A proxy that lets nothing through, and notes what it is asked. */
class ClosedProxy implements AsyncDisposable {
  readonly asked: string[] = [];
  readonly url: string;
  readonly #server: Bun.TCPSocketListener<undefined>;

  constructor() {
    const { asked } = this;
    this.#server = Bun.listen({
      hostname: "127.0.0.1",
      port: 0,
      socket: {
        data(socket, bytes) {
          asked.push(bytes.toString());
          const page = "<h1>The proxy is closed</h1>";
          socket.end(
            `HTTP/1.1 502 Bad Gateway\r\ncontent-type: text/html\r\ncontent-length: ${page.length}\r\nconnection: close\r\n\r\n${page}`,
          );
        },
      },
    });
    this.url = `http://127.0.0.1:${this.#server.port}`;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.stop(true);
  }
}

const PROXY_VARIABLES = ["http_proxy", "HTTP_PROXY", "https_proxy", "all_proxy", "ALL_PROXY"];

async function exposed(home: Home, env = {}): Promise<[Server, string, string]> {
  const server = await startServer(home.store, { args: ["--expose", ":0"], env });
  const token = readFileSync(join(home.store, "token"), "utf8").trim();
  return [server, await server.listensAt("expose"), token];
}

/** A server of something else, which answers every request with this. */
function other(answer: (path: string) => Response) {
  const asked: string[] = [];
  const server = Bun.serve({
    hostname: "127.0.0.1",
    port: 0,
    fetch(request) {
      asked.push(`${request.method} ${request.headers.get("authorization")}`);
      return answer(new URL(request.url).pathname);
    },
  });
  const stop = () => server.stop(true);
  return { port: server.port ?? 0, asked, [Symbol.asyncDispose]: stop };
}

test("what goes to this machine goes to no proxy, whatever the environment says", async () => {
  using home = new Home();
  await using proxy = new ClosedProxy();
  const env = Object.fromEntries(PROXY_VARIABLES.map((name) => [name, proxy.url]));
  const [server, address, token] = await exposed(home, env);
  await using _server = server;
  await server.append("note", "hi");
  const port = address.split(":").at(-1);
  const withToken = { env: { ...env, XS_TOKEN: token } };
  for (const at of [
    address,
    `:${port}`,
    `http://127.0.0.1:${port}`,
    `localhost:${port}`,
    `127.1.2.3:${port}`,
    `http://0.0.0.0:${port}`,
    `[::1]:${port}`,
    `http://[::ffff:127.0.0.1]:${port}`,
    `${hostname()}:${port}`,
    `https://localhost:${port}`,
  ]) {
    const { code, stdout } = await home.xs(["last", at, "note"], withToken);
    // What a name leads to is the machine's business; that no proxy hears of it is ours.
    if (/^(http:..)?(127.0.0.1|localhost)?:/.test(at)) {
      expect([at, code, stdout]).toEqual([at, 0, expect.stringContaining('"topic":"note"')]);
    }
  }
  const script = "export default async (xs) => (await xs.last('note')).topic";
  expect(await home.ok(["eval", address, "-c", script], withToken)).toBe("note\n");
  const handler = join(home.path, "handler.ts");
  await Bun.write(
    handler,
    "export default async (f, s, xs) => ({ out: (await xs.last('note')).topic })",
  );
  expect(
    await home.ok(["handler", "try", address, handler, "--topic", "note"], withToken),
  ).toContain('"content":"note"');
  // A unix socket is no host.
  expect(await home.ok(["last", home.store, "note"], { env })).toContain('"topic":"note"');
  expect(proxy.asked).toEqual([]);
});

test("a handler asks its server, and no proxy, in TypeScript as in nushell", async () => {
  using home = new Home();
  await using proxy = new ClosedProxy();
  const env = Object.fromEntries(PROXY_VARIABLES.map((name) => [name, proxy.url]));
  await using server = await startServer(home.store, { env: { ...env, XS_NU: NU } });
  await server.fetch("/kv/word", {
    method: "PUT",
    body: "hi",
    headers: { "content-type": "text/plain" },
  });
  const scripts = {
    ts: "export default { topics: ['ping'], start: 'first', run: async (f, s, xs) => ({ out: await xs.kv.get('word') }) }",
    nu: "{ topics: [ping], start: first, run: {|frame, state| { out: (.kv get word) } } }",
  };
  await server.append("ping");
  for (const [topic, script] of Object.entries(scripts)) {
    await server.append("stream.cross.handler.spawn", script, {
      "xs-meta": JSON.stringify({ topic }),
    });
    const { hash } = await until(
      `${topic}.out`,
      async () => (await server.frames(`/last/${topic}.out?last=1`))[0],
    );
    expect([topic, await (await server.fetch(`/cas/${hash}`)).text()]).toEqual([topic, "hi"]);
  }
  expect(proxy.asked).toEqual([]);
});

test("other hosts are reached as the environment says, and a proxy that fails is named", async () => {
  using home = new Home();
  await using proxy = new ClosedProxy();
  const run = async (env: Record<string, string>, at = "store.invalid:4000") => {
    const { code, stderr, stdout } = await home.xs(["last", at], { env });
    expect([code, stdout]).toEqual([1, ""]);
    return stderr;
  };
  for (const name of ["http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"]) {
    const stderr = await run({ [name]: proxy.url.replace("//", "//me:secret@") });
    expect(stderr).toContain(`through the proxy ${proxy.url} (${name})`);
    expect(stderr).toContain("502 Bad Gateway");
    expect(stderr).not.toContain("secret");
  }
  expect(proxy.asked.length).toBe(4);
  for (const exception of [
    "*",
    "store.invalid",
    ".invalid",
    "a.example, Store.Invalid:4000 ,b.example",
  ]) {
    const stderr = await run({ http_proxy: proxy.url, no_proxy: exception });
    expect([exception, stderr]).toEqual([
      exception,
      expect.stringContaining("no answer from http://store.invalid:4000 (there is no such host)"),
    ]);
    expect(await run({ http_proxy: proxy.url, NO_PROXY: exception })).toBe(stderr);
  }
  expect(proxy.asked.length).toBe(4);
  for (const exception of ["invalid.example", "tore.invalid", "store.invalid:4001", "10.0.0.0/8"]) {
    expect(await run({ http_proxy: proxy.url, no_proxy: exception })).toContain("proxy");
  }
  expect(proxy.asked.length).toBe(8);
  const closed = await run({ http_proxy: "127.0.0.1:1" });
  expect(closed).toContain(
    "no answer from http://store.invalid:4000 through the proxy http://127.0.0.1:1 (http_proxy) (nobody listens there)",
  );
  expect(closed).toContain("no_proxy");
  expect(await run({ all_proxy: "socks5://127.0.0.1:1" })).toContain("socks5://127.0.0.1:1");
});

test("a token that cannot be one is told, and one with a line break after it is taken", async () => {
  using home = new Home();
  const [server, address, token] = await exposed(home);
  await using _server = server;
  await server.append("note");
  for (const XS_TOKEN of ["two\nlines-of-a-file", "tökens-are-of-ASCII", "with a blank in it"]) {
    const { code, stderr } = await home.xs(["last", address], { env: { XS_TOKEN } });
    expect([code, stderr]).toEqual([
      1,
      expect.stringContaining("has a character that no token has"),
    ]);
  }
  const env = { XS_TOKEN: `${token}\r\n` };
  expect(await home.ok(["last", address, "note"], { env })).toContain('"topic":"note"');
});

test("an address that no request can be made of is wrong usage", async () => {
  using home = new Home();
  for (const address of [
    "http://127.0.0.1:1?x",
    "http://127.0.0.1:1/#x",
    ":99999",
    "http://[::1",
  ]) {
    const { code, stderr } = await home.xs(["append", address, "note"]);
    expect([address, code, stderr]).toEqual([address, 2, expect.stringContaining("address")]);
  }
});

test("a redirect is not followed: the message says where it points", async () => {
  using home = new Home();
  await using target = other(() => Response.json({}));
  await using server = other((path) =>
    Response.redirect(`http://127.0.0.1:${target.port}${path}`, 307),
  );
  const env = { XS_TOKEN: "a-token-of-the-store" };
  for (const args of [
    ["last", `:${server.port}`],
    ["append", `:${server.port}`, "note"],
    ["eval", `:${server.port}`, "-c", "export default (xs) => xs.append('note', 'hi')"],
  ]) {
    const { code, stdout, stderr } = await home.xs(args, { stdin: "secret", env });
    expect([args, code, stdout]).toEqual([args, 1, ""]);
    expect(stderr).toContain(
      `http://127.0.0.1:${server.port} sends its clients on to http://127.0.0.1:${target.port}/`,
    );
    expect(stderr).toContain(`use http://127.0.0.1:${target.port} as the address`);
  }
  expect(target.asked).toEqual([]);
});

test("where something else answers, the message says what was found there", async () => {
  using home = new Home();
  await using server = await startServer(home.store, { args: ["--http", ":0"] });
  const gateway = await server.listensAt("http");
  const commands = [["cat"], ["cat", "--follow"], ["last"], ["version"], ["ps"]];
  const found = async (at: string, said: string) => {
    for (const [verb = "", ...options] of commands) {
      const { code, stdout, stderr } = await home.xs([verb, at, ...options]);
      expect([verb, code, stdout]).toEqual([verb, 1, ""]);
      expect(stderr).toContain(`what answers at http://${at} is not the API of a store (${said}`);
      expect(stderr).toContain("--expose");
    }
  };
  await found(gateway, '503 Service Unavailable, text/plain, "503 No handler"');
  const script = `export default { topics: ["http.request"], run: () => ({ response: { body: "hello\\nyou" } }) }`;
  await server.append("stream.cross.handler.spawn", script, { "xs-meta": '{"topic":"web"}' });
  await until(
    "the handler",
    async () => (await server.frames("/stream/stream.cross.handler.active")).length,
  );
  await found(gateway, '200 OK, text/plain, "hello"');
  const append = await home.xs(["append", gateway, "note"], { stdin: "hi" });
  expect([append.code, append.stdout]).toEqual([1, ""]);
  expect(append.stderr).toContain("is not the API of a store");
  // Nobody takes an answer in JSON for that of an append.
  await using json = other(() => Response.json({ ok: true, id: 7 }));
  for (const args of [
    ["append", `:${json.port}`, "note"],
    ["eval", `:${json.port}`, "-c", "export default (xs) => xs.append('note', 'hi')"],
    ["cat", `:${json.port}`],
  ]) {
    const { code, stdout, stderr } = await home.xs(args);
    expect([args, code, stdout]).toEqual([args, 1, ""]);
    expect(stderr).toContain("is not the API of a store (200 OK, application/json");
  }
  await using site = other(
    () => new Response("<p>no\x1b[31m", { status: 404, headers: { "content-type": "text/html" } }),
  );
  await found(`127.0.0.1:${site.port}`, '404 Not Found, text/html, "<p>no\\u001b[31m"');
});

const ID = "03hadtdyn9s2dxl5soli9q9dz";

test("no command takes the JSON of a stranger for an answer of the API", async () => {
  using home = new Home();
  await using server = await startServer(home.store, { args: ["--http", ":0"] });
  const gateway = await server.listensAt("http");
  // It passes for the API as well as a handler can.
  const script = `export default {
    topics: ["http.request"],
    run: (frame) => ({ response: {
      headers: { "xs-version": "0.1.0", "content-type": "application/json", etag: '"1"' },
      body: '{"ok":true,"id":"${ID}","topic":"note"}',
    } }),
  }`;
  await server.append("stream.cross.handler.spawn", script, { "xs-meta": '{"topic":"web"}' });
  await until(
    "the handler",
    async () => (await server.frames("/stream/stream.cross.handler.active")).length,
  );
  await Bun.write(join(home.path, "folder/frames.jsonl"), "");
  const commands = [
    ["append", "", "note"],
    ["append", "", "--batch"],
    ["append", "", "note", "--chunked", "lines"],
    ["cat", ""],
    ["tac", ""],
    ["get", "", ID],
    ["next", "", ID],
    ["previous", "", ID],
    ["first", ""],
    ["last", ""],
    ["remove", "", ID],
    ["content", "", ID],
    ["cas", "", `sha256-${"A".repeat(43)}=`],
    ["cas-post", ""],
    ["kv", "get", "", "k"],
    ["kv", "put", "", "k"],
    ["kv", "delete", "", "k"],
    ["kv", "list", ""],
    ["kv", "watch", "", "k"],
    ["import", "", "folder"],
    ["import", ""],
    ["export", "", "-"],
    ["verify", ""],
    ["gc", ""],
    ["ps", ""],
    ["version", ""],
    ["eval", "", "-c", "export default (xs) => xs.kv.put('k', 'v')"],
  ];
  for (const words of commands) {
    const args = words.map((word) => word || gateway);
    const { code, stdout, stderr } = await home.xs(args, { stdin: "" });
    expect([args, code, stdout]).toEqual([args, 1, ""]);
    expect(stderr).toContain("is not the API of a store (200 OK, application/json");
  }
  // Nor a 204, or a problem with a code of ours.
  for (const answer of [
    () => new Response(null, { status: 204 }),
    () =>
      Response.json(
        { code: "not_found", detail: "there is no key" },
        { status: 404, headers: { "content-type": "application/problem+json" } },
      ),
  ]) {
    await using one = other(answer);
    const { code, stderr } = await home.xs(["kv", "delete", `:${one.port}`, "k"]);
    expect([code, stderr]).toEqual([1, expect.stringContaining("is not the API of a store")]);
  }
});

test("every answer of the API names it, at every door", async () => {
  using home = new Home();
  const [server, address, token] = await exposed(home);
  await using _server = server;
  const name = /^[0-9]+\.[0-9]+\.[0-9]+/;
  for (const [path, method] of [
    ["/", "GET"],
    ["/", "HEAD"],
    ["/note", "POST"],
    ["/kv/k", "DELETE"],
    ["/nothing/here/at/all", "GET"],
    ["/export", "GET"],
  ] as const) {
    const { headers, status } = await server.fetch(path, { method });
    expect([path, method, status, headers.get("xs-version")]).toEqual([
      path,
      method,
      status,
      expect.stringMatching(name),
    ]);
    for (const authorization of [`Bearer ${token}`, "Bearer wrong"]) {
      const there = await fetch(`http://${address}${path}`, { method, headers: { authorization } });
      await there.body?.cancel();
      expect(there.headers.get("xs-version")).toMatch(name);
    }
  }
});

test("a proxy that asks for a password is said to", async () => {
  using home = new Home();
  await using proxy = other(() => new Response("", { status: 407 }));
  const env = { http_proxy: `http://127.0.0.1:${proxy.port}` };
  const { code, stderr } = await home.xs(["last", "store.invalid:4000"], { env });
  expect(code).toBe(1);
  expect(stderr).toContain(`through the proxy ${env.http_proxy} (http_proxy)`);
  expect(stderr).toContain("the proxy wants a user and a password");
  expect(stderr).not.toContain("directory");
});
