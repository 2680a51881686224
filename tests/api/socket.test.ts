import { expect, setDefaultTimeout, test } from "bun:test";
import { existsSync, statSync } from "node:fs";
import { join } from "node:path";
import type { Frame } from "../../src/core/frame.ts";
import { HOSTS, NO_HOSTS } from "../support/hosts.ts";
import { memoryOf } from "../support/memory.ts";
import { parseLines, RawConnection, Server, startServer } from "../support/server.ts";
import { problemsOf, sqliteEngine } from "../support/store.ts";
import { tempDirectory } from "../support/temp.ts";
import { LineReader, TEST_MS, until, within } from "../support/wait.ts";
import { expectProblem, idsOf, topicOf } from "./with-store.ts";

setDefaultTimeout(TEST_MS);

const THRESHOLD = "stream.cross.threshold";
const HEAD = "Host: localhost\r\n";

/** Sends raw bytes on a connection of their own, and gives the status of the first answer. */
async function statusOf(server: Server, bytes: string): Promise<number | undefined> {
  using connection = await RawConnection.open(server.unix);
  connection.send(bytes);
  return await connection.status();
}

/** Topics of the log, without those of the runtime. */
async function topics(server: Server): Promise<string[]> {
  const frames = await server.frames();
  return frames.map(({ topic }) => topic).filter((topic) => !topic.startsWith("stream.cross."));
}

/** Stops the server in good order, and looks at all that it left behind. */
async function expectSoundStore(server: Server, wanted: string[]): Promise<void> {
  expect(await topics(server)).toEqual(wanted);
  expect(await server.stop("SIGTERM")).toBe(0);
  const store = sqliteEngine(server.directory);
  try {
    expect(await problemsOf(store)).toEqual([]);
  } finally {
    await store.close();
  }
}

test("a body that is cut off commits nothing and the server lives on", async () => {
  using home = tempDirectory();
  await using server = await startServer(join(home.path, "store"));
  const large = "x".repeat(200 * 1024);
  const cut: string[] = [];
  for (const path of ["/cut", "/stream/cut", "/append/cut", "/cas", "/import"]) {
    const post = `POST ${path} HTTP/1.1\r\n${HEAD}`;
    for (const body of ["", "hello", large]) {
      const chunk = body && `${body.length.toString(16)}\r\n${body}\r\n`;
      cut.push(`${post}Content-Length: ${body.length + 10}\r\n\r\n${body}`);
      cut.push(`${post}Transfer-Encoding: chunked\r\n\r\n${chunk}`);
      cut.push(`${post}Transfer-Encoding: chunked\r\n\r\n${chunk}ff\r\nless`);
    }
  }
  for (const bytes of cut) {
    using connection = await RawConnection.open(server.unix);
    connection.send(bytes);
    await connection.hangUp();
    expect(connection.received).not.toContain("HTTP/1.1 200");
  }
  await server.append("whole", "whole");
  await expectSoundStore(server, ["whole"]);
});

test("a Content-Length that is too short ends the content there, and the rest is no request", async () => {
  using home = tempDirectory();
  await using server = await startServer(join(home.path, "store"));
  using connection = await RawConnection.open(server.unix);
  connection.send(`POST /short HTTP/1.1\r\n${HEAD}Content-Length: 5\r\n\r\nhello, world`);
  expect(await connection.status()).toBe(200);
  await connection.hangUp();
  const [frame] = await server.frames("/stream/short");
  expect(await (await server.fetch(`/${frame?.id}/content`)).text()).toBe("hello");
  await expectSoundStore(server, ["short"]);
});

test("a request with Content-Length and Transfer-Encoding is refused", async () => {
  using home = tempDirectory();
  await using server = await startServer(join(home.path, "store"));
  const hidden = `POST /smuggled HTTP/1.1\r\n${HEAD}Content-Length: 0\r\n\r\n`;
  const body = `0\r\n\r\n${hidden}`;
  const lengths = [`Content-Length: ${body.length}\r\n`, "Content-Length: 5\r\n"];
  for (const length of lengths) {
    for (const both of [
      `${length}Transfer-Encoding: chunked\r\n`,
      `Transfer-Encoding: chunked\r\n${length}`,
    ]) {
      const status = await statusOf(server, `POST /outer HTTP/1.1\r\n${HEAD}${both}\r\n${body}`);
      expect([undefined, 400]).toContain(status);
    }
  }
  await expectSoundStore(server, []);
});

test("two different Content-Lengths, or one that is no number, are refused", async () => {
  using home = tempDirectory();
  await using server = await startServer(join(home.path, "store"));
  for (const lengths of ["5\r\nContent-Length: 3", "-1", "+5", "0x5", "5, 3", "1e1", "abc"]) {
    const bytes = `POST /odd HTTP/1.1\r\n${HEAD}Content-Length: ${lengths}\r\n\r\nhello`;
    expect([lengths, await statusOf(server, bytes)]).toBeOneOf([
      [lengths, 400],
      [lengths, undefined],
    ]);
  }
  await expectSoundStore(server, []);
});

test("a second Host header, or none, is 400", async () => {
  using home = tempDirectory();
  await using server = await startServer(join(home.path, "store"));
  const heads = ["Host: a\r\nHost: b\r\n", "Host: a\r\nHost: a\r\n", "Host: a\r\nhost: b\r\n", ""];
  for (const head of heads) {
    const status = await statusOf(server, `GET /version HTTP/1.1\r\n${head}\r\n`);
    expect([head, status]).toEqual([head, 400]);
  }
});

test("what is asked for is a path, whatever the method", async () => {
  using home = tempDirectory();
  await using server = await startServer(join(home.path, "store"));
  for (const target of ["a:80", "[::1]:80", "x", "http:", ":", "#", "@", "["]) {
    for (const version of ["1.0", "1.1"]) {
      const status = await statusOf(server, `CONNECT ${target} HTTP/${version}\r\n${HEAD}\r\n`);
      expect([target, status]).toEqual([target, 400]);
    }
  }
});

test("what is no host is 400, with HTTP/1.0 as well, which may leave it out", async () => {
  using home = tempDirectory();
  await using server = await startServer(join(home.path, "store"));
  for (const version of ["1.0", "1.1"]) {
    for (const [host, status] of [
      ...NO_HOSTS.map((text) => [text, 400] as const),
      ...HOSTS.map((text) => [` ${text}`, 200] as const),
    ]) {
      const got = await statusOf(server, `GET /version HTTP/${version}\r\nHost:${host}\r\n\r\n`);
      expect([version, host, got]).toEqual([version, host, status]);
    }
  }
  for (const target of ["/version", "/?limit=1", "http://a/version"]) {
    expect([target, await statusOf(server, `GET ${target} HTTP/1.0\r\n\r\n`)]).toEqual([
      target,
      200,
    ]);
  }
  expect(await statusOf(server, "GET //version HTTP/1.0\r\n\r\n")).toBe(404);
});

test("headers of 1 MiB are refused and the server lives on", async () => {
  using home = tempDirectory();
  await using server = await startServer(join(home.path, "store"));
  const huge = "x".repeat(1024 * 1024);
  for (const head of [
    `POST /huge HTTP/1.1\r\n${HEAD}xs-meta: "${huge}"\r\n\r\n`,
    `POST /huge HTTP/1.1\r\n${HEAD}${"a: b\r\n".repeat(180_000)}\r\n`,
    `POST /${huge} HTTP/1.1\r\n${HEAD}\r\n`,
  ]) {
    expect([undefined, 400, 413, 414, 431]).toContain(await statusOf(server, head));
  }
  await expectSoundStore(server, []);
});

test("meta of 64 KiB goes through a header, also as base64", async () => {
  using home = tempDirectory();
  await using server = await startServer(join(home.path, "store"));
  const meta = "m".repeat(65534);
  for (const encoding of ["latin1", "base64"] as const) {
    const header = Buffer.from(JSON.stringify(meta)).toString(encoding);
    expect((await server.append("note", "", { "xs-meta": header })).meta).toBe(meta);
  }
});

test("what is no HTTP request is refused and the server lives on", async () => {
  using home = tempDirectory();
  await using server = await startServer(join(home.path, "store"));
  for (const bytes of [
    "garbage\r\n\r\n",
    "\x00\x01\x02\x03\xff\xfe\r\n\r\n",
    `GET\r\n${HEAD}\r\n`,
    `GET / HTTP/9.9\r\n${HEAD}\r\n`,
    `GET / HTTP/1.1\r\nno colon here\r\n\r\n`,
    "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",
  ]) {
    const status = await statusOf(server, bytes);
    expect([bytes, status === undefined || status >= 400]).toEqual([bytes, true]);
  }
  await expectSoundStore(server, []);
});

test("meta that is not UTF-8 is refused", async () => {
  using home = tempDirectory();
  await using server = await startServer(join(home.path, "store"));
  for (const meta of ['"\xff\xfe"', '"\xc3"', "\x80"]) {
    const head = `${HEAD}xs-meta: ${meta}\r\nContent-Length: 1\r\n\r\nx`;
    expect(await statusOf(server, `POST /note HTTP/1.1\r\n${head}`)).toBe(400);
  }
  await expectSoundStore(server, []);
});

test("meta in UTF-8 comes through a header unharmed", async () => {
  using home = tempDirectory();
  await using server = await startServer(join(home.path, "store"));
  const meta = Buffer.from('{"ü":"→ 🐚"}').toString("latin1");
  const head = `${HEAD}xs-meta: ${meta}\r\nContent-Length: 1\r\n\r\nx`;
  expect(await statusOf(server, `POST /note HTTP/1.1\r\n${head}`)).toBe(200);
  expect((await server.frames("/stream/note"))[0]?.meta).toEqual({ ü: "→ 🐚" });
});

test("an unknown method is refused and does nothing", async () => {
  using home = tempDirectory();
  await using server = await startServer(join(home.path, "store"));
  for (const method of ["BREW", "get", "PROPFIND", "CONNECT", "TRACE", "OPTIONS", "PATCH"]) {
    for (const path of ["/", "/stream/note"]) {
      const head = `${method} ${path} HTTP/1.1\r\n${HEAD}Content-Length: 1\r\n\r\nx`;
      const status = (await statusOf(server, head)) ?? 400;
      expect([method, path, status]).toBeOneOf([400, 405, 501].map((s) => [method, path, s]));
    }
  }
  await expectSoundStore(server, []);
});

test("a HEAD answer has the length of the content and no body", async () => {
  using home = tempDirectory();
  await using server = await startServer(join(home.path, "store"));
  const { id } = await server.append("note", "hello");
  for (const [path, head] of [
    [`/${id}/content`, "Content-Length: 5"],
    [`/${"0".repeat(25)}`, "404"],
    ["/?follow", "200"],
  ]) {
    using connection = await RawConnection.open(server.unix);
    connection.send(`HEAD ${path} HTTP/1.1\r\n${HEAD}Connection: close\r\n\r\n`);
    await connection.status();
    await connection.hangUp();
    const [headers = "", body] = connection.received.split("\r\n\r\n");
    expect(headers.toLowerCase()).toContain((head ?? "").toLowerCase());
    expect(body).toBe("");
  }
});

test("a HEAD answer never tells another length than that of GET", async () => {
  using home = tempDirectory();
  await using server = await startServer(join(home.path, "store"));
  const { id, hash } = await server.append("note", "content");
  await server.fetch("/kv/a", { method: "PUT", body: "value" });
  await server.fetch("/kv/none", { method: "PUT", body: "" });
  const paths = ["/", "/?follow", `/${id}`, "/version", "/kv/a?follow", "/export", "/last?last=1"];
  const known = [`/${id}/content`, `/cas/${hash}`, "/kv/a", "/kv/none"];
  for (const path of [...paths, ...known, "/kv/unknown", "/?lmit=1"]) {
    using connection = await RawConnection.open(server.unix);
    const lengths: (string | undefined)[] = [];
    const get = await server.fetch(path);
    await get.body?.cancel();
    connection.send(`HEAD ${path} HTTP/1.1\r\n${HEAD}\r\n`);
    expect([path, await connection.status()]).toEqual([path, get.status]);
    const { received } = connection;
    lengths.push(/^content-length: *(\d+)/im.exec(received)?.[1]);
    const length = get.headers.get("content-length") ?? undefined;
    if (known.includes(path)) expect([path, ...lengths]).toEqual([path, length]);
    else expect([undefined, length]).toContain(lengths[0]);
    // Nothing comes after the head, and the next request is answered.
    connection.send(`HEAD /version HTTP/1.1\r\n${HEAD}\r\n`);
    await until("a second head", () => connection.received.split("HTTP/1.1 ").length === 3);
    expect(connection.received).toStartWith(`${received}HTTP/1.1 200`);
  }
});

test("requests sent ahead on one connection are carried out in order, those answered all kept", async () => {
  using home = tempDirectory();
  await using server = await startServer(join(home.path, "store"));
  using connection = await RawConnection.open(server.unix);
  const post = (n: number) => `POST /n HTTP/1.1\r\n${HEAD}Content-Length: 1\r\n\r\n${n}`;
  connection.send([1, 2, 3].map(post).join(""));
  await connection.status();
  await connection.hangUp();
  const answered = [...connection.received.matchAll(/"id":"(\w{25})"/g)].map(([, id = ""]) => id);
  const frames = await server.frames("/stream/n");
  expect(idsOf(frames).slice(0, answered.length)).toEqual(answered);
  const contents = frames.map(async ({ id }) => (await server.fetch(`/${id}/content`)).text());
  expect(await Promise.all(contents)).toEqual(["1", "2", "3"].slice(0, frames.length));
});

test.skipIf(process.platform !== "linux")(
  "followers that stall cost the server no memory, and then get every frame in order",
  async () => {
    using home = tempDirectory();
    await using server = await startServer(join(home.path, "store"));
    const stalled = 12;
    const total = 1536;
    // 48 MiB for each of the followers: if they were kept in memory, 576 MiB.
    const meta = JSON.stringify("m".repeat(32 * 1024));
    const bound = memoryOf(server.pid) + 200;
    await using followers = new AsyncDisposableStack();
    const connections: RawConnection[] = [];
    for (let n = 0; n < stalled; n++) {
      const connection = followers.use(await RawConnection.open(server.unix));
      connection.send(`GET /?follow&topic=big HTTP/1.1\r\n${HEAD}\r\n`);
      expect(await connection.status()).toBe(200);
      await until("the threshold", () => connection.received.includes(THRESHOLD));
      connection.socket.pause();
      connections.push(connection);
    }
    let most = 0;
    let left = total;
    const writer = async () => {
      while (left-- > 0) {
        await server.append("big", "", { "xs-meta": meta });
        most = Math.max(most, memoryOf(server.pid));
      }
    };
    await Promise.all(Array.from({ length: 16 }, writer));
    expect(most).toBeLessThan(bound);
    const wanted = idsOf(await server.frames("/?topic=big"));
    expect(wanted).toHaveLength(total);
    for (const connection of connections) {
      const lines = new LineReader(connection.body());
      connection.socket.resume();
      const seen = (await lines.take(total + 1)).map((line) => line.slice(0, 100));
      expect(seen[0]).toContain(THRESHOLD);
      expect(seen.slice(1).map((line) => /"id":"(\w{25})"/.exec(line)?.[1] ?? line)).toEqual(
        wanted,
      );
      most = Math.max(most, memoryOf(server.pid));
      connection[Symbol.dispose]();
    }
    expect(most).toBeLessThan(bound);
  },
);

test("followers that join anywhere amid 64 writers see every later frame once and in order", async () => {
  using home = tempDirectory();
  await using server = await startServer(join(home.path, "store"));
  const writers = 64;
  const each = 30;
  const known: string[] = [(await server.append("note", "first")).id];
  const followers: Promise<{ after: string; lines: string[] }>[] = [];
  const last = Promise.withResolvers<string>();
  const follow = async () => {
    const after = known[Math.floor(Math.random() * known.length)] ?? "";
    const response = await server.fetch(`/?follow&after=${after}`);
    const reader = new LineReader(response.body);
    const end = last.promise;
    const lines = await reader.through((line) => topicOf(line) === "end");
    await end;
    await reader.cancel();
    return { after, lines };
  };
  const total = writers * each;
  const write = async (writer: number) => {
    for (let n = 0; n < each; n++) {
      known.push((await server.append("note", `${writer}/${n}`)).id);
      if (known.length % Math.floor(total / 20) === 0) followers.push(follow());
    }
  };
  await Promise.all(Array.from({ length: writers }, (_, writer) => write(writer)));
  last.resolve((await server.append("end")).id);
  const log = idsOf(await server.frames());
  expect(log).toHaveLength(total + 3);
  expect(log).toEqual([...new Set(log)].sort());
  expect(followers.length).toBeGreaterThanOrEqual(20);
  for (const { after, lines } of await Promise.all(followers)) {
    const frames = lines.map((line) => JSON.parse(line) as Frame);
    const synthetic = frames.filter(({ topic }) => topic === THRESHOLD);
    expect(synthetic).toHaveLength(1);
    expect(idsOf(frames)).toEqual(idsOf(frames).sort());
    expect(idsOf(frames.filter(({ topic }) => topic !== THRESHOLD))).toEqual(
      log.filter((id) => id > after),
    );
  }
});

test("a follower that goes away does not disturb the others", async () => {
  using home = tempDirectory();
  await using server = await startServer(join(home.path, "store"));
  const stays = new LineReader((await server.fetch("/?follow&tail")).body);
  for (let n = 0; n < 20; n++) {
    using connection = await RawConnection.open(server.unix);
    connection.send(`GET /?follow HTTP/1.1\r\n${HEAD}\r\n`);
    await connection.status();
  }
  const sent = [];
  for (let n = 0; n < 5; n++) sent.push(JSON.stringify(await server.append("note", String(n))));
  expect((await stays.take(6)).slice(1)).toEqual(sent);
  await stays.cancel();
});

test("the store is for its owner alone: directory 0700, socket 0600", async () => {
  using home = tempDirectory();
  await using server = await startServer(join(home.path, "store"));
  expect((statSync(server.directory).mode & 0o777).toString(8)).toBe("700");
  expect((statSync(server.unix).mode & 0o777).toString(8)).toBe("600");
});

test("a stale socket is removed at the start", async () => {
  using home = tempDirectory();
  const directory = join(home.path, "store");
  await using killed = await startServer(directory);
  await killed.append("note", "kept");
  await killed.stop("SIGKILL");
  expect(existsSync(killed.unix)).toBe(true);
  await using server = await startServer(directory);
  expect(await topics(server)).toEqual(["note"]);
});

test("a socket on which somebody else answers is not removed", async () => {
  using home = tempDirectory();
  const directory = join(home.path, "store");
  await sqliteEngine(directory).close();
  const foreign = Bun.serve({ unix: join(directory, "sock"), fetch: () => new Response("mine") });
  try {
    await using server = new Server(directory);
    expect(await within("the refusal", server.exited)).toBe(1);
    expect(await server.stderr).toContain(join(directory, "sock"));
    expect(await (await server.fetch("/")).text()).toBe("mine");
  } finally {
    await foreign.stop(true);
  }
});

test("problems over the socket are problem documents as well", async () => {
  using home = tempDirectory();
  await using server = await startServer(join(home.path, "store"));
  await expectProblem(await server.fetch("/?lmit=1"), 400, "bad_option", "lmit");
  await expectProblem(await server.fetch(`/${"0".repeat(25)}`), 404, "not_found");
  const put = await server.fetch("/version", { method: "PUT" });
  expect(put.headers.get("allow")).toBe("GET, HEAD");
  await expectProblem(put, 405, "method_not_allowed");
});

test("the start is on the log before anything that the API was asked for", async () => {
  using home = tempDirectory();
  await using server = await startServer(join(home.path, "store"));
  await server.append("note");
  const [start] = parseLines(await (await server.fetch("/")).text());
  const version = (await (await server.fetch("/version")).json()) as { version: string };
  expect(start?.topic).toBe("stream.cross.start");
  expect(start?.meta).toEqual({ ...version, pid: server.pid });
});
