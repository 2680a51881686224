import { expect, test } from "bun:test";
import { randomBytes } from "node:crypto";
import { contract, type Frame, framesOf, ID, linesOf, NO_ID, sri } from "./subject.ts";

const nested = (depth: number) => "[".repeat(depth) + "]".repeat(depth);

contract((it) => {
  const batch = (lines: readonly unknown[], headers = {}) =>
    it.post(
      "/stream",
      lines.map((line) => (typeof line === "string" ? line : JSON.stringify(line))).join("\n"),
      headers,
    );

  test("a batch is appended in one step, in its order, and reaches followers so", async () => {
    const topic = it.fresh();
    const live = await it.follow(`/?follow&topic=${topic},${topic}.*`);
    await live.take(1);
    const hash = await it.text("/cas", { method: "POST", body: "from before" });
    const long = "x".repeat(100_000);
    const response = await batch([
      { topic, content: "text €" },
      "",
      { topic: `${topic}.b`, meta: { n: 1 }, ttl: "last:2" },
      { topic, hash },
      { topic, content: long },
      { topic, meta: null, ttl: null, content: null, hash: null },
    ]);
    expect(response.headers.get("content-type")).toStartWith("application/x-ndjson");
    const lines = linesOf(await response.text());
    const frames = framesOf(lines.join("\n"));
    expect(frames.map((frame) => frame.hash)).toEqual([sri("text €"), null, hash, sri(long), null]);
    expect(frames[1]).toMatchObject({ topic: `${topic}.b`, meta: { n: 1 }, ttl: "last:2" });
    expect(await live.take(5)).toEqual(lines);
    await live.cancel();
    expect(linesOf(await it.text(`/?topic=${topic},${topic}.*`))).toEqual(lines);
    expect(await it.text(`/${frames[0]?.id}/content`)).toBe("text €");
    expect(await (await batch([])).text()).toBe("");
  });

  test("a batch with a wrong line appends nothing, and the error names the line", async () => {
    const topic = it.fresh();
    for (const [problem, ...wrong] of [
      ["400 bad_batch", "no JSON", "[]", {}, { topic, id: NO_ID }, { topic, content: 1 }],
      ["400 bad_batch", { topic, content: "x", hash: sri("y") }],
      ["400 bad_batch", { topic, content: "x", content_base64: "eA==" }],
      ["400 bad_batch", { topic, content_base64: "x" }, { topic, content_base64: 1 }],
      ["400 bad_batch", { topic, content_size: 9 }, { topic, content_error: "content_damaged" }],
      ["400 bad_topic", { topic: "a..b" }],
      ["400 bad_ttl", { topic, ttl: "soon" }],
      ["400 bad_hash", { topic, hash: "sha256-x" }],
      ["404 content_not_found", { topic, hash: sri(randomBytes(9)) }],
      ["413 meta_too_large", { topic, meta: "x".repeat(65_536) }],
      ["400 too_deep", `{"topic":"${topic}","meta":${nested(129)}}`],
      ["413 body_too_large", { topic, content: "x".repeat(1024 * 1024) }],
    ]) {
      for (const line of wrong) {
        const lines = [{ topic, content: "good" }, line, { topic }].map((each) =>
          typeof each === "string" ? each : JSON.stringify(each),
        );
        await it.refuses("POST /stream", `${problem} line 2`, { body: lines.join("\n") });
      }
    }
    expect((await batch([`{"topic":"${topic}","content":"\\ud800"}`])).status).toBe(400);
    expect((await batch(Array(10_001).fill({ topic }))).status).toBe(413);
    expect((await batch([{ topic }], { "xs-expect-last": "none" })).status).toBe(400);
    expect(await it.ids(`/stream/${topic}`)).toEqual([]);
  });

  test("xs-expect-last lets one append happen, and tells the others what is the newest", async () => {
    const topic = it.fresh();
    const post = (last: string) => it.post(`/stream/${topic}`, "x", { "xs-expect-last": last });
    const other = await it.append(`${topic}.other`);
    const early = await post(other.id);
    const told = { code: "expect_last_failed", actual: null };
    expect([early.status, await early.json()]).toMatchObject([409, told]);
    let actual = "none";
    for (let round = 0; round < 3; round++) {
      const racers = await Promise.all([post(actual), post(actual), post(actual), post(actual)]);
      const bodies = (await Promise.all(racers.map((answer) => answer.json()))) as Frame[];
      const won = racers.findIndex(({ status }) => status === 200);
      actual = bodies[won]?.id ?? "";
      expect(actual).toMatch(ID);
      const lost = bodies.filter((_, n) => n !== won);
      expect(lost).toEqual(Array(3).fill(expect.objectContaining({ status: 409, actual })));
    }
    await it.append(topic, "", "ttl=ephemeral");
    for (const [last, status] of [
      ["none", 409],
      ["newest", 400],
      [actual, 200],
    ] as const) {
      expect([last, (await post(last)).status]).toEqual([last, status]);
    }
    expect(await it.ids(`/stream/${topic}`)).toHaveLength(4);
  });

  test("an Idempotency-Key makes a retry give the first answer again", async () => {
    const topic = it.fresh();
    const path = `/stream/${topic}`;
    const key = { "idempotency-key": topic };
    const once = async () => (await it.post(path, "once", key)).text();
    const [first = "", ...more] = await Promise.all([once(), once(), once(), once()]);
    expect(more).toEqual([first, first, first]);
    expect(linesOf(await it.text(path))).toEqual(linesOf(first));
    for (const [other, body, headers] of [
      [path, "twice", {}],
      [`${path}.b`, "once", {}],
      [`${path}?ttl=last:1`, "once", {}],
      [path, "once", { "xs-meta": "1" }],
    ] as const) {
      const init = { body, headers: { ...headers, ...key } };
      await it.refuses(`POST ${other}`, "422 idempotency_key_reused", init);
    }
    await it.ask(`/${JSON.parse(first).id}`, { method: "DELETE" });
    expect(await once()).toBe(first);
    const lines = [{ topic }, { topic, content: "x" }];
    const batchKey = { "idempotency-key": `${topic}.batch` };
    const batched = await (await batch(lines, batchKey)).text();
    expect(await (await batch(lines, batchKey)).text()).toBe(batched);
    expect((await batch([...lines, { topic }], batchKey)).status).toBe(422);
    expect(await it.text(path)).toBe(batched);
    for (const bad of ["", "a b", "é", "x".repeat(256)]) {
      await it.refuses(`POST ${path}`, "400 bad_header", { headers: { "idempotency-key": bad } });
    }
  });

  test("a batch of no frames has an answer without lines, also to a retry", async () => {
    const headers = { "idempotency-key": `${it.fresh()}.empty` };
    for (const path of ["/stream", "/stream", "/stream?with-timestamp"]) {
      const response = await it.ask(path, { method: "POST", headers, body: "" });
      expect([response.status, await response.text()]).toEqual([200, ""]);
    }
  });
});
