// What many requests at once may take of the server's memory.
import { expect, setDefaultTimeout, test } from "bun:test";
import { join } from "node:path";
import { api } from "../../src/api/api.ts";
import { Access } from "../../src/core/access.ts";
import { memoryOf } from "../support/memory.ts";
import { RawConnection, startServer } from "../support/server.ts";
import { expectSound } from "../support/store.ts";
import { tempDirectory } from "../support/temp.ts";
import { TEST_MS, until } from "../support/wait.ts";
import { expectProblem, Subject } from "./with-store.ts";

setDefaultTimeout(TEST_MS);

for (const path of ["/export", "/verify"]) {
  test(`a few answers to ${path} are under way at once, another one is 503 until one has ended`, async () => {
    await using subject = new Subject();
    await subject.append("note", "hello");
    // Nobody takes what they give.
    const taken: Response[] = [];
    const asked: Response[] = [];
    for (let n = 0; n < 20; n++) {
      const response = await subject.ask(path);
      (response.ok ? taken : asked).push(response);
    }
    expect(taken.length).toBeGreaterThan(0);
    expect(taken.length).toBeLessThan(9);
    for (const response of asked) {
      expect(response.headers.get("retry-after")).toBe("1");
      await expectProblem(response, 503, "too_many_requests", "try again later");
    }
    await taken[0]?.body?.cancel();
    await taken[1]?.text();
    for (const response of taken.slice(2)) await response.text();
    await until("there is room again", async () => {
      const response = await subject.ask(path);
      await response.text();
      return response.ok;
    });
    // A HEAD takes no place, and a wrong option none either.
    for (let n = 0; n < 20; n++) {
      expect((await subject.ask(path, { method: "HEAD" })).status).toBe(200);
      expect((await subject.ask(`${path}?x`)).status).toBe(400);
    }
  });
}

test("batches that tokens never end leave room to other tokens and to the owner", async () => {
  await using subject = new Subject();
  const answer = api(subject.store);
  const body = `${JSON.stringify({ topic: "a", meta: { x: "x".repeat(60_000) } })}\n`.repeat(250);
  const over = Promise.withResolvers<void>();
  /** Sends a batch without its end. Resolves when it is read, or refused. */
  const hold = async (access: Access): Promise<Response | "held"> => {
    const read = Promise.withResolvers<"held">();
    let isSent = false;
    const stream = new ReadableStream<Uint8Array>(
      {
        async pull(controller) {
          if (!isSent) controller.enqueue(Buffer.from(body));
          else {
            read.resolve("held");
            await over.promise;
            controller.error(new Error("it broke off"));
          }
          isSent = true;
        },
      },
      { highWaterMark: 0 },
    );
    const request = new Request("http://xs/stream", { method: "POST", body: stream });
    return await Promise.race([answer(request, access), read.promise]);
  };
  const refused = async (access: Access) =>
    expectProblem((await hold(access)) as Response, 503, "too_many_requests", "bytes of other");
  const access = (name: string) =>
    new Access({ name, read: [], append: ["a"], keys: null, cors: null, all: false });
  for (const token of ["one", "two", "three"].map(access)) {
    for (let n = 0; n < 2; n++) expect(await hold(token)).toBe("held");
    await refused(token);
  }
  await refused(access("four"));
  expect((await subject.post("/stream", body)).status).toBe(200);
  over.resolve();
  const four = access("four");
  await until("there is room again", async () => {
    const request = new Request("http://xs/stream", { method: "POST", body });
    return (await answer(request, four)).ok;
  });
});

test.skipIf(process.platform !== "linux")(
  "hundreds of large bodies at once, and of exports that nobody reads, take no more memory than a few",
  async () => {
    using home = tempDirectory();
    await using server = await startServer(join(home.path, "store"));
    await server.append("note", "x".repeat(3 * 1024 * 1024));
    const meta = "m".repeat(60_000);
    const frame = { topic: "t", id: "03hadtdyn9s2dxl5soli9q9dz", hash: null, meta, ttl: "forever" };
    const line = (value: object) => Buffer.from(`${JSON.stringify(value)}\n`.repeat(50));
    const requests: Record<string, [request: string, part: Uint8Array]> = {
      batch: ["POST /stream", line({ topic: "t", meta })],
      import: ["POST /import", line(frame)],
      value: ["PUT /kv/a", Buffer.alloc(900_000, "v")],
      export: ["GET /export", new Uint8Array()],
    };
    for (const [name, [request, part]] of Object.entries(requests)) {
      const before = memoryOf(server.pid);
      await using connections = new AsyncDisposableStack();
      let most = 0;
      const size = part.length > 0 ? Math.min(part.length + 1, 1024 * 1024) : 0;
      const length = name === "value" ? size : 16_000_000;
      const head = `${request} HTTP/1.1\r\nHost: x\r\n${size > 0 ? `Content-Length: ${length}\r\n` : ""}\r\n`;
      let refused = 0;
      for (let n = 0; n < 300; n++) {
        const connection = connections.use(await RawConnection.open(server.unix));
        connection.socket.removeAllListeners("data");
        connection.socket.once("data", (bytes) => {
          if (String(bytes).startsWith("HTTP/1.1 503")) refused++;
          connection.socket.pause();
        });
        connection.send(head);
        connection.send(part);
        most = Math.max(most, memoryOf(server.pid));
      }
      await until(`some of ${name} are refused`, () => {
        most = Math.max(most, memoryOf(server.pid));
        return refused > 50;
      });
      // A part of what was sent is in memory before anybody asks for it; what is made of it is as much again.
      const bound = name === "export" ? 400 : 1100;
      expect(`${name} ${most - before < bound}`).toBe(`${name} true`);
    }
    await until("the server has let go", async () => (await server.fetch("/export")).ok);
    await until("and has room", async () => {
      return (await server.fetch("/kv/a", { method: "PUT", body: "x" })).ok;
    });
    expect(await server.stop("SIGTERM")).toBe(0);
    await expectSound(server.directory);
  },
);

test("bodies that never come take no room", async () => {
  using home = tempDirectory();
  await using server = await startServer(join(home.path, "store"));
  await using connections = new AsyncDisposableStack();
  for (let n = 0; n < 300; n++) {
    const connection = connections.use(await RawConnection.open(server.unix));
    const [request, length] = n % 2 ? ["PUT /kv/a", 1024 * 1024] : ["POST /stream", 16_000_000];
    connection.send(`${request} HTTP/1.1\r\nHost: x\r\nContent-Length: ${length}\r\n\r\n`);
  }
  const value = "v".repeat(900_000);
  expect((await server.fetch("/kv/b", { method: "PUT", body: value })).status).toBe(200);
  const batch = `${JSON.stringify({ topic: "t", content: value })}\n`.repeat(10);
  expect((await server.fetch("/stream", { method: "POST", body: batch })).status).toBe(200);
});
