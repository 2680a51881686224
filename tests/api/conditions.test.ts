import { describe, expect, test } from "bun:test";
import type { Frame } from "../../src/core/frame.ts";
import { expectProblem, Subject } from "./with-store.ts";

describe("xs-expect-last", () => {
  const expecting = (id: string) => ({ "xs-expect-last": id });

  test("appends only where it names the newest frame of the topic", async () => {
    await using it = new Subject();
    const other = await it.append("other");
    const first = (await (await it.post("/stream/a", "1", expecting("none"))).json()) as Frame;
    await it.append("other");
    const second = (await (await it.post("/stream/a", "2", expecting(first.id))).json()) as Frame;
    for (const wrong of ["none", first.id, other.id]) {
      const refused = await it.post("/stream/a", "3", expecting(wrong));
      expect(refused.status).toBe(409);
      expect(await refused.json()).toMatchObject({
        code: "expect_last_failed",
        actual: second.id,
        detail: expect.stringContaining(second.id),
      });
    }
    expect(await it.ids("/?topic=a")).toEqual([first.id, second.id]);
  });

  test("says that there is no frame of the topic", async () => {
    await using it = new Subject();
    const { id } = await it.append("b");
    const refused = await it.post("/stream/a", "", expecting(id));
    expect(refused.status).toBe(409);
    expect(await refused.json()).toMatchObject({ actual: null });
  });

  test("counts neither what expired nor what was never stored", async () => {
    await using it = new Subject();
    const kept = await it.append("a");
    await it.append("a", "", "ttl=time:1");
    await it.append("a", "", "ttl=ephemeral");
    const at = Date.now();
    while (Date.now() <= at + 2);
    expect((await it.post("/stream/a", "", expecting(kept.id))).status).toBe(200);
  });

  test("lets one of two racing clients win and tells the other the actual id", async () => {
    await using it = new Subject();
    let { id } = await it.append("race");
    for (let round = 0; round < 50; round++) {
      const answers = await Promise.all(
        ["x", "y", "z"].map((content) => it.post("/stream/race", content, expecting(id))),
      );
      const bodies = (await Promise.all(answers.map((answer) => answer.json()))) as {
        id?: string;
        actual?: string;
      }[];
      const won = bodies.filter((body) => body.id !== undefined);
      expect(won).toHaveLength(1);
      id = won[0]?.id ?? "";
      expect(bodies.filter(({ actual }) => actual === id)).toHaveLength(2);
    }
    expect(await it.ids("/?topic=race")).toHaveLength(51);
  });

  test("is refused where it is no id", async () => {
    await using it = new Subject();
    await expectProblem(await it.post("/stream/a", "", expecting("newest")), 400, "bad_id");
  });
});

describe("Idempotency-Key", () => {
  const keyed = (key: string, more = {}) => ({ "idempotency-key": key, ...more });

  test("gives a retry the first answer again", async () => {
    await using it = new Subject();
    const first = await (await it.post("/stream/a", "once", keyed("k1"))).text();
    await it.append("a", "between");
    expect(await (await it.post("/stream/a", "once", keyed("k1"))).text()).toBe(first);
    expect(await (await it.post("/append/a", "once", keyed("k1"))).text()).toBe(first);
    const { id } = JSON.parse(first) as Frame;
    await it.ask(`/${id}`, { method: "DELETE" });
    expect(await (await it.post("/stream/a", "once", keyed("k1"))).text()).toBe(first);
    expect(await it.ids("/?topic=a")).toHaveLength(1);
    expect((await it.post("/stream/a", "once", keyed("k2"))).status).toBe(200);
    expect(await it.ids("/?topic=a")).toHaveLength(2);
  });

  test("holds for retries that come at once, and for a condition that no longer does", async () => {
    await using it = new Subject();
    const { id } = await it.append("a");
    const retry = () => it.post("/stream/a", "x", keyed("k", { "xs-expect-last": id }));
    const texts = await Promise.all(Array.from({ length: 8 }, async () => (await retry()).text()));
    expect(new Set(texts).size).toBe(1);
    expect(await it.ids("/?topic=a")).toHaveLength(2);
  });

  test("refuses the same key for something else", async () => {
    await using it = new Subject();
    await it.post("/stream/a", "x", keyed("k"));
    for (const [path, content, more] of [
      ["/stream/a", "y", {}],
      ["/stream/b", "x", {}],
      ["/stream/a?ttl=last:1", "x", {}],
      ["/stream/a", "x", { "xs-meta": "1" }],
    ] as const) {
      const refused = await it.post(path, content, keyed("k", more));
      await expectProblem(refused, 422, "idempotency_key_reused");
    }
    expect(await it.ids()).toHaveLength(1);
  });

  test.each(["", " ", "a b", "é", "x".repeat(256)])("%p is none", async (key) => {
    await using it = new Subject();
    await expectProblem(await it.post("/stream/a", "", keyed(key)), 400, "bad_header");
  });

  test("is forgotten after 24 hours", async () => {
    let now = Date.now();
    await using it = new Subject(() => now);
    const first = await (await it.post("/stream/a", "x", keyed("k"))).text();
    now += 24 * 3_600_000 - 1;
    expect(await (await it.post("/stream/a", "x", keyed("k"))).text()).toBe(first);
    now += 1;
    expect(await (await it.post("/stream/a", "x", keyed("k"))).text()).not.toBe(first);
  });
});

describe("a batch", () => {
  const batch = (it: Subject, lines: readonly (object | string)[], headers = {}, query = "") =>
    it.post(
      `/stream${query}`,
      lines.map((line) => (typeof line === "string" ? line : JSON.stringify(line))).join("\n"),
      headers,
    );
  const framesOf = async (response: Response) => {
    const text = await response.text();
    expect(`${response.status} ${text}`).toStartWith("200 ");
    return text
      .trimEnd()
      .split("\n")
      .map((line) => JSON.parse(line) as Frame);
  };

  test("is appended in one step, in its order", async () => {
    await using it = new Subject();
    const hash = await (await it.post("/cas", "from before")).text();
    const frames = await framesOf(
      await batch(it, [
        { topic: "a", content: "text €" },
        "",
        { topic: "b.c", meta: { n: 1 }, ttl: "last:2" },
        { topic: "a", hash },
        { topic: "a", content: "x".repeat(100_000) },
      ]),
    );
    expect(await it.frames()).toEqual(frames);
    const contents = await Promise.all(
      frames.map(async ({ id, hash }) => hash && (await (await it.ask(`/${id}/content`)).text())),
    );
    expect(contents).toEqual(["text €", null, "from before", "x".repeat(100_000)]);
    expect(frames[1]).toMatchObject({ topic: "b.c", meta: { n: 1 }, ttl: "last:2" });
  });

  test("reaches followers as a whole", async () => {
    await using it = new Subject();
    const lines = await it.follow("/?tail&follow");
    await lines.take(1);
    const frames = await framesOf(
      await batch(
        it,
        Array.from({ length: 1000 }, (_, n) => ({ topic: "a", meta: n })),
      ),
    );
    expect(await lines.take(1000)).toEqual(frames.map((frame) => JSON.stringify(frame)));
    await lines.cancel();
  });

  test.each([
    ["bad_batch", "no JSON"],
    ["bad_batch", "[]"],
    ["bad_batch", {}],
    ["bad_batch", { topic: "a", id: "03hadtdyn9s2dxl5soli9q9dz" }],
    ["bad_batch", { topic: "a", body: "x" }],
    ["bad_batch", { topic: "a", content: 1 }],
    ["bad_batch", { topic: "a", content: "x", hash: "y" }],
    ["bad_topic", { topic: "a..b" }],
    ["reserved_topic", { topic: "stream.cross.start" }],
    ["bad_ttl", { topic: "a", ttl: "soon" }],
    ["bad_hash", { topic: "a", hash: "sha256-x" }],
    [
      "content_not_found",
      { topic: "a", hash: "sha256-LPJNul+wow4m6DsqxbninhsWHlwfp0JecwQzYpOLmCQ=" },
    ],
    ["meta_too_large", { topic: "a", meta: "x".repeat(65_536) }],
  ] as const)("with a bad line (%s) is refused as a whole, naming the line", async (code, line) => {
    await using it = new Subject();
    const lines = [{ topic: "a", content: "good" }, line, { topic: "a" }];
    const refused = await batch(it, lines);
    const problem = (await refused.json()) as { code: string; detail: string };
    expect(problem).toMatchObject({ code, detail: expect.stringMatching(/^line 2: .*nothing/) });
    expect(await it.ids()).toEqual([]);
  });

  test("of more than 10,000 frames is refused; of none it is nothing", async () => {
    await using it = new Subject();
    const lines = (count: number) => Array.from({ length: count }, () => ({ topic: "a" }));
    await expectProblem(await batch(it, lines(10_001)), 413, "body_too_large", "line 10001");
    expect(await framesOf(await batch(it, lines(10_000)))).toHaveLength(10_000);
    expect(await (await batch(it, [])).text()).toBe("");
  });

  test("with an Idempotency-Key happens once", async () => {
    await using it = new Subject();
    const lines = [{ topic: "a", content: "1" }, { topic: "b" }];
    const frames = await framesOf(await batch(it, lines, { "idempotency-key": "k" }));
    expect(await framesOf(await batch(it, lines, { "idempotency-key": "k" }))).toEqual(frames);
    expect(await it.frames()).toEqual(frames);
    await expectProblem(
      await batch(it, lines.slice(1), { "idempotency-key": "k" }),
      422,
      "idempotency_key_reused",
    );
  });

  test("takes no xs-expect-last, and gives the time where that is asked for", async () => {
    await using it = new Subject();
    const refused = await batch(it, [{ topic: "a" }], { "xs-expect-last": "none" });
    await expectProblem(refused, 400, "bad_header");
    const [frame] = await framesOf(await batch(it, [{ topic: "a" }], {}, "?with-timestamp"));
    expect(frame).toHaveProperty("timestamp");
  });
});

test("null in a batch is what stands there when nothing is given", async () => {
  await using subject = new Subject();
  const line = '{"topic":"a","meta":null,"ttl":null,"hash":null,"content":null}';
  const response = await subject.post("/stream", line);
  expect(await response.json()).toMatchObject({ meta: null, ttl: "forever", hash: null });
});
