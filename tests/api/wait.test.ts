import { expect, setDefaultTimeout, test } from "bun:test";
import type { Frame } from "../../src/core/frame.ts";
import { timestampOf } from "../../src/core/id.ts";
import { lateId } from "../support/late.ts";
import { TEST_MS, until, within } from "../support/wait.ts";
import { idsOf, Subject } from "./with-store.ts";

setDefaultTimeout(TEST_MS);

/** Longer than any test: a read that has to end earlier must not end by this. */
const LONG = 1_000_000;

/** Starts a read and resolves, once it waits, to a function that gives its text. */
async function waiting(
  subject: Subject,
  path: string,
  headers = {},
): Promise<() => Promise<string>> {
  const before = subject.store.metrics.followers;
  const answer = subject.ask(path, { headers }).then((response) => response.text());
  await until("it waits", () => subject.store.metrics.followers > before);
  return () => within("the end of the read", answer);
}

function framesIn(text: string): Frame[] {
  return text
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => JSON.parse(line));
}

test("history that has something is the answer, at once and alone", async () => {
  await using subject = new Subject();
  const ids = idsOf(await subject.appendMany("note", 3));
  for (const [query, wanted] of [
    ["", ids],
    ["&topic=note", ids],
    [`&after=${ids[0]}`, ids.slice(1)],
    [`&from=${ids[2]}`, ids.slice(2)],
    ["&last=1", ids.slice(2)],
    ["&limit=1", ids.slice(0, 1)],
    ["&since=1h", ids],
    ["&order=arrival", ids],
    ["&limit=0", []],
  ] as const) {
    expect([query, await subject.ids(`/?wait=${LONG}${query}`)]).toEqual([query, [...wanted]]);
  }
  expect(subject.store.metrics.followers).toBe(0);
});

test("with nothing in history the first frame ends it, without a threshold", async () => {
  await using subject = new Subject();
  const { id } = await subject.append("old");
  for (const query of [
    "topic=note",
    "tail",
    "tail&topic=note",
    `after=${id}&topic=note`,
    "last=0",
  ]) {
    const read = await waiting(subject, `/?wait=${LONG}&${query}`);
    const frame = await subject.append("note");
    expect([query, framesIn(await read())]).toEqual([query, [frame]]);
    await subject.store.remove(frame.id);
  }
  expect(subject.store.metrics.followers).toBe(0);
});

test("frames that it does not take do not end it", async () => {
  await using subject = new Subject();
  const read = await waiting(subject, `/?wait=${LONG}&topic=note,more.*`);
  await subject.append("other");
  await subject.post("/import", `{"topic":"other","id":"${lateId(1)}"}\n`);
  const frame = await subject.append("more.note");
  expect(framesIn(await read())).toEqual([frame]);
});

test("where nothing comes it ends empty, and 0 does not wait", async () => {
  await using subject = new Subject();
  await subject.append("note");
  for (const query of ["wait=0&topic=none", "wait=0&tail", "wait=30&tail", "wait=30&topic=none"]) {
    const response = await subject.ask(`/?${query}`);
    expect([query, response.status, await response.text()]).toEqual([query, 200, ""]);
  }
  expect(subject.store.metrics.followers).toBe(0);
});

test("all frames of a commit come together, up to the limit", async () => {
  await using subject = new Subject();
  const lines = ["a", "b", "note"].map((topic) => `{"topic":"${topic}"}\n`).join("");
  for (const [query, topics] of [
    ["tail", ["a", "b", "note"]],
    ["tail&limit=1", ["a"]],
    ["tail&topic=b,note", ["b", "note"]],
  ] as const) {
    const read = await waiting(subject, `/?wait=${LONG}&${query}`);
    const response = await subject.post("/stream", lines);
    expect(response.status).toBe(200);
    await subject.append("later");
    expect([query, framesIn(await read()).map(({ topic }) => topic)]).toEqual([query, [...topics]]);
  }
});

test("an ephemeral frame counts, and comes as a server-sent event too", async () => {
  await using subject = new Subject();
  const read = await waiting(subject, `/stream/note?wait=${LONG}`);
  const frame = await subject.append("note", "now", "ttl=ephemeral");
  expect(framesIn(await read())).toEqual([frame]);
  const events = await waiting(subject, `/?wait=${LONG}&tail`, { accept: "text/event-stream" });
  const next = await subject.append("note");
  expect(await events()).toBe(`id: ${next.id}\ndata: ${JSON.stringify(next)}\n\n`);
});

test("an EventSource that comes back to a wait goes on after its last event", async () => {
  await using subject = new Subject();
  const [first, second] = await subject.appendMany("note", 2);
  for (const start of ["tail", "since=0s", `after=${second?.id}`, "last=1", ""]) {
    const headers = { accept: "text/event-stream", "last-event-id": first?.id ?? "" };
    const response = await subject.ask(`/?wait=${LONG}&${start}`, { headers });
    expect(await response.text()).toBe(`id: ${second?.id}\ndata: ${JSON.stringify(second)}\n\n`);
  }
});

test("a loop of waits misses nothing and gets nothing twice, late frames included", async () => {
  await using subject = new Subject();
  const { id: start } = await subject.append("start");
  const total = 120;
  const seen: string[] = [];
  const loop = async () => {
    for (let last = start; seen.length < total; last = seen.at(-1) ?? start) {
      const text = await (await subject.ask(`/?wait=${LONG}&topic=note&last-id=${last}`)).text();
      seen.push(...idsOf(framesIn(text)));
    }
  };
  const read = within("the frames", loop());
  const wanted: string[] = [];
  for (let n = 0; wanted.length < total; n++) {
    if (n % 5 === 3) {
      const id = lateId(1000 - n);
      const response = await subject.post("/import", `{"topic":"note","id":"${id}"}\n`);
      expect(response.status).toBe(200);
      wanted.push(id);
    } else if (n % 5 === 4) {
      const response = await subject.post("/stream", '{"topic":"note"}\n{"topic":"note"}\n');
      wanted.push(...idsOf(framesIn(await response.text())).slice(0, total - wanted.length));
    } else {
      wanted.push((await subject.append("note")).id);
    }
    if (n % 7 === 0) await until("the reader is there", () => seen.length >= wanted.length - 3);
  }
  await read;
  expect(seen.slice(0, total)).toEqual(wanted);
});

test("a bound in time holds while it waits", async () => {
  await using subject = new Subject();
  const { id } = await subject.append("start");
  const since = timestampOf(id) + 1;
  await until("the clock goes on", () => Date.now() >= since);
  const read = await waiting(subject, `/?wait=${LONG}&since=${new Date(since).toISOString()}`);
  await subject.post("/import", `{"topic":"note","id":"${lateId(1)}"}\n`);
  // The import itself reports the late frame.
  expect(framesIn(await read()).map(({ topic }) => topic)).toEqual(["stream.cross.received"]);
});

test("in a store with late frames it waits for all that arrives, in any order", async () => {
  await using subject = new Subject();
  await subject.append("start");
  const late = (n: number, topic: string) =>
    subject.post("/import", `{"topic":"${topic}","id":"${lateId(n)}"}\n`);
  expect((await late(5, "other")).status).toBe(200);
  for (const [n, query] of [
    [4, ""],
    [3, "&order=arrival"],
    [6, "&from=0000000000000000000000000"],
    [2, "&tail"],
  ] as const) {
    const read = await waiting(subject, `/?wait=${LONG}&topic=note${query}`);
    expect((await late(n, "note")).status).toBe(200);
    expect([query, idsOf(framesIn(await read()))]).toEqual([query, [lateId(n)]]);
    await subject.store.remove(lateId(n));
  }
});

test("a client that goes leaves nothing behind, and a store that closes ends the wait cleanly", async () => {
  await using subject = new Subject();
  const { body } = await subject.ask(`/?wait=${LONG}&tail`);
  const reader = body?.getReader();
  const pulled = reader?.read();
  await until("it waits", () => subject.store.metrics.followers === 1);
  await reader?.cancel();
  expect((await pulled)?.done).toBe(true);
  expect(subject.store.metrics.followers).toBe(0);
  const read = await waiting(subject, `/?wait=${LONG}&topic=none`);
  subject.store.endReads();
  expect(await read()).toBe("");
  expect(await (await subject.ask(`/?wait=${LONG}&topic=none`)).text()).toBe("");
});

test("one that begins to read late has what came meanwhile, however much that is", async () => {
  await using subject = new Subject();
  const { body } = await subject.ask(`/?wait=${LONG}&tail`);
  const meta = Buffer.from(JSON.stringify("x".repeat(40_000))).toString("base64");
  const ids: string[] = [];
  for (let n = 0; n < 150; n++) {
    const response = await subject.post("/stream/note", "", { "xs-meta": meta });
    ids.push(((await response.json()) as Frame).id);
  }
  expect(idsOf(framesIn(await new Response(body).text()))).toEqual(ids);
});
