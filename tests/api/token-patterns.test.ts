// Tokens whose patterns have a * inside or take topics away, over TCP.
import { expect, setDefaultTimeout, test } from "bun:test";
import { linesIn } from "../../src/core/frame.ts";
import { Exposed } from "../support/tokens.ts";
import { LineReader, TEST_MS } from "../support/wait.ts";

setDefaultTimeout(TEST_MS);

const topicsIn = (text: string) =>
  linesIn(Buffer.from(text)).map((line) => (JSON.parse(line) as { topic: string }).topic);

test("a token with !p sees nothing of p by any way, in history and live", async () => {
  await using exposed = await Exposed.start();
  const { server } = exposed;
  const token = await exposed.add(
    "t",
    "--read",
    "note.*",
    "--read",
    "*.recv",
    "--read",
    "!note.diary.*",
    "--read",
    "!note.secret",
  );
  const secret = await server.append("note.secret", "hidden");
  await server.append("note.a", "seen");
  const diary = await server.append("note.diary.mon", "hidden");
  await server.append("tcp.recv", "seen");
  await server.append("other", "hidden");
  const last = await server.append("note.secret", "hidden");
  const text = async (request: string) => {
    const response = await exposed.ask(token, request);
    return [response.status, await response.text()] as const;
  };
  const seen = ["note.a", "tcp.recv"];
  for (const path of [
    "/",
    "/?topic=*",
    "/?topic=note.*,*.recv",
    "/stream/*",
    "/?order=arrival",
    "/?last=2",
  ]) {
    const [status, body] = await text(`GET ${path}`);
    expect([path, status, ...topicsIn(body)]).toEqual([path, 200, ...seen]);
  }
  expect(topicsIn((await text("GET /?topic=*.*,!tcp.*"))[1])).toEqual(["note.a"]);
  expect(topicsIn((await text("GET /?topic=*.a"))[1])).toEqual(["note.a"]);
  expect(topicsIn((await text("GET /last"))[1])).toEqual(["tcp.recv"]);
  expect(topicsIn((await text("GET /first"))[1])).toEqual(["note.a"]);
  expect(topicsIn((await text(`GET /${secret.id}/next`))[1])).toEqual(["note.a"]);
  expect(topicsIn((await text(`GET /${last.id}/previous`))[1])).toEqual(["tcp.recv"]);
  for (const [path, outcome] of [
    ["/?topic=note.secret", "403 forbidden"],
    ["/?topic=note.a,note.secret", "403 forbidden"],
    ["/stream/note.diary.*", "403 forbidden"],
    ["/last/note.diary.mon", "403 forbidden"],
    ["/first/*.diary.*", "403 forbidden"],
    ["/?topic=stream.cross.*", "403 forbidden"],
    [`/${last.id}/previous?topic=note.secret`, "403 forbidden"],
    [`/${secret.id}`, "404 not_found"],
    [`/${diary.id}/content`, "404 not_found"],
    ["/last/note.*.*", "404 not_found"],
    ["/?topic=!note.secret", "400 bad_topic"],
  ] as const) {
    expect([path, await exposed.outcome(token, `GET ${path}`)]).toEqual([path, outcome]);
  }
  const live = new LineReader((await exposed.ask(token, "GET /?follow&tail")).body);
  expect(topicsIn(`${await live.next()}\n`)).toEqual(["stream.cross.threshold"]);
  for (const topic of ["note.secret", "note.diary.new.x", "a.b.recv", "new.recv", "note.new"]) {
    await server.append(topic);
  }
  expect(topicsIn(`${(await live.take(2)).join("\n")}\n`)).toEqual(["new.recv", "note.new"]);
  await live.cancel();
});

test("a token appends to what its patterns take, and to nothing that !p takes away", async () => {
  await using exposed = await Exposed.start();
  const token = await exposed.add("t", "--append", "*.in", "--append", "!lock.in");
  for (const [topic, outcome] of [
    ["door.in", "200"],
    ["lock.in", "403 forbidden"],
    ["a.b.in", "403 forbidden"],
    ["in", "403 forbidden"],
  ] as const) {
    const asked = await exposed.outcome(token, `POST /stream/${topic}`, { body: "x" });
    expect([topic, asked]).toEqual([topic, outcome]);
  }
  const batch = ["door.in", "lock.in"].map((topic) => JSON.stringify({ topic })).join("\n");
  expect(await exposed.outcome(token, "POST /stream", { body: batch })).toBe("403 forbidden");
  expect((await exposed.server.frames("/?topic=*.in")).length).toBe(1);
});

test("patterns that are none, and those of what may start code, make no token", async () => {
  await using exposed = await Exposed.start();
  const { home } = exposed;
  for (const [options, message] of [
    [["--read", "!note.secret"], '"*,!note.secret"'],
    [["--read", "a*"], "a * stands alone between dots"],
    [["--read", "stream.cross.*.spawn"], "add --all"],
    [["--append", "*.send"], "add --all"],
    [["--append", "a,!!b"], "more than one !"],
  ] as const) {
    const { code, stdout, stderr } = await home.xs(["token", "add", home.store, "t", ...options]);
    expect([options, code === 0, stdout, stderr]).toEqual([
      options,
      false,
      "",
      expect.stringContaining(message),
    ]);
  }
  await exposed.add("fine", "--append", "*.in,!x.send");
});
