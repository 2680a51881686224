// An append with `at` in the past: a frame with an id of that time, which arrives now.
import { describe, expect, setDefaultTimeout, test } from "bun:test";
import type { Frame } from "../../src/core/frame.ts";
import { packId, timestampOf } from "../../src/core/id.ts";
import { parseLines } from "../support/server.ts";
import { TEST_MS } from "../support/wait.ts";
import { expectProblem, idsOf, Subject, topicOf } from "./with-store.ts";

setDefaultTimeout(TEST_MS);

const RECEIVED = "stream.cross.received";
const RUN = "2025-11-25T07:30:00.125Z";

describe("at, in the past:", () => {
  test("the frame has an id of that time, is late, and one frame reports its arrival", async () => {
    await using subject = new Subject();
    const before = await subject.append("note", "now");
    const frame = await subject.append("run", "5 km", `at=${RUN}`);
    expect(timestampOf(frame.id)).toBe(Date.parse(RUN));
    const log = await subject.frames();
    expect(log.map(({ topic }) => topic)).toEqual(["run", "note", RECEIVED]);
    expect(log[2]?.meta).toEqual({ frames: 1, oldest: frame.id });
    const arrived = await subject.ids("/?order=arrival");
    expect(arrived.slice(0, 2)).toEqual([before.id, frame.id]);
    expect(await (await subject.ask(`/${frame.id}/content`)).text()).toBe("5 km");
    const stamped = await subject.ask("/run?with-timestamp&at=2025-11-25", { method: "POST" });
    expect(await stamped.json()).toMatchObject({ timestamp: "2025-11-25T00:00:00.000Z" });
  });

  test("in a store without any frame nothing is late, so no frame reports it", async () => {
    await using subject = new Subject();
    const { id } = await subject.append("run", "5 km", `at=${RUN}`);
    expect(await subject.ids()).toEqual([id]);
    const older = await subject.append("run", "4 km", "at=2025-11-24");
    expect((await subject.frames()).map(({ topic, id }) => [topic, id])).toEqual([
      ["run", older.id],
      ["run", id],
      [RECEIVED, expect.any(String)],
    ]);
    await using other = new Subject();
    const follower = await other.follow("/?follow");
    const threshold = JSON.parse((await follower.next()) ?? "") as Frame;
    const late = await other.append("run", "5 km", `at=${RUN}`);
    expect(late.id < threshold.id).toBe(true);
    expect((await other.frames("/?order=arrival")).map(({ topic }) => topic)).toEqual([
      "run",
      RECEIVED,
    ]);
  });

  test("a follower, and a read that waits, get it once", async () => {
    await using subject = new Subject();
    const follower = await subject.follow("/?follow&topic=run");
    expect(topicOf((await follower.next()) ?? "")).toBe("stream.cross.threshold");
    const waiting = subject.frames("/?wait=20000&topic=run&tail");
    const { id } = await subject.append("run", "", `at=${RUN}`);
    const after = await subject.append("run");
    expect(parseLines((await follower.take(2)).join("\n")).map((frame) => frame.id)).toEqual([
      id,
      after.id,
    ]);
    expect(idsOf(await waiting)).toEqual([id]);
    expect(await subject.ids(`/?last-id=${id}&follow=false&order=arrival&topic=run`)).toEqual([
      after.id,
    ]);
    await follower.cancel();
  });

  test("frames of one time keep the order in which they came, also in a batch", async () => {
    await using subject = new Subject();
    const one = await subject.append("run", "1", `at=${RUN}`);
    const two = await subject.append("run", "2", `at=${RUN}`);
    const lines = ["3", "4", "5"].map((content) =>
      JSON.stringify({ topic: "run", content, at: RUN }),
    );
    const response = await subject.post("/stream", lines.join("\n"));
    expect(response.status).toBe(200);
    const ids = [one.id, two.id, ...idsOf(parseLines(await response.text()))];
    expect(ids).toEqual(ids.toSorted());
    expect(await subject.ids("/?topic=run")).toEqual(ids);
    expect(new Set(ids).size).toBe(5);
  });

  test("the highest id of a time does not keep others of that time away", async () => {
    await using subject = new Subject();
    const most = 2 ** 24 - 1;
    const ts_ms = Date.parse(RUN);
    const id = packId({ ts_ms, counter_hi: most, counter_lo: most, node: "ffffffff" });
    const line = JSON.stringify({ topic: "run", id, hash: null, meta: null, ttl: "forever" });
    await subject.append("note");
    expect((await subject.post("/import", line)).status).toBe(200);
    for (let n = 0; n < 3; n++) {
      const frame = await subject.append("run", "", `at=${RUN}`);
      expect(timestampOf(frame.id)).toBe(ts_ms);
    }
    expect((await subject.ids("/?topic=run")).length).toBe(4);
  });

  test("a batch mixes times: its lines answer in their order, and one frame reports the late ones", async () => {
    await using subject = new Subject();
    const lines = [
      { topic: "a", meta: { n: 1 }, at: "2025-11-25T08:00Z" },
      { topic: "b", content: "now" },
      { topic: "a", meta: { n: 2 }, at: "2025-11-24", content: "x" },
      { topic: "b", at: null },
    ];
    const body = lines.map((line) => JSON.stringify(line)).join("\n");
    const answers = parseLines(await (await subject.post("/stream", body)).text());
    expect(answers.map(({ topic, meta }) => [topic, meta])).toEqual([
      ["a", { n: 1 }],
      ["b", null],
      ["a", { n: 2 }],
      ["b", null],
    ]);
    const [late1, now1, late2, now2] = idsOf(answers);
    const arrived = await subject.frames("/?order=arrival");
    expect(idsOf(arrived).slice(0, 4)).toEqual([now1, now2, late2, late1] as string[]);
    expect(arrived[4]).toMatchObject({ topic: RECEIVED, meta: { frames: 2, oldest: late2 } });
    expect(arrived.length).toBe(5);
  });

  test("with an Idempotency-Key a retry gets the first answer, and another time is another append", async () => {
    await using subject = new Subject();
    const headers = { "idempotency-key": "run-1" };
    const first = await (await subject.post(`/run?at=${RUN}`, "x", headers)).text();
    expect(await (await subject.post(`/run?at=${RUN}`, "x", headers)).text()).toBe(first);
    const other = await subject.post("/run?at=2025-11-24", "x", headers);
    await expectProblem(other, 422, "idempotency_key_reused");
    expect((await subject.ids("/?topic=run")).length).toBe(1);
  });

  test("a ttl counts from that time; one that is over is refused", async () => {
    await using subject = new Subject();
    const hourAgo = new Date(Date.now() - 3_600_000).toISOString();
    const frame = await subject.append("run", "", `at=${hourAgo}&ttl=time:2h`);
    expect(await subject.ids("/?topic=run")).toEqual([frame.id]);
    const over = await subject.post(`/run?at=${hourAgo}&ttl=time:30m`);
    await expectProblem(over, 400, "bad_option", /time:1800000 ended on .* no read would ever/);
    const until = await subject.post("/run?at=2025-11-25&ttl=until:2025-11-24", undefined, {
      "idempotency-key": "k",
    });
    await expectProblem(until, 400, "bad_option", /ends before/);
    expect((await subject.frames()).length).toBe(1);
  });

  test("a last: ttl holds in the order of ids; a frame that it would take at once is refused", async () => {
    await using subject = new Subject();
    const at = (day: number) => `at=2025-11-${day}`;
    await subject.append("temp", "now", "ttl=last:2");
    const kept = await subject.append("temp", "25", `${at(25)}&ttl=last:2`);
    const gone = await subject.post(`/temp?${at(20)}`, "20");
    await expectProblem(gone, 400, "bad_option", /older than the last 2 frames of temp/);
    expect(await subject.ids("/?topic=temp&last=2&order=asc")).toContain(kept.id);
    const newer = await subject.append("temp", "24", `${at(26)}T00:00Z&ttl=last:1`);
    expect(await subject.ids("/?topic=temp")).toContain(newer.id);
    expect(await subject.ids("/?topic=temp")).not.toContain(kept.id);
    const older = await subject.post(`/temp?${at(20)}`, "20");
    await expectProblem(
      older,
      400,
      "bad_option",
      /older than the newest frame of temp, which keeps no/,
    );
  });

  test("what was removed stays removed, and the new frame of its time is another", async () => {
    await using subject = new Subject();
    const first = await subject.append("run", "", `at=${RUN}`);
    await subject.ask(`/${first.id}`, { method: "DELETE" });
    const second = await subject.append("run", "", `at=${RUN}`);
    expect(second.id).not.toBe(first.id);
    expect(await subject.ids("/?topic=run")).toEqual([second.id]);
  });

  test("where the newest id is older than that time, the frame is the newest and not late", async () => {
    let now = Date.parse("2025-11-20");
    await using subject = new Subject(() => now);
    await subject.append("note");
    now = Date.parse("2025-11-26");
    const frame = await subject.append("run", "", `at=${RUN}`);
    expect(timestampOf(frame.id)).toBe(Date.parse(RUN));
    const next = await subject.append("note");
    expect(next.id > frame.id).toBe(true);
    expect((await subject.frames()).map(({ topic }) => topic)).toEqual(["note", "run", "note"]);
  });

  test("with the clock set back, that time is one that has passed, and ids go on increasing", async () => {
    let now = Date.parse("2025-11-26T12:00Z");
    await using subject = new Subject(() => now);
    const first = await subject.append("note");
    now -= 3_600_000;
    const frame = await subject.append("run", "", "at=2025-11-26T10:30Z");
    expect(frame.id < first.id).toBe(true);
    expect((await subject.append("note")).id > first.id).toBe(true);
  });

  test.each([
    ["at=yesterday", /"yesterday" is not a time like/],
    ["at=", /"" is not a time/],
    ["at=2h", /that is a duration, and {2}xs append --in 2h/],
    ["at=1969-12-31", /before 1970/],
    ["at=3025-11-26", /more than a hundred years ahead/],
    ["at=2026-02-30", /is not a time/],
    [`at=${RUN}&at=${RUN}`, /given twice/],
    [`at=${RUN}&ttl=ephemeral`, /does not go with the ttl ephemeral/],
    [`at=${RUN}&chunked=lines`, /chunked does not go with at/],
  ])("%s is refused, and says why", async (query, why) => {
    await using subject = new Subject();
    await expectProblem(await subject.post(`/run?${query}`, "x"), 400, "bad_option", why);
    expect(await subject.frames()).toEqual([]);
  });

  test("xs-expect-last and topics of the runtime do not go with it, nor does a number in a batch", async () => {
    await using subject = new Subject();
    const expecting = await subject.post(`/run?at=${RUN}`, "x", { "xs-expect-last": "none" });
    await expectProblem(expecting, 400, "bad_header", /xs-expect-last does not go with at/);
    const path = `/stream/stream.cross.handler.spawn?at=${RUN}`;
    await expectProblem(await subject.post(path, "x"), 400, "bad_option", /runtime acts on it/);
    const body = `{"topic":"a"}\n{"topic":"a","at":1}\n`;
    await expectProblem(await subject.post("/stream", body), 400, "bad_batch", /line 2: "at" is/);
    const wrong = `{"topic":"a"}\n{"topic":"a","at":"soon"}\n`;
    await expectProblem(await subject.post("/stream", wrong), 400, "bad_option", /line 2: at=/);
    expect(await subject.frames()).toEqual([]);
  });

  test("an input of a generator and a request of HTTP are late whatever their ids: no program takes them", async () => {
    let now = Date.parse("2025-11-20");
    await using subject = new Subject(() => now);
    await subject.append("note");
    now = Date.parse("2025-11-26");
    await subject.append("echo.send", "x", `at=${RUN}`);
    const log: Frame[] = await subject.frames();
    expect(log.at(-1)).toMatchObject({ topic: RECEIVED });
  });
});
