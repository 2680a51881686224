import { expect, test } from "bun:test";
import { packId } from "../../src/frame/id.ts";
import { expectProblem, idsOf, Subject, topicOf } from "./with-store.ts";

const DAY_MS = 24 * 60 * 60 * 1000;

function frameAt(ts_ms: number, topic = "note", counter_lo = 0): string {
  const id = packId({ ts_ms, counter_hi: 1, counter_lo, node: "00000001" });
  return JSON.stringify({ topic, id, hash: null, meta: { n: 1 }, ttl: "forever" });
}

test("one frame is given back as it is", async () => {
  await using subject = new Subject();
  const line = frameAt(1_700_000_000_000);
  for (const body of [line, `${line}\n`, `\n${line}\r\n\n`]) {
    const response = await subject.post("/import", body);
    expect(response.status).toBe(200);
    expect((await response.text()).trimEnd()).toBe(line);
  }
  expect(await (await subject.ask("/")).text()).toBe(`${line}\n`);
});

test("several frames are counted, and twice is the same as once", async () => {
  await using subject = new Subject();
  const lines = [frameAt(1000), frameAt(2000, "stream.cross.start"), frameAt(3000)];
  const body = `${lines.join("\n")}\n`;
  const counts = async () => (await subject.post("/import", body)).json();
  expect(await counts()).toEqual({ frames: 3, added: 3 });
  const once = await (await subject.ask("/")).text();
  expect(once).toBe(body);
  expect(await counts()).toEqual({ frames: 3, added: 0 });
  expect(await (await subject.ask("/")).text()).toBe(once);
});

test("imported frames take their place by id", async () => {
  await using subject = new Subject();
  const { id } = await subject.append("note");
  await subject.post("/import", `${frameAt(2000)}\n${frameAt(1000)}`);
  const ids = await subject.ids();
  expect(ids).toEqual([...ids].sort());
  expect(ids.at(-1)).toBe(id);
  expect(await subject.ids("/stream/note")).toEqual(ids);
});

test("live readers are not told of imported frames", async () => {
  await using subject = new Subject();
  const lines = await subject.follow("/?follow&tail");
  await subject.post("/import", `${frameAt(1000, "imported")}\n${frameAt(2000, "imported")}`);
  await subject.append("live");
  expect((await lines.take(2)).map(topicOf)).toEqual(["stream.cross.threshold", "live"]);
  await lines.cancel();
});

test("a bad line is named and nothing is kept", async () => {
  await using subject = new Subject();
  const id = JSON.parse(frameAt(5000)).id;
  const cases: [line: string, code: string][] = [
    ["{", "bad_frame"],
    ["[]", "bad_frame"],
    ["7", "bad_frame"],
    ["{}", "bad_frame"],
    [`{"topic":"note","id":"nope"}`, "bad_id"],
    [`{"topic":"a..b","id":"${id}"}`, "bad_topic"],
    [`{"topic":"note","id":"${id}","hash":"sha256-x"}`, "bad_hash"],
    [`{"topic":"note","id":"${id}","hash":7}`, "bad_frame"],
    [`{"topic":"note","id":"${id}","ttl":"x"}`, "bad_ttl"],
    [`{"topic":"note","id":"${id}","extra":1}`, "bad_frame"],
    [`{"topic":"note","id":"${id}","meta":"${"m".repeat(65536)}"}`, "meta_too_large"],
  ];
  for (const [line, code] of cases) {
    const status = code === "meta_too_large" ? 413 : 400;
    const response = await subject.post("/import", `${frameAt(1000)}\n\n${line}\n${frameAt(2000)}`);
    await expectProblem(response, status, code, /line 3\b/);
  }
  expect(await subject.ids()).toEqual([]);
});

test("a line that is not UTF-8 is refused", async () => {
  await using subject = new Subject();
  const body = Buffer.concat([Buffer.from(`${frameAt(1000)}\n"`), Buffer.from([0xff, 0x0a])]);
  await expectProblem(await subject.post("/import", new Uint8Array(body)), 400, "bad_frame");
  expect(await subject.ids()).toEqual([]);
});

test("an id more than a day ahead of the clock is refused, and nothing is kept", async () => {
  await using subject = new Subject();
  const body = `${frameAt(1000)}\n${frameAt(Date.now() + DAY_MS + 60_000)}`;
  await expectProblem(await subject.post("/import", body), 400, "id_ahead", "day");
  expect(await subject.ids()).toEqual([]);
});

test("an id that is ahead at all moves the id sequence forward with it", async () => {
  await using subject = new Subject();
  const line = frameAt(Date.now() + DAY_MS / 2);
  await subject.post("/import", line);
  const { id } = await subject.append("note");
  expect(id > JSON.parse(line).id).toBe(true);
});

test("a frame that its ttl rules out is not brought back", async () => {
  await using subject = new Subject();
  const old = (ttl: string) => JSON.stringify({ ...JSON.parse(frameAt(1000)), ttl });
  for (const ttl of ["time:1000", "ephemeral"]) await subject.post("/import", old(ttl));
  expect(await subject.ids()).toEqual([]);
  const lines = [1, 2, 3].map((n) => {
    return JSON.stringify({ ...JSON.parse(frameAt(1000, "note", n)), ttl: "last:2" });
  });
  await subject.post("/import", lines.join("\n"));
  expect(idsOf(await subject.frames())).toEqual(lines.slice(1).map((line) => JSON.parse(line).id));
});

test("an empty import is no error", async () => {
  await using subject = new Subject();
  for (const body of ["", "\n\n"]) {
    expect(await (await subject.post("/import", body)).json()).toEqual({ frames: 0, added: 0 });
  }
});

test("a line without an end is refused before it fills the memory", async () => {
  await using subject = new Subject();
  const response = await subject.post("/import", "x".repeat(4 * 1024 * 1024));
  await expectProblem(response, 413, "body_too_large");
});
