import { expect, setDefaultTimeout, test } from "bun:test";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { Chunk } from "../../src/core/chunk.ts";
import type { Frame } from "../../src/core/frame.ts";
import { parseLines, type Server, startServer } from "../support/server.ts";
import { LineReader, TEST_MS, until } from "../support/wait.ts";
import { Home } from "./run-xs.ts";

setDefaultTimeout(TEST_MS);

const metaOf = (frame: Frame | undefined) => frame?.meta as unknown as { chunk: Chunk };

/** A web server that sends events when it is told to. */
function slowEvents() {
  let controller: ReadableStreamDefaultController<Uint8Array> | undefined;
  const server = Bun.serve({
    port: 0,
    hostname: "127.0.0.1",
    idleTimeout: 0,
    fetch: () =>
      new Response(
        new ReadableStream<Uint8Array>({
          start: (started) => {
            controller = started;
          },
        }),
        { headers: { "content-type": "text/event-stream" } },
      ),
  });
  return {
    url: server.url.href,
    isOpen: () => controller !== undefined,
    send: (text: string) => controller?.enqueue(Buffer.from(text)),
    end: () => controller?.close(),
    breakOff: () => server.stop(true),
    [Symbol.dispose]: () => void server.stop(true),
  };
}

/** curl that sends what it is given on stdin, line by line. */
function chunkedCurl(server: Server, query = "", options: string[] = []) {
  const url = `http://xs/stream/feed?chunked=lines${query}`;
  const upload = ["--unix-socket", server.unix, "-T", "-", "-X", "POST"];
  return Bun.spawn(["curl", "-sN", ...upload, ...options, url], {
    stdio: ["pipe", "ignore", "ignore"],
  });
}

test("events of a slow server come in through curl, are followed live, and are whole afterwards", async () => {
  using home = new Home();
  await using server = await startServer(home.store);
  using events = slowEvents();
  const pipe = home.shell(
    `curl -sN ${events.url} | xs append ${server.directory} feed --chunked sse`,
  );
  await until("curl to be there", () => events.isOpen());
  events.send("data: o");
  events.send("ne\n\n");
  const first = await until(
    "the first event",
    async () => (await server.frames("/?topic=feed"))[0],
  );
  await using content = home.start(["content", server.directory, first.id]);
  expect(await content.lines.take(2)).toEqual(["data: one", ""]);
  events.send(": ping\n\ndata: two\n\n");
  expect(await content.lines.take(4)).toEqual([": ping", "", "data: two", ""]);
  events.send("data: cut");
  events.end();
  expect(await content.lines.rest()).toEqual([]);
  expect(await content.exited).toBe(0);
  const { code, stdout } = await pipe;
  expect(code).toBe(0);
  const frames = parseLines(stdout);
  expect(frames).toEqual(await server.frames("/?topic=feed"));
  expect(frames.map((frame) => metaOf(frame).chunk.more)).toEqual([true, true, true, true, false]);
  expect(await home.ok(["content", server.directory, first.id])).toBe(
    "data: one\n\n: ping\n\ndata: two\n\ndata: cut",
  );
});

test("a chunked append whose answer ends too early fails, behind a proxy that ends it as if it were whole", async () => {
  using home = new Home();
  await using server = await startServer(home.store, { args: ["--expose", ":0"] });
  const address = await server.listensAt("expose");
  const XS_TOKEN = readFileSync(join(home.store, "token"), "utf8").trim();
  using proxy = earlyProxy(address);
  const args = ["append", proxy.address, "feed", "--chunked", "lines"];
  const { code, stdout, stderr } = await home.xs(args, { stdin: "one\n", env: { XS_TOKEN } });
  expect([code, parseLines(stdout).map((frame) => metaOf(frame).chunk.more)]).toEqual([1, [true]]);
  expect(stderr).toContain("before the last chunk");
});

/** A proxy that passes on one line of an answer, and then ends it in good order. */
function earlyProxy(upstream: string) {
  const server = Bun.serve({
    port: 0,
    hostname: "127.0.0.1",
    async fetch(request) {
      const headers = new Headers(request.headers);
      headers.set("host", upstream);
      const { pathname, search } = new URL(request.url);
      const answer = await fetch(`http://${upstream}${pathname}${search}`, {
        method: request.method,
        headers,
        body: await request.bytes(),
      });
      const [line = ""] = await new LineReader(answer.body).take(1);
      return new Response(`${line}\n`, { headers: answer.headers });
    },
  });
  return {
    address: `127.0.0.1:${server.port}`,
    [Symbol.dispose]: () => void server.stop(true),
  };
}

test("a client that is killed in the middle leaves an aborted last chunk", async () => {
  using home = new Home();
  await using server = await startServer(home.store);
  const child = chunkedCurl(server);
  child.stdin.write("one\ntw");
  await child.stdin.flush();
  await until("the first line", async () => (await server.frames("/?topic=feed")).length > 0);
  child.kill("SIGKILL");
  const last = await until("the last chunk", async () => {
    const frame = (await server.frames("/?topic=feed")).at(-1);
    return metaOf(frame).chunk.more ? undefined : frame;
  });
  expect(metaOf(last).chunk).toMatchObject({ index: 2, aborted: true });
  const [first] = await server.frames("/?topic=feed");
  expect(await home.ok(["content", server.directory, first?.id ?? ""])).toBe("one\ntw");
});

test("a server that is killed in the middle ends the content when it starts again", async () => {
  using home = new Home();
  const first = await (async () => {
    await using server = await startServer(home.store);
    const child = chunkedCurl(server, "&ttl=last:100", ["-H", 'xs-meta: {"from":"curl"}']);
    child.stdin.write("one\ntwo\n");
    await child.stdin.flush();
    await until("two lines", async () => (await server.frames("/?topic=feed")).length === 2);
    await server.stop("SIGKILL");
    child.kill();
    return (await home.ok(["first", home.store, "feed"])).trim();
  })();
  const { id } = JSON.parse(first) as Frame;
  const frames = parseLines(await home.ok(["cat", home.store, "--topic", "feed"]));
  expect(frames).toHaveLength(3);
  expect(frames[2]).toMatchObject({
    meta: { from: "curl", chunk: { of: id, index: 2, more: false, aborted: true } },
    ttl: "last:100",
  });
  await using server = await startServer(home.store);
  expect(await home.ok(["content", server.directory, id])).toBe("one\ntwo\n");
});

test("a batch is appended from standard input, with a server and without", async () => {
  using home = new Home();
  const lines = '{"topic":"a","content":"1"}\n{"topic":"b","meta":{"n":2}}\n';
  const direct = parseLines(await home.ok(["append", home.store, "--batch"], { stdin: lines }));
  expect(direct.map(({ topic }) => topic)).toEqual(["a", "b"]);
  const bad = await home.xs(["append", home.store, "--batch"], { stdin: `${lines}{"topic":""}\n` });
  expect([bad.code, bad.stdout]).toEqual([1, ""]);
  expect(bad.stderr).toContain("line 3");
  expect(await home.topics(home.store)).toEqual(["a", "b"]);
  const both = await home.xs(["append", home.store, "--batch", "--ttl", "last:1"], {});
  expect([both.code, both.stderr]).toEqual([2, expect.stringContaining("--ttl")]);
  await using server = await startServer(home.store);
  await home.ok(["append", server.directory, "--batch", "--idempotency-key", "k"], {
    stdin: lines,
  });
  await home.ok(["append", server.directory, "--batch", "--idempotency-key", "k"], {
    stdin: lines,
  });
  expect(await home.topics(server.directory)).toEqual(["a", "b", "a", "b"]);
});

test("an append happens only after the frame it expects, and once for a key", async () => {
  using home = new Home();
  const append = (...options: string[]) => home.xs(["append", home.store, "a", ...options]);
  const first = JSON.parse((await append("--expect-last", "none")).stdout) as Frame;
  const refused = await append("--expect-last", "none");
  expect([refused.code, refused.stderr]).toEqual([1, expect.stringContaining(first.id)]);
  expect((await append("--expect-last", "newest")).code).toBe(2);
  const keyed = await append("--expect-last", first.id, "--idempotency-key", "k");
  expect((await append("--expect-last", first.id, "--idempotency-key", "k")).stdout).toBe(
    keyed.stdout,
  );
  expect(await home.topics(home.store)).toEqual(["a", "a"]);
});

test("an ephemeral event and its content reach who is live and leave nothing on disk", async () => {
  using home = new Home();
  const secret = `passing ${crypto.randomUUID()}`;
  await using server = await startServer(home.store);
  await using cat = home.start(["cat", server.directory, "-f", "--tail"]);
  await cat.lines.take(1);
  await home.ok(["append", server.directory, "now", "--ttl", "ephemeral"], { stdin: secret });
  const frame = JSON.parse((await cat.lines.next()) ?? "") as Frame;
  expect(await home.ok(["cas", server.directory, frame.hash ?? ""])).toBe(secret);
  expect(await server.stop("SIGTERM")).toBe(0);
  for (const file of readdirSync(home.store, { recursive: true, withFileTypes: true })) {
    if (!file.isFile()) continue;
    const bytes = readFileSync(join(file.parentPath, file.name));
    expect([file.name, bytes.includes(secret), bytes.includes(frame.id)]).toEqual([
      file.name,
      false,
      false,
    ]);
  }
});

test("--ttl until: takes a date, which is local time here and UTC over HTTP", async () => {
  using home = new Home();
  await using server = await startServer(home.store);
  const ttl = async (given: string, env = {}) => {
    const args = ["append", home.store, "note", "--ttl", given];
    return (JSON.parse(await home.ok(args, { env })) as Frame).ttl;
  };
  const utc = Date.UTC(2099, 11, 24);
  expect(await ttl("until:2099-12-24", { TZ: "UTC" })).toBe(`until:${utc}`);
  expect(await ttl("until:2099-12-24", { TZ: "Asia/Tokyo" })).toBe(`until:${utc - 9 * 3_600_000}`);
  expect(await ttl("until:2099-12-24T00:00Z", { TZ: "Asia/Tokyo" })).toBe(`until:${utc}`);
  const response = await server.fetch("/stream/note?ttl=until:2099-12-24", { method: "POST" });
  expect(((await response.json()) as Frame).ttl).toBe(`until:${utc}`);
  const batch = await home.ok(["append", home.store, "--batch"], {
    stdin: `{"topic":"note","ttl":"until:2099-12-24"}\n`,
  });
  expect((JSON.parse(batch) as Frame).ttl).toBe(`until:${utc}`);
  for (const [given, said] of [
    ["until:2026-02-30", "until:2026-12-24"],
    ["until:1798070400", "milliseconds since 1970, not seconds"],
    ["until:2020-01-01", "no read would ever give the frame"],
    ["until:1577836800000", "no read would ever give the frame"],
  ] as const) {
    const { code, stderr } = await home.xs(["append", home.store, "note", "--ttl", given]);
    expect([code, stderr]).toEqual([2, expect.stringContaining(said)]);
    const refused = await server.fetch(`/stream/note?ttl=${given}`, { method: "POST" });
    expect([refused.status, await refused.text()]).toEqual([400, expect.stringContaining(said)]);
  }
  const batchOver = { method: "POST", body: '{"topic":"note","ttl":"until:2020-01-01"}\n' };
  const overAll = await server.fetch("/stream", batchOver);
  expect([overAll.status, await overAll.text()]).toEqual([400, expect.stringContaining("no read")]);
  // A retry comes later than what it repeats, and an answer is kept as long as its request.
  const retry = { method: "POST", headers: { "idempotency-key": "k" } };
  expect((await server.fetch("/stream/over?ttl=until:2020-01-01", retry)).status).toBe(200);
  const answer = await server.fetch("/stream/http.response?ttl=until:2020-01-01", {
    method: "POST",
    headers: { "xs-meta": JSON.stringify({ request_id: "03hadtdyn9s2dxl5soli9q9dz" }) },
  });
  expect(answer.status).toBe(200);
  // The export comes in elsewhere, and gives the same.
  const kept = await server.frames("/?topic=note");
  const other = `${home.path}/other`;
  await home.ok(["import", other], { stdin: await home.ok(["cat", home.store, "-T", "note"]) });
  expect(JSON.parse(`[${(await home.ok(["cat", other])).trim().replaceAll("\n", ",")}]`)).toEqual(
    kept,
  );
});
