import { expect, setDefaultTimeout, test } from "bun:test";
import type { Frame } from "../../src/core/frame.ts";
import { packId, timestampOf } from "../../src/core/id.ts";
import { TEST_MS } from "../support/wait.ts";
import { expectProblem, idsOf, Subject, topicOf } from "./with-store.ts";

setDefaultTimeout(TEST_MS);

const THRESHOLD = "stream.cross.threshold";
const DAY = 86_400_000;

/** A frame of an import, at the noon of a day of January 2026. */
function lineOf(day: number, n = 0, topic = "note"): string {
  const id = idOf(day, n);
  return JSON.stringify({ topic, id, hash: null, meta: { day }, ttl: "forever" });
}

function idOf(day: number, n = 0): string {
  const ts_ms = Date.UTC(2026, 0, day, 12);
  return packId({ ts_ms, counter_hi: 0, counter_lo: n, node: "00000000" });
}

async function importDays(subject: Subject, days: readonly number[], n = 0, topic?: string) {
  const lines = days.map((day) => `${lineOf(day, n, topic)}\n`);
  const response = await subject.post("/import", lines.join(""));
  expect([response.status, await response.text()]).toEqual([200, expect.any(String)]);
}

/** The days of the frames of an answer. */
async function days(subject: Subject, path: string): Promise<unknown[]> {
  const frames = (await subject.frames(path)) as (Frame & { meta: { day?: number } | null })[];
  return frames.map(({ meta }) => meta?.day).filter((day) => day !== undefined);
}

const CASES: readonly (readonly [query: string, days: readonly number[]])[] = [
  ["since=2026-01-03", [3, 4, 5, 6]],
  ["since=2026-01-03T12:00Z", [3, 4, 5, 6]],
  ["since=2026-01-03T12:00:00.001Z", [4, 5, 6]],
  ["since=2026-01-03T12:00:00.000001Z", [4, 5, 6]],
  ["since=2026-01-03T13:00%2B01:00", [3, 4, 5, 6]],
  ["until=2026-01-03", [1, 2]],
  ["until=2026-01-03T12:00Z", [1, 2]],
  ["until=2026-01-03T12:00:00.001Z", [1, 2, 3]],
  ["since=2026-01-02&until=2026-01-05", [2, 3, 4]],
  ["since=2026-01-02&until=2026-01-02", []],
  ["since=2027-01-01", []],
  ["since=9999-12-31", []],
  ["since=1970-01-01", [1, 2, 3, 4, 5, 6]],
  ["since=0001-01-01", [1, 2, 3, 4, 5, 6]],
  ["until=0001-01-01", []],
  ["until=9999-12-31T23:59:59Z", [1, 2, 3, 4, 5, 6]],
  ["since=99999999d", [1, 2, 3, 4, 5, 6]],
  ["until=99999999d", []],
  ["until=0s", [1, 2, 3, 4, 5, 6]],
  ["since=2026-01-02&limit=2", [2, 3]],
  ["until=2026-01-05&last=2", [3, 4]],
  ["since=2026-01-04&last=9", [4, 5, 6]],
  ["since=2026-01-02&until=2026-01-05&last=2", [3, 4]],
  ["since=2026-01-02&until=2026-01-05&last=0", []],
  ["since=2026-01-02&until=2026-01-05&order=desc", [4, 3, 2]],
  ["since=2026-01-02&until=2026-01-05&order=desc&limit=1", [4]],
  [`since=2026-01-02&after=${idOf(4)}`, [5, 6]],
  [`since=2026-01-04&after=${idOf(1)}`, [4, 5, 6]],
  [`since=2026-01-04&from=${idOf(1)}`, [4, 5, 6]],
  [`until=2026-01-05&from=${idOf(3)}`, [3, 4]],
  [`until=2026-01-05&order=desc&last-id=${idOf(3)}`, [2, 1]],
  [`since=2026-01-02&order=desc&last-id=${idOf(4)}`, [3, 2]],
  ["until=2026-01-03&from=f5lxx1zz5pnorynqglhzmsp33", []],
];

async function expectCases(subject: Subject, cases: typeof CASES): Promise<void> {
  for (const [query, wanted] of cases) {
    const some = `topic=${encodeURIComponent("note,more.*")}`;
    for (const path of ["/?", "/?topic=note&", `/?${some}&`, "/stream/note?"]) {
      expect([path, query, await days(subject, path + query)]).toEqual([path, query, [...wanted]]);
    }
  }
}

test("since and until bound a read by the time in the ids", async () => {
  await using subject = new Subject();
  await importDays(subject, [1, 2, 3, 4, 5, 6]);
  await expectCases(subject, CASES);
});

test("they bound late frames as well", async () => {
  await using subject = new Subject();
  await importDays(subject, [2, 5]);
  await importDays(subject, [4, 1]);
  await importDays(subject, [6, 3]);
  await expectCases(subject, CASES);
});

test("by arrival they choose the same frames, in the order in which these came", async () => {
  await using subject = new Subject();
  await importDays(subject, [2, 5]);
  await importDays(subject, [4, 1]);
  await importDays(subject, [3, 6]);
  const [received] = await subject.ids("/stream/stream.cross.received");
  await expectCases(subject, [
    ["order=arrival", [2, 5, 1, 4, 3, 6]],
    ["order=arrival&since=2026-01-03", [5, 4, 3, 6]],
    ["order=arrival&until=2026-01-04", [2, 1, 3]],
    ["order=arrival&since=2026-01-02&until=2026-01-05", [2, 4, 3]],
    ["order=arrival&since=2026-01-02&until=2026-01-05&limit=2", [2, 4]],
    [`order=arrival&since=2026-01-03&after=${received}`, [3, 6]],
    [`order=arrival&until=2026-01-05&after=${idOf(5)}`, [1, 4, 3]],
    [`order=arrival&since=2026-01-03&after=${idOf(1)}`, [4, 3, 6]],
    ["order=arrival&until=2025-12-31", []],
    ["order=arrival&since=2027-01-01&until=2028-01-01", []],
  ]);
});

test("they hold over many pages, and where frames are gone", async () => {
  await using subject = new Subject();
  const all: string[] = [];
  const lines: string[] = [];
  for (let n = 0; n < 6000; n++) {
    const topic = n % 3 === 0 ? "note" : `more.${n % 5}`;
    lines.push(lineOf(1 + Math.floor(n / 1000), n, topic));
    all.push(idOf(1 + Math.floor(n / 1000), n));
  }
  for (let at = 0; at < lines.length; at += 3000) {
    const response = await subject.post("/import", lines.slice(at, at + 3000).join("\n"));
    expect(response.status).toBe(200);
    await response.bytes();
  }
  const gone = new Set(all.filter((_, n) => n % 1000 < 10 || n % 1000 > 990));
  for (const id of gone) await subject.store.remove(id);
  const left = all.filter((id) => !gone.has(id));
  const between = left.filter((id) => id >= idOf(2) && id < idOf(5));
  const range = "since=2026-01-02&until=2026-01-05";
  expect(await subject.ids(`/?${range}`)).toEqual(between);
  expect(await subject.ids(`/?${range}&order=desc`)).toEqual(between.toReversed());
  expect(await subject.ids(`/?${range}&last=2500`)).toEqual(between.slice(-2500));
  for (const topic of ["note", "more.*", "note,more.1"]) {
    const wanted = await subject.ids(`/?topic=${topic}`);
    const inside = wanted.filter((id) => id >= idOf(2) && id < idOf(5));
    expect(inside.length).toBeGreaterThan(400);
    expect(await subject.ids(`/?${range}&topic=${topic}`)).toEqual(inside);
    expect(await subject.ids(`/?${range}&topic=${topic}&order=desc`)).toEqual(inside.toReversed());
  }
});

test("first and last take them too", async () => {
  await using subject = new Subject();
  await importDays(subject, [2, 5]);
  await importDays(subject, [4, 1, 3]);
  for (const [path, wanted] of [
    ["/first/note?since=2026-01-03", [3]],
    ["/first/note?since=2026-01-03&limit=2", [3, 4]],
    ["/first/note?until=2026-01-03&limit=9", [1, 2]],
    ["/last/note?until=2026-01-05", [4]],
    ["/last/note?until=2026-01-05&last=2", [3, 4]],
    ["/last/note?since=2026-01-04&last=9", [4, 5]],
  ] as const) {
    expect([path, await days(subject, path)]).toEqual([path, [...wanted]]);
  }
  for (const path of ["/first/note?since=2026-01-06", "/last/note?until=2026-01-01"]) {
    await expectProblem(
      await subject.ask(path),
      404,
      "not_found",
      "of this topic between these times",
    );
  }
  for (const path of [
    "/first/note?since=2026-01-01&until=2026-01-01",
    "/first/note?since=2026-01-06&until=2026-02-01",
    "/last/note?since=2026-01-06&until=2026-02-01",
    "/last/note?since=2025-01-01&until=2026-01-01",
  ]) {
    await expectProblem(await subject.ask(path), 404, "not_found");
  }
  await expectProblem(
    await subject.ask("/last/note?until=2026-01-01&follow"),
    400,
    "bad_option",
    "until",
  );
  await expectProblem(
    await subject.ask("/first?since=2h&until=3h"),
    400,
    "bad_option",
    "since is later",
  );
});

test("an age counts back from the clock, and ids that ran ahead of it are in the future", async () => {
  const clock = Date.now();
  await using subject = new Subject(() => clock + DAY);
  const ahead = await subject.append("note");
  expect(timestampOf(ahead.id)).toBeGreaterThanOrEqual(clock + DAY);
  expect(await subject.ids("/?since=1h")).toEqual([ahead.id]);
  expect(await subject.ids("/?until=0s")).toEqual([]);
  const end = new Date(timestampOf(ahead.id) + 1).toISOString();
  expect(await subject.ids(`/?until=${end}`)).toEqual([ahead.id]);
  expect(await subject.ids(`/?since=${end}`)).toEqual([]);
});

test("a follower gets the history since then and all that comes, but no late frames of before", async () => {
  for (const before of [
    [2, 5],
    [5, 2, 4, 1],
  ] as const) {
    await using subject = new Subject();
    for (const day of before) await importDays(subject, [day]);
    for (const query of ["follow&since=2026-01-03", "follow&since=2026-01-03&topic=note"]) {
      const lines = await subject.follow(`/?${query}`);
      const wanted = (await subject.frames(`/?${query.replace("follow&", "")}`)).map(
        ({ topic }) => topic,
      );
      const seen = (await lines.take(wanted.length + 1)).map(topicOf);
      expect(seen).toEqual([...wanted, THRESHOLD]);
      await lines.cancel();
    }
    const lines = await subject.follow("/?follow&since=2026-01-03&topic=note,live,old");
    await lines.through((line) => topicOf(line) === THRESHOLD);
    await importDays(subject, [1, 3, 2, 4], 7, "old");
    const { id } = await subject.append("live", "", "ttl=ephemeral");
    expect((await lines.take(3)).map((line) => JSON.parse(line).id)).toEqual([
      idOf(3, 7),
      idOf(4, 7),
      id,
    ]);
    await lines.cancel();
    // A resume in the order of arrival has the same.
    const [first] = await subject.ids("/?topic=note&limit=1&order=arrival");
    const again = await subject.follow(`/?follow&after=${first}&since=2026-01-03&topic=old`);
    expect((await again.take(2)).map((line) => JSON.parse(line).id)).toEqual([
      idOf(3, 7),
      idOf(4, 7),
    ]);
    await again.cancel();
  }
});

test("a time to come passes by what comes before it, however far behind the reader is", async () => {
  await using subject = new Subject();
  const far = await subject.follow("/?follow=1&since=9999-01-01");
  expect((await far.take(3)).map(topicOf)).toEqual([
    THRESHOLD,
    "stream.cross.pulse",
    "stream.cross.pulse",
  ]);
  // More than the feed keeps, so that the reader goes back to pages.
  const meta = Buffer.from(JSON.stringify("x".repeat(40_000))).toString("base64");
  for (let n = 0; n < 150; n++) await subject.post("/stream/note", "", { "xs-meta": meta });
  const seen = new Set((await far.take(50)).map(topicOf));
  expect([...seen]).toEqual(["stream.cross.pulse"]);
  await far.cancel();
});

test("an EventSource that comes back goes on after its last event, whatever the age in its address", async () => {
  await using subject = new Subject();
  const [first, second, third] = await subject.appendMany("note", 3);
  expect(first).toBeDefined();
  const headers = { accept: "text/event-stream", "last-event-id": second?.id ?? "" };
  for (const since of ["0s", "15m", "2026-01-01"]) {
    const lines = await subject.follow(`/?follow&since=${since}`, headers);
    expect((await lines.take(1))[0]).toBe(`id: ${third?.id}`);
    await lines.cancel();
  }
});

test("what makes no sense is a 400 that names it", async () => {
  await using subject = new Subject();
  const { id } = await subject.append("note");
  for (const [query, named] of [
    ["since=", "since="],
    ["since=yesterday", "since="],
    ["since=2026-02-30", "no such day"],
    ["until=1795687200000", "90s"],
    ["since=2026-11-26T10:30+02:00", "%2B"],
    ["since=1h&since=2h", "since"],
    ["since=1h&until=2h", "since is later than until"],
    ["until=1h&follow", "until"],
    ["until=1h&wait=1000", "wait"],
    ["since=1h&tail&follow", "tail"],
    ["until=1h&tail&follow", "until"],
    ["wait=1000&follow", "wait"],
    ["wait=-1", "wait="],
    ["wait", "wait="],
    ["wait=99999999999", "2147483647"],
    ["wait=1000&order=desc", "wait"],
    [`wait=1000&tail&after=${id}`, "tail"],
  ] as const) {
    await expectProblem(await subject.ask(`/?${query}`), 400, "bad_option", named);
  }
  expect(idsOf(await subject.frames("/?since=1h"))).toEqual([id]);
});
