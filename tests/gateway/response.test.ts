import { expect, setDefaultTimeout, test } from "bun:test";
import type { Json } from "../../src/core/json.ts";
import { LineReader, TEST_MS, until } from "../support/wait.ts";
import { appendAnswer, type Request, type Responder, Site } from "./site.ts";

setDefaultTimeout(TEST_MS);

/** Answers each path with what a table says. */
function table(site: Site, answers: Record<string, [string, object?]>): Promise<Responder> {
  return site.answer(async (request, send) => {
    const [content, answer] = answers[request.meta.path] ?? ["?"];
    await send(content, answer);
  });
}

test("status and headers are those of the response, Set-Cookie more than once", async () => {
  await using site = await Site.open();
  const headers = {
    "Set-Cookie": ["a=1; Path=/", "b=2"],
    "Content-Type": "text/html",
    "x-text": "ü→",
    "x-list": ["1", "2"],
  };
  await using _responder = await table(site, { "/": ["<p>", { status: 418, headers }] });
  const page = await site.curl("/");
  expect([page.status, page.text]).toEqual([418, "<p>"]);
  expect(page.headers).toMatchObject({
    "set-cookie": "a=1; Path=/\nb=2",
    "content-type": "text/html",
    "content-length": "3",
    "x-text": "ü→",
  });
  expect(page.headers["x-list"]?.split(/, |\n/)).toEqual(["1", "2"]);
});

test("what belongs to the connection is the gateway's own", async () => {
  await using site = await Site.open();
  const headers = {
    "content-length": "1",
    "transfer-encoding": "chunked",
    connection: "upgrade",
    upgrade: "x",
    trailer: "x",
    "keep-alive": "timeout=1",
    "Xs-Version": "0.1.0",
  };
  await using _responder = await table(site, { "/": ["hello", { headers }] });
  for (let n = 0; n < 2; n++) {
    const page = await site.curl("/");
    expect(page.text).toBe("hello");
    expect(page.headers).toMatchObject({ "content-length": "5", connection: "keep-alive" });
    for (const name of ["transfer-encoding", "upgrade", "trailer", "xs-version"]) {
      expect(Object.keys(page.headers)).not.toContain(name);
    }
  }
});

test("without a type, text is text/plain and anything else octets", async () => {
  await using site = await Site.open();
  // The sample of a long text may end amid a character.
  const long = "x→".repeat(50_000);
  await using _responder = await table(site, {
    "/text": ["hé"],
    "/long": [long],
    "/null": ["a\0b"],
    "/empty": [""],
    "/typed": ["x", { headers: { "content-type": "a/b" } }],
  });
  for (const [path, type] of [
    ["/text", "text/plain; charset=utf-8"],
    ["/long", "text/plain; charset=utf-8"],
    ["/null", "application/octet-stream"],
    ["/typed", "a/b"],
    ["/empty", undefined],
  ] as const) {
    const page = await site.curl(path);
    expect([path, page.headers["content-type"]]).toEqual([path, type as string]);
  }
  expect((await site.curl("/empty")).headers["content-length"]).toBe("0");
  expect((await site.curl("/long")).text).toBe(long);
});

test("HEAD, 204 and 304 have no body", async () => {
  await using site = await Site.open();
  await using _responder = await table(site, {
    "/": ["hello"],
    "/204": ["hello", { status: 204 }],
    "/304": ["", { status: 304, headers: { etag: '"x"' } }],
  });
  const head = await site.curl("/", "-I");
  expect([head.status, head.text, head.headers["content-length"]]).toEqual([200, "", "5"]);
  expect((await site.curl("/204")).text).toBe("");
  expect((await site.curl("/304")).headers.etag).toBe('"x"');
  // The connection is still in step.
  using connection = await site.connect();
  for (const request of ["HEAD /", "GET /204", "GET /304", "GET /"]) {
    connection.send(`${request} HTTP/1.1\r\nHost: x\r\n\r\n`);
  }
  await until("the last answer", () => connection.received.endsWith("hello"));
  expect([...connection.received.matchAll(/HTTP\/1\.1 (\d+)/g)].map(([, code]) => code)).toEqual([
    "200",
    "204",
    "304",
    "200",
  ]);
});

test("a response in parts streams, with status and headers of the first", async () => {
  await using site = await Site.open();
  const step = Promise.withResolvers<void>();
  await using _responder = await site.answer(async (_, send) => {
    await send("one\n", { status: 201, headers: { "content-type": "a/b" }, more: true });
    await step.promise;
    await send("", { more: true });
    await send("x".repeat(200_000), { status: 500, more: true });
    await send("\nend\n");
  });
  const response = await fetch(`http://${site.address}/`);
  expect([response.status, response.headers.get("content-type")]).toEqual([201, "a/b"]);
  const lines = new LineReader(response.body);
  // It is there while nothing more is.
  expect(await lines.next()).toBe("one");
  step.resolve();
  expect((await lines.rest()).map((line) => line.length)).toEqual([200_000, 3]);
});

test("server-sent events reach the client as they come, and it may leave", async () => {
  await using site = await Site.open();
  await using responder = await site.answer(async (request, send) => {
    const headers = { "content-type": "text/event-stream" };
    for (let n = 0; !responder.gone.has(request.id); n++) {
      await send(`data: ${n}\n\n`, { headers, more: true });
    }
  });
  const response = await fetch(`http://${site.address}/events`);
  expect(response.headers.get("content-type")).toBe("text/event-stream");
  const lines = new LineReader(response.body);
  expect((await lines.take(4)).join("|")).toBe("data: 0||data: 1|");
  await lines.cancel();
  const [request] = await site.frames("http.request");
  await until("the responder is told", () => responder.gone.has(request?.id ?? ""));
});

test("a stream that has not begun its body shows its head at once", async () => {
  await using site = await Site.open();
  await using _responder = await site.answer((_, send) => send("", { more: true }));
  const response = await fetch(`http://${site.address}/`);
  expect(response.status).toBe(200);
  await response.body?.cancel();
});

test("an answer to a request that is unknown, answered or gone changes nothing", async () => {
  await using site = await Site.open();
  await using responder = await site.answer((request, send) => send(request.meta.path));
  expect((await site.curl("/1")).text).toBe("/1");
  const [answered] = await site.frames("http.request");
  for (const id of [answered?.id ?? "", "0".repeat(25), "f5lxx1zz5pnorynqglhzmsp33", "nonsense"]) {
    await appendAnswer(site.server, { id, ttl: "forever" }, "stray", { status: 500 });
  }
  const stray = (meta: string) => site.server.append("http.response", "stray", { "xs-meta": meta });
  for (const meta of ["null", "1", '"x"', "[]", "{}", '{"request_id":1}']) await stray(meta);
  expect((await site.curl("/2")).text).toBe("/2");
  expect(responder.seen.filter(({ topic }) => topic === "http.error")).toEqual([]);
});

test("the first of two answers counts", async () => {
  await using site = await Site.open();
  await using _one = await site.answer((_, send) => send("one"));
  await using _two = await site.answer((_, send) => send("two"));
  for (let n = 0; n < 20; n++) {
    const { text } = await site.curl(`/${n}`);
    const [request] = (await site.server.frames("/last/http.request?last=1")) as Request[];
    const [first] = (await site.frames("http.response")).filter(
      ({ meta }) => (meta as { request_id: string }).request_id === request?.id,
    );
    expect(text).toBe(first ? await site.contentOf(first) : "an answer");
  }
});

test("a bad response is 502 that tells visitors nothing; a frame and the server's stderr have the reason", async () => {
  await using site = await Site.open();
  const bad: [meta: Json, reason: string][] = [
    [{ status: 99 }, "99"],
    [{ status: 101 }, "101"],
    [{ status: 600 }, "600"],
    [{ status: 200.5 }, "200.5"],
    [{ status: "200" }, '"200"'],
    [{ headers: [] }, "headers"],
    [{ headers: "x" }, "headers"],
    [{ headers: { "a b": "x" } }, '"a b"'],
    [{ headers: { "": "x" } }, '""'],
    [{ headers: { a: "x\r\nset-cookie: y" } }, "one line"],
    [{ headers: { a: "\u0001" } }, "one line"],
    [{ headers: { a: 1 } }, "header a"],
    [{ headers: { a: ["x", null] } }, "null"],
    [{ more: "yes" }, '"yes"'],
  ];
  await using responder = await site.answer((request, send) => {
    const [meta] = bad[Number(request.meta.path.slice(1))] ?? [];
    return send("body", meta as object);
  });
  for (const [n, [, reason]] of bad.entries()) {
    const page = await site.curl(`/${n}`);
    expect([n, page.status]).toEqual([n, 502]);
    expect(page.text).toBe(
      "502 Bad response\n\nthe answer of this site could not be sent: whoever runs it finds why with  xs last http.error\n",
    );
    const [request] = await site.server.frames("/last/http.request?last=1");
    const [response] = await site.server.frames("/last/http.response?last=1");
    const error = await responder.see("the error", ({ topic, meta }) => {
      const { request_id } = meta as { request_id: string };
      return topic === "http.error" && request_id === request?.id;
    });
    expect(error.ttl).toBe("last:1000");
    expect(error.meta).toMatchObject({
      response_id: response?.id as string,
      status: 502,
      code: "bad_response",
      reason: expect.stringContaining(reason),
    });
  }
  const json = await site.curl("/9", "-H", "accept: application/json");
  expect(Object.keys(JSON.parse(json.text))).toEqual(["title", "status", "detail", "code"]);
  expect(json.text).not.toMatch(/cookie|header|line/);
  expect(await site.server.stop("SIGTERM")).toBe(0);
  const told = (await site.server.stderr).split("\n").filter((each) => each.startsWith("xs: "));
  expect(told[0]).toBe(
    "xs: the gateway could not answer: the status 99 is not a whole number from 200 to 599",
  );
  // However many there are, they are few lines.
  expect(told.length).toBeLessThan(bad.length);
});

test("a later part that is bad breaks the answer off, so that it is not taken for whole", async () => {
  await using site = await Site.open();
  await using responder = await site.answer(async (_, send) => {
    await send("one", { more: true });
    await send("two", { more: "perhaps" as never });
  });
  const page = await site.tryCurl("/");
  expect(page.code).not.toBe(0);
  await responder.see("the error", ({ topic }) => topic === "http.error");
});

test("requests are kept as long as --http-ttl says, and so are answers made from them; of errors the newest", async () => {
  await using site = await Site.open(["--http-ttl", "last:2"]);
  await using responder = await site.answer((request, send) => {
    return send("x", request.meta.path === "/bad" ? { status: 0 } : {});
  });
  for (const path of ["/bad", "/1", "/2", "/3"]) await site.curl(path);
  for (const topic of ["http.request", "http.response"]) {
    expect((await site.frames(topic)).map(({ ttl }) => ttl)).toEqual(["last:2", "last:2"]);
  }
  const error = await responder.see("the error", ({ topic }) => topic === "http.error");
  expect(error.ttl).toBe("last:1000");
});
