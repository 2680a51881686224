import { expect, test } from "bun:test";
import type { Frame } from "../../src/core/frame.ts";
import { timestampOf } from "../../src/core/id.ts";
import { expectProblem, idsOf, Subject, topicOf } from "./with-store.ts";

const UNKNOWN = "0".repeat(25);

test("GET of an id gives the frame, in either case of its letters", async () => {
  await using subject = new Subject();
  const frame = await subject.append("note", "x");
  for (const path of [`/${frame.id}`, `/${frame.id.toUpperCase()}`]) {
    const response = await subject.ask(path);
    expect(response.headers.get("content-type")).toBe("application/json");
    expect(await response.text()).toBe(`${JSON.stringify(frame)}\n`);
  }
  const stamped = await (await subject.ask(`/${frame.id}?with-timestamp`)).json();
  const timestamp = new Date(timestampOf(frame.id)).toISOString();
  expect(stamped).toEqual({ ...frame, timestamp });
});

test("an unknown id is 404, a malformed one 400", async () => {
  await using subject = new Subject();
  for (const path of ["", "/content", "/next", "/previous"]) {
    await expectProblem(await subject.ask(`/${UNKNOWN}${path}`), 404, "not_found", UNKNOWN);
    await expectProblem(await subject.ask(`/nope${path}`), 400, "bad_id", "nope");
    await expectProblem(await subject.ask(`/${"z".repeat(25)}${path}`), 400, "bad_id", "zzz");
  }
  await expectProblem(await subject.ask("/nope", { method: "DELETE" }), 400, "bad_id", "nope");
});

test("DELETE removes a frame from every read, and is 204 also when there is none", async () => {
  await using subject = new Subject();
  const [gone, kept] = await subject.appendMany("note", 2);
  for (let n = 0; n < 2; n++) {
    const response = await subject.ask(`/${gone?.id}`, { method: "DELETE" });
    expect([response.status, await response.text()]).toEqual([204, ""]);
  }
  expect((await subject.ask(`/${gone?.id}`)).status).toBe(404);
  for (const path of ["/", "/stream/note", "/?order=desc", "/?last=5", "/first?limit=5"]) {
    expect(await subject.ids(path)).toEqual([kept?.id ?? ""]);
  }
  expect((await subject.ask(`/${kept?.id}/previous`)).status).toBe(404);
});

test("an id is not given again after the newest frame was removed", async () => {
  await using subject = new Subject();
  const { id } = await subject.append("note");
  await subject.ask(`/${id}`, { method: "DELETE" });
  expect((await subject.append("note")).id > id).toBe(true);
});

test("next and previous give the neighbour in the stream and in topics", async () => {
  await using subject = new Subject();
  const ids: string[] = [];
  for (const topic of ["a", "b.x", "a", "b.y"]) ids.push((await subject.append(topic)).id);
  const [a1, bx, a2, by] = ids;
  const cases: [path: string, id: string | undefined][] = [
    [`/${a1}/next`, bx],
    [`/${a2}/previous`, bx],
    [`/${a1}/next?topic=a`, a2],
    [`/${a2}/previous?topic=a`, a1],
    [`/${a1}/next?topic=b.*`, bx],
    [`/${by}/previous?topic=b.*,a`, a2],
    [`/${UNKNOWN}/next`, a1],
  ];
  for (const [path, id] of cases) {
    const frame = (await (await subject.ask(path)).json()) as Frame;
    expect([path, frame.id]).toEqual([path, id ?? ""]);
  }
  for (const path of [`/${by}/next`, `/${a1}/previous`, `/${a2}/next?topic=a`]) {
    await expectProblem(await subject.ask(path), 404, "not_found");
  }
  await expectProblem(await subject.ask(`/${a1}/next?topic=..`), 400, "bad_topic");
  await expectProblem(await subject.ask(`/${a1}/next?limit=1`), 400, "bad_option", "limit");
});

test("content of a frame without content is 404", async () => {
  await using subject = new Subject();
  const { id } = await subject.append("note");
  await expectProblem(await subject.ask(`/${id}/content`), 404, "content_not_found", id);
});

test("content of a frame is never guessed at by a browser", async () => {
  await using subject = new Subject();
  const { id, hash } = await subject.append("page", "<script>alert(1)</script>");
  const response = await subject.ask(`/${id}/content`);
  expect(await response.text()).toBe("<script>alert(1)</script>");
  expect(response.headers.get("x-content-type-options")).toBe("nosniff");
  expect(response.headers.get("etag")).toBe(`"${hash}"`);
});

test("first and last give one frame of the stream or of a topic", async () => {
  await using subject = new Subject();
  const ids: string[] = [];
  for (const topic of ["a", "b", "a.x", "a"]) ids.push((await subject.append(topic)).id);
  const cases: [path: string, index: number][] = [
    ["/first", 0],
    ["/last", 3],
    ["/first/b", 1],
    ["/last/b", 1],
    ["/first/a", 0],
    ["/last/a", 3],
    ["/last/a.*", 2],
    ["/first/b,a.*", 1],
  ];
  for (const [path, index] of cases) {
    const response = await subject.ask(path);
    expect(response.headers.get("content-type")).toBe("application/json");
    const { id } = (await response.json()) as Frame;
    expect([path, id]).toEqual([path, ids[index] ?? ""]);
  }
  const stamped = (await (await subject.ask("/last?with-timestamp")).json()) as Frame;
  expect(Object.keys(stamped).at(-1)).toBe("timestamp");
});

test("first and last with a count give so many, oldest first", async () => {
  await using subject = new Subject();
  const ids = idsOf(await subject.appendMany("note", 5));
  for (const option of ["last", "limit"]) {
    expect(await subject.ids(`/first?${option}=2`)).toEqual(ids.slice(0, 2));
    expect(await subject.ids(`/last?${option}=2`)).toEqual(ids.slice(3));
    expect(await subject.ids(`/last/note?${option}=9`)).toEqual(ids);
    expect(await subject.ids(`/last/other?${option}=9`)).toEqual([]);
    await expectProblem(await subject.ask(`/last?${option}=x`), 400, "bad_option", option);
  }
});

test("first and last of nothing are 404", async () => {
  await using subject = new Subject();
  for (const path of ["/first", "/last", "/first/note", "/last/note"]) {
    await expectProblem(await subject.ask(path), 404, "not_found");
  }
});

test("last follows", async () => {
  await using subject = new Subject();
  await subject.append("note", "1");
  await subject.append("other");
  await subject.append("note", "2");
  const one = await subject.follow("/last/note?follow");
  const two = await subject.follow("/last/note?follow&last=2");
  const threshold = "stream.cross.threshold";
  expect((await one.take(2)).map(topicOf)).toEqual(["note", threshold]);
  expect((await two.take(3)).map(topicOf)).toEqual(["note", "note", threshold]);
  const live = JSON.stringify(await subject.append("note", "3"));
  expect([...(await one.take(1)), ...(await two.take(1))]).toEqual([live, live]);
  await Promise.all([one.cancel(), two.cancel()]);
});

test("first does not follow, and an unknown option of first and last is named", async () => {
  await using subject = new Subject();
  await expectProblem(await subject.ask("/first?follow"), 400, "bad_option", "follow");
  await expectProblem(await subject.ask("/last?tail"), 400, "bad_option", "tail");
  await expectProblem(await subject.ask("/last/a..b"), 400, "bad_topic", "a..b");
});

test("an option that would be passed over is refused instead", async () => {
  await using subject = new Subject();
  const { id } = await subject.append("note");
  const cases: [path: string, named: string][] = [
    ["/last?last=1&limit=2", "limit"],
    ["/last?last=1&last=2", "last"],
    [`/${id}/next?topic=a&topic=note`, "topic"],
    [`/${id}?with-timestamp=no&with-timestamp=yes`, "with-timestamp"],
  ];
  for (const [path, named] of cases) {
    await expectProblem(await subject.ask(path), 400, "bad_option", named);
  }
});
