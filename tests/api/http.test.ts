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

test("a wrong method is 405 and Allow names the right ones", async () => {
  await using subject = new Subject();
  const { id } = await subject.append("note");
  const cases: [method: string, path: string, allow: string[]][] = [
    ["POST", "/", ["GET", "HEAD"]],
    ["DELETE", "/stream/note", ["GET", "HEAD", "POST"]],
    ["GET", "/append/note", ["POST"]],
    ["PUT", `/${id}`, ["DELETE", "GET", "HEAD", "POST"]],
    ["POST", `/${id}/next`, ["GET", "HEAD"]],
    ["DELETE", "/last", ["GET", "HEAD"]],
    ["GET", "/cas", ["POST"]],
    ["PATCH", "/version", ["GET", "HEAD"]],
    ["HEAD", "/import", ["POST"]],
  ];
  for (const [method, path, allow] of cases) {
    const response = await subject.ask(path, { method });
    expect(response.headers.get("allow")?.split(", ").sort()).toEqual(allow);
    await expectProblem(response, 405, "method_not_allowed", method);
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
