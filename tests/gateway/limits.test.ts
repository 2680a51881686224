import { expect, setDefaultTimeout, test } from "bun:test";
import { memoryOf } from "../support/memory.ts";
import type { RawConnection } from "../support/server.ts";
import { tempDirectory } from "../support/temp.ts";
import { TEST_MS, until, within } from "../support/wait.ts";
import { type Request, Site } from "./site.ts";

setDefaultTimeout(TEST_MS);

const MIB = 1024 * 1024;

test("no answer in time is 504, and a frame says so", async () => {
  await using site = await Site.open(["--http-timeout", "100"]);
  await using responder = await site.answer(async () => {});
  const page = await site.curl("/");
  expect(page.status).toBe(504);
  const [request] = await site.frames("http.request");
  const { meta } = await responder.see("the error", ({ topic }) => topic === "http.error");
  expect(meta).toEqual({
    request_id: request?.id as string,
    status: 504,
    code: "no_answer",
    reason: "no answer came within 100 ms",
  });
});

test("a client that goes away is told of, on the stream but not in the log", async () => {
  await using site = await Site.open();
  await using responder = await site.answer(async (request, send) => {
    if (request.meta.path === "/stream") await send("x", { more: true });
  });
  for (const path of ["/silent", "/stream"]) {
    using connection = await site.connect();
    connection.send(`GET ${path} HTTP/1.1\r\nHost: x\r\n\r\n`);
    const request = await responder.see("the request", (frame) => {
      return frame.topic === "http.request" && (frame as Request).meta.path === path;
    });
    if (path === "/stream") await connection.status();
    connection.socket.destroy();
    await until("the disconnect", () => responder.gone.has(request.id));
  }
  expect(await site.frames("http.disconnect")).toEqual([]);
  // A client that got all it asked for is no such thing.
  expect(responder.gone.size).toBe(2);
});

test("whoever streams in answer to a HEAD is told that nobody listens", async () => {
  await using site = await Site.open();
  await using responder = await site.answer((_, send) => send("x", { more: true }));
  expect((await site.curl("/", "-I")).status).toBe(200);
  const [request] = await site.frames("http.request");
  await until("the disconnect", () => responder.gone.has(request?.id ?? ""));
});

test("a body that is too large is 413, whether or not its length is told, and no request", async () => {
  await using site = await Site.open(["--http-body-max", "100000"]);
  await using _responder = await site.answer((_, send) => send("ok"));
  using home = tempDirectory();
  const file = `${home.path}/body`;
  for (const [size, status] of [
    [100_000, 200],
    [100_001, 413],
    [30 * MIB, 413],
  ] as const) {
    await Bun.write(file, "x".repeat(size));
    for (const how of [[], ["-H", "Transfer-Encoding: chunked"], ["-H", "Expect:"]]) {
      const page = await site.tryCurl("/", "--data-binary", `@${file}`, ...how);
      // A client that sends on all the same may find the connection closed before it reads.
      expect([size, how, page.status]).toBeOneOf([
        [size, how, status],
        ...(size > MIB ? [[size, how, 0]] : []),
      ]);
    }
  }
  expect(await site.frames("http.request")).toHaveLength(3);
});

test("more requests at once than --http-in-flight are 503", async () => {
  await using site = await Site.open(["--http-in-flight", "3"]);
  const go = Promise.withResolvers<void>();
  await using _responder = await site.answer(async (_, send) => {
    await go.promise;
    await send("ok");
  });
  const pages = [1, 2, 3].map((n) => site.curl(`/${n}`));
  await until("three", async () => (await site.frames("http.request")).length === 3);
  const page = await site.curl("/4");
  expect([page.status, page.text]).toEqual([503, expect.stringContaining("try again later")]);
  go.resolve();
  expect((await Promise.all(pages)).map(({ status }) => status)).toEqual([200, 200, 200]);
  expect((await site.curl("/5")).status).toBe(200);
});

test("bodies that come slowly are in nobody's way, and are given up", async () => {
  await using site = await Site.open(["--http-in-flight", "3"]);
  await using _responder = await site.answer((_, send) => send("ok"));
  using connections = new DisposableStack();
  const slow: RawConnection[] = [];
  for (const head of ["Content-Length: 100000", "Transfer-Encoding: chunked"]) {
    for (let n = 0; n < 600; n++) {
      const connection = connections.use(await site.connect());
      connection.send(`POST / HTTP/1.1\r\nHost: x\r\n${head}\r\n\r\n`);
      slow.push(connection);
    }
  }
  // A byte at a time, so that no one stalls.
  const drip = setInterval(() => {
    for (const { socket } of slow) socket.write("1\r\nx\r\n");
  }, 1000);
  connections.defer(() => clearInterval(drip));
  for (let n = 0; n < 20; n++) {
    expect((await site.curl("/")).status).toBe(200);
    // Where there are as many as may be, the slowest makes room for it, once it can be told to be slow.
    await until("a body is taken", async () => (await site.curl("/", "-d", "x")).status === 200);
  }
  // One that is fast enough comes through beside them.
  const half = "x".repeat(8000);
  using steady = await site.connect();
  steady.send(`POST / HTTP/1.1\r\nHost: x\r\nContent-Length: ${60 * half.length}\r\n\r\n`);
  for (let n = 0; n < 59; n++) {
    steady.send(half);
    await Bun.sleep(400);
  }
  steady.send(half);
  expect(await steady.status()).toBe(200);
  const statuses = await Promise.all(slow.map((connection) => connection.status()));
  for (const status of statuses) expect(status).toBeOneOf([408, 503]);
  expect(statuses.filter((status) => status === 408).length).toBeGreaterThan(900);
});

test("a body that stalls is given up, one that breaks off is no request", async () => {
  await using site = await Site.open(["--http-timeout", "200"]);
  await using _responder = await site.answer((_, send) => send("ok"));
  for (const head of ["Content-Length: 10", "Transfer-Encoding: chunked"]) {
    using slow = await site.connect();
    slow.send(`POST / HTTP/1.1\r\nHost: x\r\n${head}\r\n\r\n`);
    expect(await slow.status()).toBe(408);
    await within("the end", slow.closed);
    using cut = await site.connect();
    cut.send(`POST / HTTP/1.1\r\nHost: x\r\n${head}\r\n\r\n5\r\nab`);
    cut.socket.end();
    await within("the end", cut.closed);
  }
  expect(await site.frames("http.request")).toEqual([]);
});

test("a body is 16 MiB at most where nobody says otherwise", async () => {
  await using site = await Site.open();
  await using _responder = await site.answer((_, send) => send("ok"));
  using home = tempDirectory();
  const file = `${home.path}/body`;
  for (const [size, status] of [
    [16 * MIB, 200],
    [16 * MIB + 1, 413],
  ] as const) {
    await Bun.write(file, new Uint8Array(size));
    // With "Expect" the client waits until its body is wanted.
    const page = await site.curl("/", "-T", file, "-H", "Expect: 100-continue");
    expect([size, page.status]).toEqual([size, status]);
  }
});

test("the work for a head is in proportion to its size, and refused by size first", async () => {
  await using site = await Site.open(["--http-timeout", "1"]);
  await using _responder = await site.answer(async () => {});
  const head = (query: string, header = "") =>
    `GET /?${query} HTTP/1.1\r\nHost: a\r\n${header}\r\n`;
  const take = async (bytes: string): Promise<number> => {
    using connection = await site.connect();
    const start = performance.now();
    connection.send(bytes);
    expect(await connection.status()).toBeOneOf([431, 504]);
    return performance.now() - start;
  };
  // No time of one request tells, with a busy machine; that of the plain one has its share of it.
  const plain = Math.max(20, await take(head("a".repeat(60_000))));
  for (const [name, bytes] of Object.entries({
    query: head("a&".repeat(30_000)),
    values: head("a=b&".repeat(15_000)),
    larger: head("a&".repeat(60_000)),
    cookies: head("", `Cookie: ${"a=b;".repeat(15_000)}\r\n`),
    headers: head("", "a: b\r\n".repeat(190)),
  })) {
    expect([name, (await take(bytes)) < 25 * plain]).toEqual([name, true]);
  }
});

test.skipIf(process.platform !== "linux")("a large upload takes no memory", async () => {
  await using site = await Site.open(["--http-body-max", String(192 * MIB)]);
  await using _responder = await site.answer(async (request, send) => send(`${request.hash}`));
  await site.curl("/", "-d", "warm");
  const before = memoryOf(site.server.pid);
  let most = before;
  const watch = setInterval(() => {
    most = Math.max(most, memoryOf(site.server.pid));
  }, 5);
  using home = tempDirectory();
  const file = `${home.path}/large`;
  await Bun.write(file, new Uint8Array(192 * MIB));
  const page = await site.curl("/", "-T", file);
  clearInterval(watch);
  const hash = new Bun.CryptoHasher("sha256").update(new Uint8Array(192 * MIB)).digest("base64");
  expect(page.text).toBe(`sha256-${hash}`);
  expect(most - before).toBeLessThan(100);
});

test.skipIf(process.platform !== "linux")(
  "clients that take nothing for a while cost no memory, and then get everything in order",
  async () => {
    await using site = await Site.open();
    const parts = 500;
    const stalled = 8;
    // The parts are few contents, so that it is not the store that takes the memory.
    const part = (n: number) => String(n % 7).repeat(60_000);
    await using responder = await site.answer(async (request, send) => {
      if (request.meta.path === "/quick") return send("quick");
      for (let n = 0; n < parts; n++) await send(part(n), { more: true });
      await send("end");
    });
    const before = memoryOf(site.server.pid);
    using connections = new DisposableStack();
    const slow: RawConnection[] = [];
    for (let n = 0; n < stalled; n++) {
      const connection = connections.use(await site.connect());
      connection.send("GET / HTTP/1.0\r\n\r\n");
      await connection.status();
      connection.socket.pause();
      slow.push(connection);
    }
    let most = before;
    await until("all of the answers", () => {
      most = Math.max(most, memoryOf(site.server.pid));
      const responses = responder.seen.filter(({ topic }) => topic === "http.response");
      return responses.length === stalled * (parts + 1);
    });
    // The answers are 229 MiB.
    expect(most - before).toBeLessThan(120);
    // Nobody waits for the slow ones.
    expect((await site.curl("/quick")).text).toBe("quick");
    const wanted = `${Array.from({ length: parts }, (_, n) => part(n)).join("")}end`;
    for (const connection of slow) {
      connection.socket.resume();
      await within("the end", connection.closed);
      const { received } = connection;
      expect(received.slice(received.indexOf("\r\n\r\n") + 4) === wanted).toBe(true);
    }
  },
);

test("a client that takes nothing for --http-timeout is gone", async () => {
  await using site = await Site.open(["--http-timeout", "300"]);
  await using responder = await site.answer(async (request, send) => {
    while (!responder.gone.has(request.id)) await send("x".repeat(60_000), { more: true });
  });
  using connection = await site.connect();
  connection.send("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
  await connection.status();
  connection.socket.pause();
  const [request] = await site.frames("http.request");
  await until("the disconnect", () => responder.gone.has(request?.id ?? ""));
});

test("a stop answers those who wait, and breaks off what is under way", async () => {
  await using site = await Site.open();
  await using _responder = await site.answer(async (request, send) => {
    if (request.meta.path === "/stream") await send("x\n", { more: true });
  });
  const waiting = site.curl("/wait");
  const stream = site.tryCurl("/stream", "-N");
  await until("both", async () => (await site.frames("http.request")).length === 2);
  await until("a part", async () => (await site.frames("http.response")).length === 1);
  expect(await site.server.stop("SIGTERM")).toBe(0);
  expect(await waiting).toMatchObject({ status: 503 });
  expect((await stream).code).not.toBe(0);
});
