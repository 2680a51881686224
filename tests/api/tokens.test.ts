// The life of a token: made, used, listed, removed or expired; with a server and without.
import { expect, setDefaultTimeout, test } from "bun:test";
import { createHash } from "node:crypto";
import { appendFileSync, existsSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Home } from "../cli/run-xs.ts";
import { RawConnection, startServer } from "../support/server.ts";
import { Exposed } from "../support/tokens.ts";
import { LineReader, TEST_MS, until, within } from "../support/wait.ts";

setDefaultTimeout(TEST_MS);

interface Listed {
  name: string;
  last_use: string | null;
  days_left: number | null;
  expires: string | null;
}

const listIn = async (home: Home): Promise<Listed[]> =>
  (await home.ok(["token", "list", home.store]))
    .split("\n")
    .filter(Boolean)
    .map((line) => JSON.parse(line) as Listed);

test("a token is printed alone and once, kept as a hash in a file for the owner alone, and no export has it", async () => {
  using home = new Home();
  const { code, stdout } = await home.xs(["token", "add", home.store, "phone", "--read", "note.*"]);
  expect([code, stdout]).toEqual([0, expect.stringMatching(/^xs_[A-Za-z0-9_-]{43}\n$/)]);
  const token = stdout.trim();
  const path = join(home.store, "tokens");
  expect((statSync(path).mode & 0o777).toString(8)).toBe("600");
  expect(existsSync(`${path}-next`)).toBe(false);
  const text = readFileSync(path, "utf8");
  expect(text).not.toContain(token.slice(3));
  expect(text).toContain(createHash("sha256").update(token).digest("hex"));
  expect(await listIn(home)).toEqual([
    {
      name: "phone",
      read: ["note.*"],
      append: [],
      keys: null,
      cors: null,
      all: false,
      created: expect.stringMatching(/^\d{4}-.*Z$/),
      expires: null,
      last_use: null,
      days_left: null,
    } as Listed,
  ]);
  const hash = createHash("sha256").update(token).digest("hex");
  expect(await home.ok(["token", "list", home.store])).not.toContain(hash);
  await home.ok(["append", home.store, "note.a", "x"]);
  await home.ok(["export", home.store, "backup.tar"]);
  const tar = readFileSync(join(home.path, "backup.tar"), "latin1");
  expect(tar).not.toContain(hash);
  expect(tar).not.toContain("phone");
});

test("tokens that were made without a server let in with one, and the other way round", async () => {
  using home = new Home();
  const one = (await home.ok(["token", "add", home.store, "one", "--read", "*"])).trim();
  const server = await startServer(home.store, { args: ["--expose", ":0"] });
  await using _server = server;
  const address = await server.listensAt("expose");
  const two = (
    await home.ok(["token", "add", home.store, "two", "--append", "inbox.*", "--days", "7"])
  ).trim();
  await home.ok(["append", address, "inbox.a", "hi"], { env: { XS_TOKEN: two } });
  expect(
    await home.ok(["cat", address, "--topic", "inbox.*"], { env: { XS_TOKEN: one } }),
  ).toContain('"by":"two"');
  expect(await home.ok(["last", `user:${one}@${address}`, "inbox.a"])).toContain("inbox.a");
  expect((await listIn(home)).map(({ name }) => name)).toEqual(["one", "two"]);
  const [used, expiring] = await listIn(home);
  expect(Date.parse(used?.last_use ?? "")).toBeGreaterThan(Date.now() - TEST_MS);
  expect(expiring?.days_left).toBe(7);
  await server.stop("SIGTERM");
  // The last use outlasts an orderly stop.
  expect((await listIn(home)).map(({ last_use: at }) => at)).toEqual([
    used?.last_use as string,
    expiring?.last_use as string,
  ]);
  await home.ok(["token", "rm", home.store, "one"]);
  expect((await listIn(home)).map(({ name }) => name)).toEqual(["two"]);
});

test("the owner's token makes tokens over TCP, and no other token does", async () => {
  await using it = await Exposed.start();
  const env = { XS_TOKEN: it.owner };
  const all = ["--read", "*", "--append", "*", "--keys", "", "--all"];
  const made = (await it.home.ok(["token", "add", it.address, "all", ...all], { env })).trim();
  const refused = await it.home.xs(["token", "add", it.address, "more", "--read", "*"], {
    env: { XS_TOKEN: made },
  });
  expect([refused.code, refused.stdout]).toEqual([1, ""]);
  expect(refused.stderr).toContain('the token "all" is not for POST /-/tokens');
  expect(await it.home.ok(["token", "list", it.address], { env })).toContain('"name":"all"');
  await it.home.ok(["token", "rm", it.address, "all"], { env });
  expect(await it.outcome(made, "GET /version")).toBe("401 unauthorized");
});

test("a removed token is refused at once, and what follows with it ends, also what it sends", async () => {
  await using it = await Exposed.start();
  const token = await it.add("phone", "--read", "note.*", "--append", "note.*", "--keys", "p/");
  const other = await it.add("other", "--read", "note.*");
  await it.server.append("note.a", "x");
  const readers: LineReader[] = [];
  for (const path of [
    "/?follow",
    "/?follow=50",
    "/last?follow",
    "/stream/note.*?follow",
    "/kv?follow",
    "/kv/p/a?follow",
  ]) {
    const reader = new LineReader((await it.ask(token, `GET ${path}`)).body);
    await reader.take(1);
    readers.push(reader);
  }
  const stays = new LineReader((await it.ask(other, "GET /?follow")).body);
  await stays.take(2);
  // A chunked append, as a device sends it.
  using upload = await RawConnection.open(it.address);
  upload.send(
    `POST /note.log?chunked=lines HTTP/1.1\r\nHost: ${it.address}\r\nAuthorization: Bearer ${token}\r\nTransfer-Encoding: chunked\r\n\r\n4\r\none\n\r\n`,
  );
  await until("the first line is stored", () => upload.received.includes("note.log"));
  const before = (await it.server.frames("/stream/note.log")).length;
  // An append whose body has not come yet.
  using slow = await RawConnection.open(it.address);
  slow.send(
    `POST /note.slow HTTP/1.1\r\nHost: ${it.address}\r\nAuthorization: Bearer ${token}\r\nContent-Length: 10\r\n\r\n01234`,
  );
  await until(
    "both requests are there",
    async () => (await it.outcome(token, "GET /health")) === "200",
  );
  await it.home.ok(["token", "rm", it.home.store, "phone"]);
  for (const reader of readers) {
    for (const line of await reader.rest()) expect(line).toMatch(/threshold|pulse|note\.(a|log)/);
  }
  const response = await it.ask(token, "GET /");
  expect(response.status).toBe(401);
  expect(await response.text()).toContain("ask for a new one");
  upload.send("4\r\ntwo\n\r\n");
  slow.send("56789");
  expect(await slow.status()).toBe(401);
  await within("the upload to be cut off", upload.closed);
  // What came is there, and ends as content that was cut off.
  const uploaded = await until("the content ends", async () => {
    const frames = await it.server.frames("/stream/note.log");
    return frames.length > before && frames;
  });
  const chunk = { of: uploaded[0]?.id, index: 1, more: false, aborted: true };
  expect(uploaded.slice(before).map(({ meta }) => meta)).toEqual([{ chunk, by: "phone" }] as never);
  const content = await it.server.fetch(`/${uploaded[0]?.id}/content`);
  expect(await content.text()).toBe("one\n");
  expect(await it.server.frames("/stream/note.slow")).toEqual([]);
  await it.server.append("note.b", "y");
  await stays.through((line) => line.includes("note.b"));
  await stays.cancel();
});

test("a command that follows says that its token is gone", async () => {
  await using it = await Exposed.start();
  for (const [name, ...options] of [["one"], ["two", "--reconnect"]] as const) {
    const token = await it.add(name, "--read", "*");
    const env = { XS_TOKEN: token };
    const ended = it.home.xs(["cat", it.address, "--follow", ...options], { env });
    await until("it follows", async () => {
      const metrics = await (await it.server.fetch("/metrics")).text();
      return /^xs_followers 2$/m.test(metrics);
    });
    await it.home.ok(["token", "rm", it.home.store, name]);
    const { code, stderr } = await ended;
    expect([name, code, stderr]).toEqual([name, 1, expect.stringContaining("ask for a new one")]);
  }
});

test("an expired token is refused, and says so; what follows with it ends when it expires", async () => {
  await using it = await Exposed.start();
  const token = await it.add("brief", "--read", "*", "--days", "1");
  const path = join(it.home.store, "tokens");
  const expireAt = (ms: number) => {
    const row = JSON.parse(readFileSync(path, "utf8")) as object;
    writeFileSync(path, `${JSON.stringify({ ...row, expires: ms })}\n`);
  };
  // A change by hand counts at once.
  expireAt(Date.now() + 5000);
  const follower = new LineReader((await it.ask(token, "GET /?follow")).body);
  await follower.rest();
  const response = await it.ask(token, "GET /");
  expect(response.status).toBe(401);
  expect(response.headers.get("www-authenticate")).toContain("invalid_token");
  expect(await response.text()).toContain("expired: ask for a new one");
  expect((await listIn(it.home))[0]).toMatchObject({ name: "brief", days_left: 0 });
  for (const args of [
    ["cat", it.address],
    ["cat", `user:${token}@${it.address}`],
  ]) {
    const { code, stderr } = await it.home.xs(args, { env: { XS_TOKEN: token } });
    expect([code, stderr]).toEqual([1, expect.stringContaining("expired: ask for a new one")]);
  }
});

test("a file of tokens that is damaged lets nobody in but the owner, and is named; a missing one is none", async () => {
  await using it = await Exposed.start();
  const token = await it.add("phone", "--read", "*");
  const path = join(it.home.store, "tokens");
  const whole = readFileSync(path, "utf8");
  for (const damage of ["{", "[]", '{"name":"x","read":["*"]}', whole.slice(0, 40)]) {
    writeFileSync(path, damage);
    expect(await it.outcome(token, "GET /version")).toBe("401 unauthorized");
    expect(await it.outcome(it.owner, "GET /version")).toBe("200");
    for (const args of [["list"], ["add", "b", "--read", "*"], ["rm", "phone"]]) {
      const [verb = "", ...rest] = args;
      const { code, stderr } = await it.home.xs(["token", verb, it.home.store, ...rest]);
      expect([damage, verb, code, stderr]).toEqual([
        damage,
        verb,
        1,
        expect.stringContaining(path),
      ]);
    }
    expect(readFileSync(path, "utf8")).toBe(damage);
  }
  writeFileSync(path, whole);
  expect(await it.outcome(token, "GET /version")).toBe("200");
  await Bun.file(path).delete();
  expect(await it.outcome(token, "GET /version")).toBe("401 unauthorized");
  expect(await listIn(it.home)).toEqual([]);
});

test("a server says at its start, and when it happens, that the file of tokens is damaged", async () => {
  using home = new Home();
  await home.ok(["token", "add", home.store, "phone", "--read", "*"]);
  const path = join(home.store, "tokens");
  const whole = readFileSync(path, "utf8");
  writeFileSync(path, "{");
  await using server = await startServer(home.store, { args: ["--expose", ":0"] });
  const address = await server.listensAt("expose");
  const ask = async (token: string) =>
    (await fetch(`http://${address}/version`, { headers: { authorization: `Bearer ${token}` } }))
      .status;
  for (let n = 0; n < 3; n++) expect(await ask("xs_x")).toBe(401);
  writeFileSync(path, whole);
  expect(await ask("xs_x")).toBe(401);
  writeFileSync(path, `${whole}[]\n`);
  for (let n = 0; n < 3; n++) expect(await ask("xs_x")).toBe(401);
  await server.stop("SIGTERM");
  const told = (await server.stderr).split("\n").filter((line) => line.includes(path));
  expect(told).toHaveLength(2);
  expect(told[0]).toContain(
    `no token is taken but that of the owner: ${path} cannot be read (line 1: `,
  );
  expect(told[0]).toContain("restore a copy, or remove it and make new tokens");
  expect(told[1]).toContain("(line 2: ");
});

test("what is no token is refused with the reason, by the command and over HTTP", async () => {
  await using it = await Exposed.start();
  const long = "x".repeat(300);
  for (const [told, ...args] of [
    ["NAME is missing"],
    ["may do nothing", "a"],
    ["may do nothing", "a", "--all"],
    ["1 to 64 letters", "a b", "--read", "*"],
    ["1 to 64 letters", "-", "--read", "*"],
    ["1 to 64 letters", "..", "--read", "*"],
    ["1 to 64 letters", long, "--read", "*"],
    ["'..'", "a", "--read", "a..b"],
    ["is empty", "a", "--read", ""],
    ["longer than 255", "a", "--append", long],
    ["at most 100", "a", "--read", Array.from({ length: 101 }, (_, n) => `t${n}`).join(",")],
    ["--all", "a", "--read", "stream.cross.*"],
    ["--all", "a", "--append", "stream.cross.handler.spawn"],
    ["--all", "a", "--append", "chat.send"],
    ["every key", "a", "--keys", ""],
    ["longer than 512", "a", "--keys", "k".repeat(513)],
    ["belong to the runtime", "a", "--keys", "stream.cross.x"],
    ["is no origin", "a", "--read", "*", "--cors", "*"],
    ["is no origin", "a", "--read", "*", "--cors", "null"],
    ["is no origin", "a", "--read", "*", "--cors", "app.example"],
    ["is no origin", "a", "--read", "*", "--cors", "https://app.example/page"],
    ["is no origin", "a", "--read", "*", "--cors", "https://*.example"],
    ["is no origin", "a", "--read", "*", "--cors", `https://${long}`],
    ["1 to 36500", "a", "--read", "*", "--days", "0"],
    ["1 to 36500", "a", "--read", "*", "--days", "1.5"],
    ["1 to 36500", "a", "--read", "*", "--days", "soon"],
    ["1 to 36500", "a", "--read", "*", "--days", "99999"],
  ] as const) {
    const { code, stdout, stderr } = await it.home.xs(["token", "add", it.home.store, ...args]);
    expect([args, code, stdout]).toEqual([args, 2, ""]);
    expect([args, stderr]).toEqual([args, expect.stringContaining(told)]);
  }
  for (const body of [
    ...["", "[]", "null", "{", '{"name":1,"read":["*"]}', '{"name":"a","read":[1]}'],
    ...['{"name":"a","read":["*"],"more":1}', '{"name":"a","read":["*"],"days":"7"}'],
    ...[
      '{"name":"a","read":["*"],"all":1}',
      '{"name":"a","keys":1}',
      '{"name":"a","keys":"k","cors":1}',
    ],
  ]) {
    expect([body, await it.outcome(it.owner, "POST /-/tokens", { body })]).toEqual([
      body,
      "400 bad_token",
    ]);
  }
  const large = { body: JSON.stringify({ name: "a", read: ["*"], keys: "k".repeat(70_000) }) };
  expect(await it.outcome(it.owner, "POST /-/tokens", large)).toBe("413 body_too_large");
  expect(await listIn(it.home)).toEqual([]);
  await it.add("a", "--read", "*");
  const again = await it.home.xs(["token", "add", it.home.store, "a", "--read", "*"]);
  expect([again.code, again.stdout, again.stderr]).toEqual([
    1,
    "",
    expect.stringContaining("xs token rm a"),
  ]);
  const none = await it.home.xs(["token", "rm", it.home.store, "b"]);
  expect([none.code, none.stderr]).toEqual([1, expect.stringContaining('no token "b"')]);
  expect(await it.outcome(it.owner, "DELETE /-/tokens/b")).toBe("404 not_found");
});

test("a store has at most 1,000 tokens", async () => {
  await using it = await Exposed.start();
  const path = join(it.home.store, "tokens");
  await it.add("first", "--read", "*");
  const row = JSON.parse(readFileSync(path, "utf8")) as object;
  const rows = Array.from(
    { length: 999 },
    (_, n) =>
      `${JSON.stringify({ ...row, name: `t${n}`, hash: createHash("sha256").update(`${n}`).digest("hex") })}\n`,
  );
  appendFileSync(path, rows.join(""));
  expect((await listIn(it.home)).length).toBe(1000);
  const { code, stderr } = await it.home.xs(["token", "add", it.home.store, "more", "--read", "*"]);
  expect([code, stderr]).toEqual([1, expect.stringContaining("at most 1000 tokens")]);
  await it.home.ok(["token", "rm", it.home.store, "t5"]);
  await it.add("more", "--read", "*");
});

test("tokens that are made at the same time are all there", async () => {
  await using it = await Exposed.start();
  const names = Array.from({ length: 20 }, (_, n) => `t${n}`);
  const made = await Promise.all(
    names.map(async (name) => {
      const body = JSON.stringify({ name, read: ["*"] });
      const response = await it.ask(it.owner, "POST /-/tokens", { body });
      return ((await response.json()) as { token: string }).token;
    }),
  );
  for (const token of made) expect(await it.outcome(token, "GET /version")).toBe("200");
  expect((await listIn(it.home)).map(({ name }) => name)).toEqual([...names].sort());
});

test("a token starts code only if it was made with --all, and then the spawn runs", async () => {
  await using it = await Exposed.start();
  const body = "export default { topics: ['ping'], run: (frame, xs) => xs.append('pong') }";
  const spawn = { body, headers: { "xs-meta": '{"topic":"echo"}' } };
  const some = await it.add("some", "--append", "*", "--read", "*");
  expect(await it.outcome(some, "POST /stream.cross.handler.spawn", spawn)).toBe("403 forbidden");
  const all = await it.add("all", "--append", "*", "--all");
  expect(await it.outcome(all, "POST /stream.cross.handler.spawn", spawn)).toBe("200");
  const answer = await until("the runtime answers", async () => {
    const frames = await it.server.frames("/stream/stream.cross.handler.*");
    return frames.find(({ topic }) => /active|invalid/.test(topic));
  });
  expect(answer.topic).toBe("stream.cross.handler.active");
});
