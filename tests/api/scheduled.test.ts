// An append with `at` in the future: kept until it is due, then appended once.
import { Database } from "bun:sqlite";
import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { api } from "../../src/api/api.ts";
import { Access } from "../../src/core/access.ts";
import { hashOf } from "../../src/core/hash.ts";
import { timestampOf } from "../../src/core/id.ts";
import { parseLines } from "../support/server.ts";
import { problemsOf, sqliteEngine } from "../support/store.ts";
import { tempDirectory } from "../support/temp.ts";
import { TEST_MS, until } from "../support/wait.ts";
import { exported, imported } from "./furnished.ts";
import { expectProblem, idsOf, Subject } from "./with-store.ts";

setDefaultTimeout(TEST_MS);

const NOW = Date.parse("2050-11-26T12:00Z");
const HOUR_MS = 3_600_000;

interface Scheduled {
  readonly scheduled: string;
  readonly at: string;
  readonly topic: string;
  readonly [key: string]: unknown;
}

/** A store whose clock a test sets. */
class Timed extends Subject {
  now: number;

  constructor(clock = { now: NOW }) {
    super(() => clock.now);
    this.now = 0;
    Object.defineProperty(this, "now", {
      get: () => clock.now,
      set: (ms: number) => {
        clock.now = ms;
      },
    });
  }

  /** The text of a time so many ms from the beginning of the test. */
  at(ms: number): string {
    return new Date(NOW + ms).toISOString();
  }

  async schedule(topic: string, content: string, ms: number, query = ""): Promise<Scheduled> {
    const response = await this.post(`/stream/${topic}?at=${this.at(ms)}&${query}`, content);
    expect(response.status).toBe(202);
    return (await response.json()) as Scheduled;
  }

  async scheduled(): Promise<Scheduled[]> {
    const response = await this.ask("/-/scheduled");
    expect(response.headers.get("content-type")).toBe("application/x-ndjson");
    return parseLines(await response.text()) as unknown as Scheduled[];
  }

  async contents(topic: string): Promise<string[]> {
    const frames = await this.frames(`/stream/${topic}?content=inline`);
    return frames.map((frame) => (frame as unknown as { content: string }).content);
  }
}

describe("at, in the future:", () => {
  test("the answer is 202 with the id of the schedule, when, and the topic; no read has the frame", async () => {
    await using subject = new Timed();
    const answer = await subject.schedule("remind", "call Anna", 2 * HOUR_MS);
    expect(Object.keys(answer)).toEqual(["scheduled", "at", "topic"]);
    expect(answer).toMatchObject({ at: "2050-11-26T14:00:00.000Z", topic: "remind" });
    expect(await subject.frames()).toEqual([]);
    expect((await subject.ask(`/${answer.scheduled}`)).status).toBe(404);
    expect(await subject.scheduled()).toEqual([
      { ...answer, hash: hashOf(Buffer.from("call Anna")), meta: null, ttl: "forever" },
    ]);
  });

  test("when it is due it is appended, with the id of that moment, and with content, meta and ttl", async () => {
    await using subject = new Timed();
    const meta = '{"n":1234567890123456789,"x":[1.0,1e400]}';
    const response = await subject.post(
      `/remind?at=${subject.at(HOUR_MS)}&ttl=time:1h`,
      "call Anna",
      { "xs-meta": meta },
    );
    const { scheduled } = (await response.json()) as Scheduled;
    const listed = await (await subject.ask("/-/scheduled")).text();
    expect(listed).toContain(`"meta":${meta},"ttl":"time:3600000"}`);
    subject.store.startSchedules();
    const follower = await subject.follow("/?follow&topic=remind");
    await follower.take(1);
    subject.now += HOUR_MS + 20_000;
    const [line = ""] = await follower.take(1);
    await follower.cancel();
    expect(line).toContain(`"meta":${meta},"ttl":"time:3600000"}`);
    const [frame] = parseLines(line);
    expect(frame?.id).not.toBe(scheduled);
    expect(timestampOf(frame?.id ?? "")).toBe(NOW + HOUR_MS + 20_000);
    expect(await subject.contents("remind")).toEqual(["call Anna"]);
    expect(await subject.scheduled()).toEqual([]);
    expect((await subject.frames("/kv")).length).toBe(0);
  });

  test("they come in the order in which they are due, those of one time in the order of their appends", async () => {
    await using subject = new Timed();
    for (const [content, hours] of [
      ["c", 3],
      ["a1", 1],
      ["b", 2],
      ["a2", 1],
      ["a3", 1],
    ] as const) {
      await subject.schedule("remind", content, hours * HOUR_MS);
    }
    const batch = ["a4", "a5"].map((content) =>
      JSON.stringify({ topic: "remind", content, at: subject.at(HOUR_MS) }),
    );
    expect((await subject.post("/stream", batch.join("\n"))).status).toBe(202);
    const expected = ["a1", "a2", "a3", "a4", "a5", "b", "c"];
    const listed = (await subject.scheduled()).map(({ hash }) => hash);
    expect(listed).toEqual(expected.map((content) => hashOf(Buffer.from(content))));
    // A machine that slept for a week.
    subject.now += 7 * 24 * HOUR_MS;
    subject.store.startSchedules();
    await until("all are appended", async () => (await subject.scheduled()).length === 0);
    expect(await subject.contents("remind")).toEqual(expected);
  });

  test("more than one commit takes are appended in order, once", async () => {
    await using subject = new Timed();
    const lines = Array.from({ length: 1000 }, (_, n) =>
      JSON.stringify({ topic: "many", meta: n, at: subject.at(HOUR_MS + n) }),
    );
    expect((await subject.post("/stream", lines.join("\n"))).status).toBe(202);
    expect((await subject.scheduled()).length).toBe(1000);
    subject.now += 2 * HOUR_MS;
    subject.store.startSchedules();
    await until("all are appended", async () => (await subject.scheduled()).length === 0);
    const frames = await subject.frames("/?topic=many");
    expect(frames.map(({ meta }) => meta)).toEqual(Array.from({ length: 1000 }, (_, n) => n));
  });

  test("a batch of both has a line for each, and is one step", async () => {
    await using subject = new Timed();
    const lines = [
      { topic: "now", content: "1" },
      { topic: "later", content: "2", at: subject.at(HOUR_MS) },
      { topic: "before", content: "3", at: subject.at(-HOUR_MS) },
    ];
    const body = lines.map((line) => JSON.stringify(line)).join("\n");
    const response = await subject.post("/stream?with-timestamp", body);
    expect(response.status).toBe(200);
    const [now, later, before] = parseLines(await response.text()) as unknown as Scheduled[];
    expect(now).toMatchObject({ topic: "now", timestamp: subject.at(0) });
    expect(later).toEqual(
      (await subject.scheduled()).map(({ scheduled, at, topic }) => ({
        scheduled,
        at,
        topic,
      }))[0] as Scheduled,
    );
    expect(before).toMatchObject({ topic: "before", timestamp: subject.at(-HOUR_MS) });
    const wrong = `${JSON.stringify(lines[1])}\n{"topic":"a b"}\n`;
    await expectProblem(await subject.post("/stream", wrong), 400, "bad_topic");
    expect((await subject.scheduled()).length).toBe(1);
  });

  test("one that is removed never comes; one that is not there is a 404", async () => {
    await using subject = new Timed();
    const one = await subject.schedule("remind", "one", HOUR_MS);
    const two = await subject.schedule("remind", "two", HOUR_MS);
    const path = `/-/scheduled/${one.scheduled}`;
    expect((await subject.ask(path, { method: "DELETE" })).status).toBe(204);
    await expectProblem(await subject.ask(path, { method: "DELETE" }), 404, "not_found", /was/);
    await expectProblem(await subject.ask("/-/scheduled/x", { method: "DELETE" }), 400, "bad_id");
    expect((await subject.scheduled()).map(({ scheduled }) => scheduled)).toEqual([two.scheduled]);
    expect((await subject.ask(path, { method: "POST" })).headers.get("allow")).toBe("DELETE");
    subject.now += 2 * HOUR_MS;
    subject.store.startSchedules();
    await until("the other comes", async () => (await subject.frames()).length > 0);
    expect(await subject.contents("remind")).toEqual(["two"]);
  });

  test("its content is kept by the collector, small and large, and freed when it is removed", async () => {
    await using subject = new Timed();
    const large = "x".repeat(200_000);
    await subject.schedule("remind", "small", HOUR_MS);
    const { scheduled } = await subject.schedule("remind", large, HOUR_MS);
    // Frames with the same content come and go.
    for (const content of ["small", large]) {
      const { id } = await subject.append("note", content);
      await subject.ask(`/${id}`, { method: "DELETE" });
    }
    await subject.post("/gc");
    expect((await subject.ask(`/cas/${hashOf(Buffer.from("small"))}`)).status).toBe(200);
    expect((await subject.ask(`/cas/${hashOf(Buffer.from(large))}`)).status).toBe(200);
    await subject.ask(`/-/scheduled/${scheduled}`, { method: "DELETE" });
    await subject.post("/gc");
    expect((await subject.ask(`/cas/${hashOf(Buffer.from("small"))}`)).status).toBe(200);
    expect((await subject.ask(`/cas/${hashOf(Buffer.from(large))}`)).status).toBe(404);
    subject.now += 2 * HOUR_MS;
    subject.store.startSchedules();
    await until("it comes", async () => (await subject.contents("remind")).length > 0);
    await subject.post("/gc");
    expect(await subject.contents("remind")).toEqual(["small"]);
    const [frame] = await subject.frames();
    await subject.ask(`/${frame?.id}`, { method: "DELETE" });
    await subject.post("/gc");
    expect((await subject.ask(`/cas/${hashOf(Buffer.from("small"))}`)).status).toBe(404);
  });

  test("with an Idempotency-Key a retry gets the first answer, also once it was appended", async () => {
    await using subject = new Timed();
    const path = `/remind?at=${subject.at(HOUR_MS)}`;
    const headers = { "idempotency-key": "k" };
    const first = await subject.post(path, "x", headers);
    expect(first.status).toBe(202);
    const text = await first.text();
    subject.now += 2 * HOUR_MS;
    subject.store.startSchedules();
    await until("it comes", async () => (await subject.frames()).length > 0);
    const again = await subject.post(path, "x", headers);
    expect([again.status, await again.text()]).toEqual([202, text]);
    expect((await subject.frames()).length).toBe(1);
    expect(await subject.scheduled()).toEqual([]);
  });

  test("a clock that is set back an hour makes none come twice, and none is lost", async () => {
    await using subject = new Timed();
    await subject.schedule("remind", "one", HOUR_MS);
    await subject.schedule("remind", "two", 2 * HOUR_MS);
    subject.store.startSchedules();
    subject.now += HOUR_MS + 1;
    await until("the first comes", async () => (await subject.frames()).length === 1);
    subject.now -= HOUR_MS;
    await subject.schedule("remind", "three", HOUR_MS);
    subject.now += HOUR_MS;
    await until("the third comes", async () => (await subject.frames()).length === 2);
    subject.now += HOUR_MS;
    await until("the second comes", async () => (await subject.frames()).length === 3);
    expect(await subject.contents("remind")).toEqual(["one", "three", "two"]);
    const ids = await subject.ids();
    expect(ids).toEqual(ids.toSorted());
  });

  test.each([
    ["ttl=ephemeral", "bad_option", /ephemeral/],
    ["ttl=until:2050-11-26T12:30Z", "bad_option", /ends before, on 2050-11-26T12:30/],
    ["chunked=lines", "bad_option", /chunked does not go with at/],
  ])("%s does not go with it", async (query, code, why) => {
    await using subject = new Timed();
    const response = await subject.post(`/remind?at=${subject.at(HOUR_MS)}&${query}`, "x");
    await expectProblem(response, 400, code, why);
    const spawn = `/stream/stream.cross.generator.spawn?at=${subject.at(HOUR_MS)}`;
    await expectProblem(await subject.post(spawn, "x"), 400, "bad_option", /runtime acts on it/);
    expect(await subject.scheduled()).toEqual([]);
  });

  test("a store keeps 100,000 of them, and refuses more by name; a batch counts whole", async () => {
    await using subject = new Timed();
    const line = JSON.stringify({ topic: "r", at: subject.at(HOUR_MS) });
    const body = `${line}\n`.repeat(10_000);
    for (let n = 0; n < 9; n++) expect((await subject.post("/stream", body)).status).toBe(202);
    expect((await subject.post("/stream", `${line}\n`.repeat(9_999))).status).toBe(202);
    const two = await subject.post("/stream", `${line}\n${line}\n`);
    await expectProblem(two, 409, "too_many_scheduled", /at most 100,000 .*xs scheduled rm/);
    const { scheduled } = await subject.schedule("r", "the last", HOUR_MS);
    const more = await subject.post(`/r?at=${subject.at(HOUR_MS)}`, "one more");
    await expectProblem(more, 409, "too_many_scheduled");
    await subject.ask(`/-/scheduled/${scheduled}`, { method: "DELETE" });
    await subject.schedule("r", "again the last", HOUR_MS);
  });

  test("a token has at most 10,000 of them, and tokens leave room to the owner", async () => {
    await using subject = new Timed();
    const accessOf = (name: string) =>
      new Access({ name, read: [], append: ["r"], keys: null, cors: null, all: false });
    const at = subject.at(HOUR_MS);
    const batch = (count: number, access?: Access, meta?: object) =>
      api(subject.store)(
        new Request("http://xs/stream", {
          method: "POST",
          body: `${JSON.stringify({ topic: "r", at, meta })}\n`.repeat(count),
        }),
        access,
      );
    const one = accessOf("one");
    expect((await batch(9_999, one, { a: { by: "two" } })).status).toBe(202);
    const over = await batch(2, one);
    await expectProblem(
      over,
      409,
      "too_many_scheduled",
      /at most 10,000 .* of a token.* wait until/,
    );
    expect((await batch(1, one)).status).toBe(202);
    for (let n = 0; n < 3; n++) await expectProblem(await batch(1, one), 409, "too_many_scheduled");
    const [first] = await subject.scheduled();
    await subject.ask(`/-/scheduled/${first?.scheduled}`, { method: "DELETE" });
    expect((await batch(1, one)).status).toBe(202);
    await expectProblem(await batch(1, one), 409, "too_many_scheduled");
    expect((await batch(10_000, accessOf("two"))).status).toBe(202);
    for (let n = 0; n < 7; n++) expect((await batch(10_000)).status).toBe(202);
    await expectProblem(await batch(1, accessOf("three")), 409, "too_many_scheduled", /90,000/);
    expect((await batch(10_000)).status).toBe(202);
    await expectProblem(await batch(1), 409, "too_many_scheduled", /at most 100,000 /);
  });

  test("an export has them; an empty store takes them over, another does not", async () => {
    await using subject = new Timed();
    const first = await subject.schedule("remind", "call Anna", HOUR_MS);
    await subject.append("note", "x");
    const tar = await exported(subject);
    await using empty = new Timed();
    await imported(empty, tar);
    expect((await empty.scheduled()).map(({ scheduled }) => scheduled)).toEqual([first.scheduled]);
    expect(await exported(empty)).toEqual(tar);
    empty.now += 2 * HOUR_MS;
    empty.store.startSchedules();
    await until("it comes", async () => (await empty.contents("remind")).length > 0);
    expect(await empty.contents("remind")).toEqual(["call Anna"]);
    await using used = new Timed();
    await used.append("note");
    await imported(used, tar);
    expect(await used.scheduled()).toEqual([]);
  });

  test("one whose until: has ended by the start is taken out, and no read has it", async () => {
    await using subject = new Timed();
    await subject.schedule("remind", "x", HOUR_MS, `ttl=until:${NOW + 2 * HOUR_MS}`);
    subject.now += 3 * HOUR_MS;
    subject.store.startSchedules();
    await until("it is taken out", async () => (await subject.scheduled()).length === 0);
    expect(await subject.frames()).toEqual([]);
    expect((await subject.append("note")).topic).toBe("note");
  });

  test("clients read its entry, and cannot write it", async () => {
    await using subject = new Timed();
    const { scheduled } = await subject.schedule("remind", "x", HOUR_MS);
    const path = `/kv/stream.cross.scheduled/${scheduled}`;
    expect(await (await subject.ask(path)).json()).toMatchObject({ topic: "remind" });
    await expectProblem(await subject.ask(path, { method: "DELETE" }), 403, "reserved_key");
  });
});

test("a damaged one is named by a check and in the list, and does not keep the others back", async () => {
  using home = tempDirectory();
  const path = `${home.path}/store`;
  let now = NOW;
  const clock = () => now;
  const ids: string[] = [];
  {
    const store = sqliteEngine(path, clock);
    const ask = api(store);
    for (const n of [1, 2]) {
      const at = new Date(NOW + n * HOUR_MS).toISOString();
      const url = `http://localhost/remind?at=${at}`;
      const response = await ask(new Request(url, { method: "POST", body: `content ${n}` }));
      ids.push(((await response.json()) as Scheduled).scheduled);
    }
    await store.close();
  }
  const db = new Database(`${path}/events.db`);
  const replaced = "CAST(replace(CAST(value AS TEXT), 'remind', 'remand') AS BLOB)";
  db.run(`UPDATE kv SET value = ${replaced} WHERE key LIKE '%${ids[0]}'`);
  db.close();
  const store = sqliteEngine(path, clock);
  const ask = api(store);
  try {
    const list = async () =>
      parseLines(await (await ask(new Request("http://localhost/-/scheduled"))).text());
    expect(await list()).toMatchObject([
      { scheduled: ids[0], error: "value_damaged" },
      { scheduled: ids[1], topic: "remind" },
    ] as never);
    expect(await problemsOf(store)).toEqual([
      `key "stream.cross.scheduled/${ids[0]}": does not match its checksum`,
    ]);
    now += 3 * HOUR_MS;
    store.startSchedules();
    await until("the other is appended", async () => (await list()).length === 1);
    const frames = parseLines(await (await ask(new Request("http://localhost/"))).text());
    expect(idsOf(frames).length).toBe(1);
    const init = { method: "DELETE" };
    const gone = await ask(new Request(`http://localhost/-/scheduled/${ids[0]}`, init));
    expect(gone.status).toBe(204);
    expect(await problemsOf(store)).toEqual([]);
  } finally {
    await store.close();
  }
});
