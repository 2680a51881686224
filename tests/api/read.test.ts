import { expect, test } from "bun:test";
import { timestampOf } from "../../src/core/id.ts";
import { expectProblem, idsOf, Subject, topicOf } from "./with-store.ts";

const THRESHOLD = "stream.cross.threshold";
const PULSE = "stream.cross.pulse";

test("a read gives the log in order as NDJSON", async () => {
  await using subject = new Subject();
  const frames = await subject.appendMany("note", 3);
  const response = await subject.ask("/");
  expect(response.headers.get("content-type")).toBe("application/x-ndjson");
  expect(await response.text()).toBe(frames.map((frame) => `${JSON.stringify(frame)}\n`).join(""));
});

test("a read of an empty store is empty", async () => {
  await using subject = new Subject();
  const response = await subject.ask("/");
  expect([response.status, await response.text()]).toEqual([200, ""]);
});

test("the options choose the frames", async () => {
  await using subject = new Subject();
  const ids = idsOf(await subject.appendMany("note", 6));
  const cases: [query: string, indexes: number[]][] = [
    ["limit=2", [0, 1]],
    ["limit=0", []],
    ["limit=100", [0, 1, 2, 3, 4, 5]],
    ["last=2", [4, 5]],
    ["last=0", []],
    ["last=100", [0, 1, 2, 3, 4, 5]],
    ["last=3&limit=2", [3, 4]],
    [`last-id=${ids[3]}`, [4, 5]],
    [`after=${ids[3]}`, [4, 5]],
    [`after=${ids[3]?.toUpperCase()}`, [4, 5]],
    [`after=${ids[5]}`, []],
    [`from=${ids[3]}`, [3, 4, 5]],
    [`from=${ids[3]}&limit=1`, [3]],
    [`after=${ids[1]}&last=2`, [4, 5]],
    [`after=${ids[3]}&last=5`, [4, 5]],
    ["order=asc&limit=1", [0]],
    ["order=desc", [5, 4, 3, 2, 1, 0]],
    ["order=desc&limit=2", [5, 4]],
    [`order=desc&last-id=${ids[2]}`, [1, 0]],
    ["follow=false", [0, 1, 2, 3, 4, 5]],
    ["follow=no&tail=no", [0, 1, 2, 3, 4, 5]],
  ];
  for (const [query, indexes] of cases) {
    const wanted = indexes.map((index) => ids[index] ?? "");
    expect([query, await subject.ids(`/?${query}`)]).toEqual([query, wanted]);
  }
});

test("a bound need not be the id of a frame", async () => {
  await using subject = new Subject();
  const ids = idsOf(await subject.appendMany("note", 3));
  await subject.store.remove(ids[1] ?? "");
  expect(await subject.ids(`/?after=${ids[1]}`)).toEqual([ids[2] ?? ""]);
  expect(await subject.ids(`/?from=${ids[1]}`)).toEqual([ids[2] ?? ""]);
  expect(await subject.ids(`/?from=${"0".repeat(25)}`)).toHaveLength(2);
});

test("a topic filter gives each frame once and in order", async () => {
  await using subject = new Subject();
  const topics = ["a", "a.b", "a.b.c", "ab", "b", "a.c"];
  for (const topic of topics) await subject.append(topic);
  const cases: [filter: string, topics: string[]][] = [
    ["a", ["a"]],
    ["a.*", ["a.b", "a.b.c", "a.c"]],
    ["a.b.*", ["a.b.c"]],
    ["*", topics],
    ["b,a", ["a", "b"]],
    ["a.*,a.b,a.b.*", ["a.b", "a.b.c", "a.c"]],
    ["a,*", topics],
    ["nobody", []],
  ];
  for (const [filter, wanted] of cases) {
    const read = async (path: string) => (await subject.frames(path)).map(({ topic }) => topic);
    expect([filter, await read(`/?topic=${filter}`)]).toEqual([filter, wanted]);
    expect(await read(`/stream/${filter}`)).toEqual(wanted);
    expect(await read(`/?topic=${filter}&order=desc`)).toEqual(wanted.toReversed());
    expect(await read(`/?topic=${filter}&last=1`)).toEqual(wanted.slice(-1));
  }
});

test("with-timestamp adds a last key to every frame", async () => {
  await using subject = new Subject();
  await subject.appendMany("note", 2);
  for (const frame of await subject.frames("/?with-timestamp=true")) {
    expect(Object.keys(frame)).toEqual(["topic", "id", "hash", "meta", "ttl", "timestamp"]);
    expect(frame).toHaveProperty("timestamp", new Date(timestampOf(frame.id)).toISOString());
  }
});

test("an unknown option, a bad value and a senseless combination are named", async () => {
  await using subject = new Subject();
  const { id } = await subject.append("note");
  const cases: [query: string, code: string, named: string][] = [
    ["lmit=1", "bad_option", "lmit"],
    ["limit=-1", "bad_option", "limit"],
    ["limit=1.5", "bad_option", "limit"],
    ["limit=", "bad_option", "limit"],
    ["limit=1e3", "bad_option", "limit"],
    ["limit=1000000000000000000", "bad_option", "limit"],
    ["last=x", "bad_option", "last"],
    ["limit=1&limit=2", "bad_option", "limit"],
    [`after=${id}&last-id=${id}`, "bad_option", "last-id"],
    ["last-id=nope", "bad_id", "last-id"],
    [`after=${"z".repeat(25)}`, "bad_id", "last-id"],
    ["from=1", "bad_id", "from"],
    ["topic=a..b", "bad_topic", "a..b"],
    ["topic=", "bad_topic", "topic"],
    ["topic=a.b*", "bad_topic", "a.b*"],
    ["order=up", "bad_option", "order"],
    ["follow=maybe", "bad_option", "follow"],
    ["follow=0", "bad_option", "follow"],
    ["with-timestamp=2", "bad_option", "with-timestamp"],
    ["order=desc&follow", "bad_option", "desc"],
    ["order=desc&last=1", "bad_option", "desc"],
    ["order=desc&tail&follow", "bad_option", "tail"],
    [`order=desc&from=${id}`, "bad_option", "from"],
    [`after=${id}&from=${id}`, "bad_option", "from"],
    ["tail", "bad_option", "tail"],
    [`tail&follow&after=${id}`, "bad_option", "tail"],
    ["tail&follow&last=1", "bad_option", "tail"],
  ];
  for (const [query, code, named] of cases) {
    await expectProblem(await subject.ask(`/?${query}`), 400, code, named);
  }
  await expectProblem(await subject.ask("/stream/note?topic=note"), 400, "bad_option", "topic");
});

test("a following read sends exactly one threshold between replay and live", async () => {
  await using subject = new Subject();
  const before = await subject.appendMany("note", 3);
  for (const follow of ["", "=", "=true", "=yes"]) {
    const lines = await subject.follow(`/?follow${follow}&last=3`);
    const replay = await lines.take(4);
    expect(replay.map(topicOf)).toEqual(["note", "note", "note", THRESHOLD]);
    const live = await subject.appendMany("note", 2);
    expect(await lines.take(2)).toEqual(live.map((frame) => JSON.stringify(frame)));
    await lines.cancel();
  }
  expect(before).toHaveLength(3);
});

test("the threshold comes also with tail and with nothing to replay", async () => {
  await using subject = new Subject();
  for (const path of ["/?follow&topic=none", "/?follow&tail", "/?follow&last=0", "/?follow&new"]) {
    const lines = await subject.follow(path);
    expect((await lines.take(1)).map(topicOf)).toEqual([THRESHOLD]);
    await lines.cancel();
    await subject.append("note");
  }
});

test("a tail starts at the request, not at the first byte that is read", async () => {
  await using subject = new Subject();
  await subject.append("old");
  const lines = await subject.follow("/?follow&tail");
  await subject.append("new");
  expect((await lines.take(2)).map(topicOf)).toEqual([THRESHOLD, "new"]);
  await lines.cancel();
});

test("a limit that history fills ends the read with no threshold", async () => {
  await using subject = new Subject();
  await subject.appendMany("note", 3);
  const lines = await subject.follow("/?follow&limit=3");
  expect((await lines.rest()).map(topicOf)).toEqual(["note", "note", "note"]);
});

test("a limit is filled by live frames as well, and synthetic frames do not count", async () => {
  await using subject = new Subject();
  await subject.append("note");
  const lines = await subject.follow("/?follow=1&limit=3");
  const start = await lines.through((line) => topicOf(line) === PULSE);
  await subject.appendMany("note", 5);
  const topics = [...start, ...(await lines.rest())].map(topicOf);
  expect(topics.filter((topic) => topic === "note")).toHaveLength(3);
  expect(topics.filter((topic) => topic === THRESHOLD)).toHaveLength(1);
});

test("pulses and the threshold pass every topic filter, and pulses are not stored", async () => {
  await using subject = new Subject();
  const lines = await subject.follow("/?follow=1&topic=note");
  const seen = (await lines.take(3)).map(topicOf);
  expect(seen).toEqual([THRESHOLD, PULSE, PULSE]);
  await lines.cancel();
  expect(await subject.ids()).toEqual([]);
});

test("a reader may resume from the id of a threshold or a pulse", async () => {
  await using subject = new Subject();
  await subject.append("before");
  const lines = await subject.follow("/?follow=1");
  const seen = (await lines.through((line) => topicOf(line) === PULSE)).slice(1);
  await lines.cancel();
  await subject.append("after");
  for (const line of seen) {
    const frames = await subject.frames(`/?after=${JSON.parse(line).id}`);
    expect(frames.map(({ topic }) => topic)).toEqual(["after"]);
  }
});

test("a filtered follower gets the live frames of its topics alone", async () => {
  await using subject = new Subject();
  const lines = await subject.follow("/?follow&topic=a.*,b");
  expect((await lines.take(1)).map(topicOf)).toEqual([THRESHOLD]);
  for (const topic of ["a", "a.b", "c", "b", "a.b.c"]) await subject.append(topic);
  expect((await lines.take(3)).map(topicOf)).toEqual(["a.b", "b", "a.b.c"]);
  await lines.cancel();
});

test("followers that start amid appends miss nothing and see nothing twice", async () => {
  await using subject = new Subject();
  const readers = [];
  const total = 400;
  const appends: Promise<unknown>[] = [];
  for (let n = 0; n < total; n++) {
    appends.push(subject.append("note", String(n)));
    if (n % 20 === 0) readers.push(await subject.follow("/?follow"));
  }
  await Promise.all(appends);
  const wanted = await subject.ids();
  for (const reader of readers) {
    const lines = await reader.take(total + 1);
    expect(lines.filter((line) => topicOf(line) === THRESHOLD)).toHaveLength(1);
    const ids = lines.map((line) => JSON.parse(line).id);
    expect(ids).toEqual([...ids].sort());
    expect(idsOf(lines.map((l) => JSON.parse(l)).filter((f) => f.topic === "note"))).toEqual(
      wanted,
    );
    await reader.cancel();
  }
});

test("server-sent events carry the id and the frame", async () => {
  await using subject = new Subject();
  const [first, second] = await subject.appendMany("note", 2);
  const response = await subject.ask("/", { headers: { accept: "text/event-stream" } });
  expect(response.headers.get("content-type")).toBe("text/event-stream");
  const event = (frame: typeof first) => `id: ${frame?.id}\ndata: ${JSON.stringify(frame)}\n\n`;
  expect(await response.text()).toBe(event(first) + event(second));
});

test("Last-Event-ID means last-id, whatever the address says of the start", async () => {
  await using subject = new Subject();
  const [first, second, third] = await subject.appendMany("note", 3);
  const headers = { accept: "text/event-stream", "last-event-id": second?.id ?? "" };
  const once = await (await subject.ask("/", { headers })).text();
  expect(once).toBe(`id: ${third?.id}\ndata: ${JSON.stringify(third)}\n\n`);
  for (const start of ["", "&tail", `&after=${first?.id}`, `&from=${first?.id}`, "&last=3"]) {
    const lines = await subject.follow(`/?follow${start}`, headers);
    expect((await lines.take(1))[0]).toBe(`id: ${third?.id}`);
    await lines.cancel();
  }
  const bad = { accept: "text/event-stream", "last-event-id": "nope" };
  await expectProblem(await subject.ask("/", { headers: bad }), 400, "bad_id", "nope");
});

test("a follower ends cleanly when the store ends its reads", async () => {
  await using subject = new Subject();
  const lines = await subject.follow("/?follow");
  await lines.take(1);
  subject.store.endReads();
  expect(await lines.rest()).toEqual([]);
});
