import { expect, test } from "bun:test";
import { version } from "../../src/version.ts";
import { expectProblem, Subject } from "./with-store.ts";

test("version and health answer", async () => {
  await using subject = new Subject();
  expect(await (await subject.ask("/version")).json()).toEqual({ version });
  expect((await subject.ask("/health")).status).toBe(200);
});

test("HEAD works wherever GET does, with the same headers and no body", async () => {
  await using subject = new Subject();
  const { id, hash } = await subject.append("note", "content");
  await subject.append("note", "more");
  const paths = [
    "/",
    "/?limit=1",
    "/stream/note",
    `/${id}`,
    `/${id}/next`,
    `/${id}/content`,
    "/first",
    "/first/note?limit=2",
    "/last",
    "/last/note",
    `/cas/${hash}`,
    "/version",
    "/health",
    `/${"0".repeat(25)}`,
    "/?limit=x",
  ];
  for (const path of paths) {
    const get = await subject.ask(path);
    const head = await subject.ask(path, { method: "HEAD" });
    const told = ({ status, headers }: Response) => [path, status, [...headers].sort()];
    expect(told(head)).toEqual(told(get));
    await get.body?.cancel();
  }
});

test("HEAD of a following read ends", async () => {
  await using subject = new Subject();
  for (const path of ["/?follow", "/last?follow"]) {
    const response = await subject.ask(path, { method: "HEAD" });
    expect([response.status, await response.text()]).toEqual([200, ""]);
  }
});

test("Allow names what can succeed, for a wrong method and for OPTIONS", async () => {
  await using subject = new Subject();
  const { id, hash } = await subject.append("note", "content");
  // An id as well as a topic.
  const both = "a".repeat(25);
  const read = ["GET", "HEAD"];
  const cases: [method: string, path: string, allow: string[]][] = [
    ["POST", "/", read],
    ["PUT", "/stream/note", ["DELETE", ...read, "POST"]],
    ["PUT", "/stream/note,other", ["DELETE", ...read]],
    ["PUT", "/stream/a.*", ["DELETE", ...read]],
    ["PUT", "/stream/stream.cross.start", ["DELETE", ...read]],
    ["PUT", "/stream/stream.cross.handler.spawn", ["DELETE", ...read, "POST"]],
    ["PATCH", "/stream", ["POST"]],
    ["GET", "/append/note", ["POST"]],
    ["PUT", `/${id}`, ["DELETE", ...read]],
    ["POST", `/${id}`, ["DELETE", ...read]],
    ["POST", `/${id.toUpperCase()}`, ["DELETE", ...read]],
    ["PUT", `/${both}`, ["DELETE", ...read, "POST"]],
    ["PUT", "/note", ["POST"]],
    ["POST", `/${id}/next`, read],
    ["DELETE", `/${id}/content`, read],
    ["DELETE", "/last", read],
    ["POST", "/first/note", read],
    ["GET", "/cas", ["POST"]],
    ["POST", `/cas/${hash}`, read],
    ["PUT", "/kv", read],
    ["PATCH", "/kv/a/b", ["DELETE", ...read, "POST", "PUT"]],
    ["PATCH", "/kv/stream.cross.x", read],
    ["PATCH", "/version", read],
    ["POST", "/ps", read],
    ["HEAD", "/import", ["POST"]],
    ["GET", "/gc", ["POST"]],
    ["PUT", "/verify", read],
    ["PUT", "/export", read],
    ["PUT", "/metrics", read],
  ];
  for (const [method, path, methods] of cases) {
    const allow = methods.toSorted();
    const listed = (response: Response) => response.headers.get("allow")?.split(", ").sort();
    const response = await subject.ask(path, { method });
    expect([path, listed(response)]).toEqual([path, allow]);
    await expectProblem(response, 405, "method_not_allowed", method);
    const options = await subject.ask(path, { method: "OPTIONS" });
    expect([path, options.status, listed(options)]).toEqual([path, 405, allow]);
    for (const method of ["GET", "HEAD", "POST", "PUT", "DELETE", "PATCH"]) {
      const { status, body } = await subject.ask(path, { method });
      await body?.cancel();
      const known = allow.includes(method);
      expect([path, method, known ? status !== 405 : status >= 400]).toEqual([path, method, true]);
    }
  }
});

test("where nothing can succeed, every method is told why", async () => {
  await using subject = new Subject();
  for (const [path, code] of [
    ["/stream/9bad", "bad_topic"],
    ["/append/stream.cross.start", "reserved_topic"],
    ["/first/9bad", "bad_topic"],
    ["/cas/sha256-x", "bad_hash"],
    [`/${"z".repeat(26)}/next`, "bad_id"],
    [`/${"9".repeat(24)}`, "bad_id"],
  ] as const) {
    for (const method of ["PUT", "OPTIONS"]) {
      const status = code === "reserved_topic" ? 403 : 400;
      await expectProblem(await subject.ask(path, { method }), status, code);
    }
  }
});

test("a path that is nothing is 404", async () => {
  await using subject = new Subject();
  for (const path of [
    "/a/b",
    "/a/b/c",
    "/stream/a/b",
    "/version/x",
    "/import/x",
    "//",
    "/last/a/b",
  ]) {
    await expectProblem(await subject.ask(path), 404, "unknown_path");
  }
});

test("a broken percent-encoding is 400", async () => {
  await using subject = new Subject();
  for (const path of ["/stream/%ff", "/%zz"]) {
    await expectProblem(await subject.ask(path), 400, "bad_request");
  }
});

test("an unknown option is named everywhere", async () => {
  await using subject = new Subject();
  const { id, hash } = await subject.append("note", "x");
  const paths = ["/", "/stream/note", "/first", "/last", "/version", "/health", `/cas/${hash}`];
  for (const path of [...paths, `/${id}`, `/${id}/next`, `/${id}/content`]) {
    await expectProblem(await subject.ask(`${path}?wrong=1`), 400, "bad_option", "wrong");
  }
  await expectProblem(
    await subject.ask(`/${id}?wrong=1`, { method: "DELETE" }),
    400,
    "bad_option",
    "wrong",
  );
  await expectProblem(await subject.post("/import?wrong=1", ""), 400, "bad_option", "wrong");
  expect((await subject.ask(`/${id}`)).status).toBe(200);
});

test("what the original evaluates is refused, and makes no frame", async () => {
  await using subject = new Subject();
  const posted = await subject.post("/eval", "ls");
  await expectProblem(posted, 404, "unknown_path", /xs eval.*\/stream\/eval/);
  await expectProblem(await subject.post("/eval/", "ls"), 404, "unknown_path");
  await expectProblem(await subject.ask("/eval"), 404, "unknown_path");
  expect(await subject.frames()).toEqual([]);
  await subject.append("eval", "x");
  expect((await subject.frames("/stream/eval")).length).toBe(1);
  expect((await subject.ask("/last/eval")).status).toBe(200);
  expect((await subject.post("/append/eval", "y")).status).toBe(200);
});

test("a list of topics goes wherever the last or first of one goes", async () => {
  await using subject = new Subject();
  const [a, b] = [await subject.append("a"), await subject.append("b.c")];
  await subject.append("d");
  const id = async (path: string) => (await subject.frames(path)).map((frame) => frame.id);
  expect(await id("/last/a,b.c")).toEqual([b.id]);
  expect(await id("/last/d.*,a")).toEqual([a.id]);
  expect(await id("/first/b.*,a")).toEqual([a.id]);
  expect(await id("/last/a,b.*?last=5")).toEqual([a.id, b.id]);
  const lines = await subject.follow("/last/a,e?follow");
  const [first = ""] = await lines.take(2);
  expect(JSON.parse(first).id).toBe(a.id);
  await subject.append("d");
  const e = await subject.append("e");
  const [live = ""] = await lines.take(1);
  expect(JSON.parse(live).id).toBe(e.id);
  await lines.cancel();
  for (const path of ["/last/a,,b", "/last/a,b..c", "/first/a,"]) {
    await expectProblem(await subject.ask(path), 400, "bad_topic");
  }
});
