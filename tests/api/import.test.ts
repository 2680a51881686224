import { expect, test } from "bun:test";
import { hashOf } from "../../src/core/hash.ts";
import { packId } from "../../src/core/id.ts";
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
  expect(ids.indexOf(id)).toBe(2);
  expect(await subject.ids("/stream/note")).toEqual(ids.slice(0, 3));
  const [received] = await subject.frames("/last");
  expect(received).toMatchObject({
    topic: "stream.cross.received",
    meta: { frames: 2, oldest: ids[0] },
  });
});

test("live readers get imported frames", async () => {
  await using subject = new Subject();
  const lines = await subject.follow("/?follow&tail");
  await subject.post("/import", `${frameAt(1000, "imported")}\n${frameAt(2000, "imported")}`);
  await subject.append("live");
  expect((await lines.take(4)).map(topicOf)).toEqual([
    "stream.cross.threshold",
    "imported",
    "imported",
    "live",
  ]);
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

test("with ahead an id is taken however far ahead it is, and the refusal says so", async () => {
  await using subject = new Subject();
  const lines = [frameAt(Date.now() + 400 * DAY_MS), frameAt(1000)];
  const body = `${lines.join("\n")}\n`;
  await expectProblem(await subject.post("/import", body), 400, "id_ahead", /xs import --ahead/);
  expect((await subject.post("/import?ahead", body)).status).toBe(200);
  expect(await (await subject.ask("/")).text()).toBe(`${lines[1]}\n${lines[0]}\n`);
  const { id } = await subject.append("note");
  expect(id > JSON.parse(lines[0] ?? "").id).toBe(true);
});

test("an id after which none could come is refused, also with ahead", async () => {
  await using subject = new Subject();
  const last = frameAt(2 ** 48 - 1);
  await expectProblem(
    await subject.post("/import?ahead", last),
    400,
    "id_ahead",
    "none could come",
  );
  await expectProblem(await subject.post("/import", last), 400, "id_ahead");
  await subject.append("note");
});

test("frames whose content is missing are imported, and counted", async () => {
  await using subject = new Subject();
  const { hash } = await subject.append("note", "here");
  const named = (ts: number, hash: string | null, ttl = "forever") =>
    JSON.stringify({ ...JSON.parse(frameAt(ts)), hash, ttl });
  const missing = hashOf(Buffer.from("nowhere"));
  const lines = [
    named(1000, missing),
    named(2000, hash),
    named(3000, null),
    named(4000, missing),
    // It is over, so nobody misses anything.
    named(5000, missing, "time:1"),
  ];
  const answer = async (body: string) => (await subject.post("/import", body)).json();
  expect(await answer(lines.join("\n"))).toEqual({ frames: 5, added: 4, missing: 2 });
  // What is there already has no content either.
  expect(await answer(lines.join("\n"))).toEqual({ frames: 5, added: 0, missing: 2 });
  const one = await subject.post("/import", named(6000, missing));
  expect(JSON.parse(one.headers.get("xs-import") ?? "")).toEqual({
    frames: 1,
    added: 1,
    missing: 1,
  });
  expect(await one.json()).toMatchObject({ hash: missing });
  await subject.post("/cas", "nowhere");
  expect(await answer(lines.join("\n"))).toEqual({ frames: 5, added: 0 });
});

test("the line that is not UTF-8, or too long, is named, whatever arrives together", async () => {
  await using subject = new Subject();
  const wrong = Buffer.concat([
    Buffer.from(`${frameAt(1000)}\n\n${frameAt(2000)}\n`),
    Buffer.from([0x22, 0xff, 0x0a]),
    Buffer.from(frameAt(3000)),
  ]);
  const line4 = /^line 4: the line is not UTF-8 \(nothing was imported\)/;
  await expectProblem(await subject.post("/import", wrong), 400, "bad_frame", line4);
  const byByte = new ReadableStream<Uint8Array>({
    start(controller) {
      for (const byte of wrong) controller.enqueue(new Uint8Array([byte]));
      controller.close();
    },
  });
  const body = { method: "POST", body: byByte };
  await expectProblem(await subject.ask("/import", body), 400, "bad_frame", line4);
  const first = Buffer.concat([Buffer.from([0xff]), Buffer.from(`\n${frameAt(1000)}`)]);
  await expectProblem(
    await subject.post("/import", new Uint8Array(first)),
    400,
    "bad_frame",
    /^line 1:/,
  );
  const long = `${frameAt(1000)}\n${"x".repeat(1024 * 1024 + 1)}`;
  await expectProblem(await subject.post("/import", long), 413, "body_too_large", /^line 2:/);
  // Half a character at the end of all.
  const cut = Buffer.concat([Buffer.from(`${frameAt(1000)}\n`), Buffer.from([0xc3])]);
  await expectProblem(
    await subject.post("/import", new Uint8Array(cut)),
    400,
    "bad_frame",
    /^line 2:/,
  );
  expect(await subject.ids()).toEqual([]);
});

test("meta of older exports may be as deep as 64 KiB allow, and is served, exported, imported again", async () => {
  await using subject = new Subject();
  const meta = (levels: number) => `${"[".repeat(levels)}${"]".repeat(levels)}`;
  const deep = (ts: number, text: string) =>
    frameAt(ts).replace('"meta":{"n":1}', () => `"meta":${text}`);
  const lines = [
    deep(1000, meta(129)),
    deep(2000, meta(32 * 1024)),
    deep(3000, `{"chunk":{"of":${meta(5000)},"index":1,"more":false}}`),
    deep(4000, `${'{"a":'.repeat(10_000)}1.0${"}".repeat(10_000)}`),
  ];
  const body = lines.map((line) => `${line}\n`).join("");
  expect(await (await subject.post("/import", body)).json()).toEqual({ frames: 4, added: 4 });
  expect(await (await subject.ask("/")).text()).toBe(body);
  const more = deep(5000, meta(32 * 1024 + 1));
  const refused = await subject.post("/import", more);
  expect(refused.status).toBeOneOf([400, 413]);
  for (const line of lines) {
    const { id } = JSON.parse(line.replace(/"meta":.*,"ttl"/, '"ttl"'));
    expect((await subject.ask(`/${id}`)).status).toBe(200);
    expect((await subject.ask(`/${id}/content`)).status).toBe(404);
    expect((await subject.ask(`/${id}?with-timestamp`)).status).toBe(200);
  }
  await using copy = new Subject();
  const tar = new Uint8Array(await (await subject.ask("/export")).arrayBuffer());
  expect(await (await copy.post("/import", tar)).json()).toMatchObject({ frames: 4, added: 4 });
  expect(await (await copy.ask("/")).text()).toBe(body);
  for (const line of lines) {
    const { id } = JSON.parse(line.replace(/"meta":.*,"ttl"/, '"ttl"'));
    expect((await copy.ask(`/${id}`, { method: "DELETE" })).status).toBe(204);
  }
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
