// GET /:id/causes and GET /:id/effects: the frames that a frame came of, and what came of it.
import { expect, setDefaultTimeout, test } from "bun:test";
import type { Frame } from "../../src/core/frame.ts";
import { packId } from "../../src/core/id.ts";
import { TEST_MS } from "../support/wait.ts";
import { expectProblem, idsOf, Subject } from "./with-store.ts";

setDefaultTimeout(TEST_MS);

/** Appends a frame that names others. */
async function add(it: Subject, topic: string, meta: unknown = null, query = ""): Promise<Frame> {
  const response = await it.post(`/stream/${topic}?${query}`, "", {
    "xs-meta": JSON.stringify(meta),
  });
  expect(response.status).toBe(200);
  return (await response.json()) as Frame;
}

function idAt(n: number): string {
  return packId({ ts_ms: 1_500_000_000_000 + n, counter_hi: 1, counter_lo: 0, node: "00000001" });
}

function lineOf(id: string, meta: unknown, topic = "old"): string {
  return JSON.stringify({ topic, id, hash: null, meta, ttl: "forever" });
}

async function importLines(it: Subject, lines: readonly string[]): Promise<void> {
  const response = await it.post("/import", `${lines.join("\n")}\n`);
  expect(response.status).toBe(200);
  await response.text();
}

test("causes are the frames that the meta names, in the order of its kinds, then theirs; effects are the reverse", async () => {
  await using it = new Subject();
  const spawn = await add(it, "stream.cross.handler.spawn", { topic: "h" });
  const root = await add(it, "note");
  const request = await add(it, "http.request", { frame_id: root.id });
  const out = await add(it, "out", {
    chunk: { of: request.id, index: 1, more: true },
    handler_id: spawn.id,
    request_id: request.id,
    frame_id: root.id,
  });
  const other = await add(it, "other", { spawn_id: spawn.id });
  const last = await add(it, "last", { frame_id: out.id });
  expect(await it.ids(`/${out.id}/causes`)).toEqual([root.id, request.id, spawn.id]);
  expect(await it.ids(`/${last.id}/causes`)).toEqual([out.id, root.id, request.id, spawn.id]);
  expect(await it.ids(`/${root.id}/causes`)).toEqual([]);
  expect(await it.ids(`/${spawn.id}/effects`)).toEqual([out.id, other.id, last.id]);
  expect(await it.ids(`/${root.id}/effects`)).toEqual([request.id, out.id, last.id]);
  expect(await it.ids(`/${last.id}/effects`)).toEqual([]);
  // What comes later is there at once.
  const more = await add(it, "more", { request_id: request.id });
  expect(await it.ids(`/${request.id}/effects`)).toEqual([out.id, more.id, last.id]);
  const [frame] = await it.frames(`/${last.id}/causes`);
  expect(frame).toEqual(out);
});

test("the lines are those of a read, with what its options add, and the distance", async () => {
  await using it = new Subject();
  const cause = await it.append("note", "hello");
  const out = await add(it, "out", { frame_id: cause.id });
  await add(it, "out", { frame_id: out.id });
  const query = "content=inline&with-timestamp&with-depth";
  const text = await (await it.ask(`/${out.id}/causes?${query}`)).text();
  const whole = await (await it.ask(`/${cause.id}?content=inline&with-timestamp`)).text();
  expect(text).toBe(whole.trimEnd().replace(',"content"', ',"depth":1,"content"').concat("\n"));
  const depths = (await it.frames(`/${cause.id}/effects?with-depth`)).map(
    (frame) => (frame as unknown as { depth: number }).depth,
  );
  expect(depths).toEqual([1, 2]);
  expect(await it.ids(`/${cause.id}/effects?depth=1`)).toEqual([out.id]);
  expect(await it.ids(`/${cause.id}/effects?depth=0`)).toEqual([]);
  const answer = await it.ask(`/${cause.id}/effects`);
  expect(answer.headers.get("content-type")).toBe("application/x-ndjson");
  await answer.text();
  const head = await it.ask(`/${cause.id}/effects`, { method: "HEAD" });
  expect([head.status, await head.text()]).toEqual([200, ""]);
});

test("what no meta of that form names is no cause: other members, other types, ids that are none", async () => {
  await using it = new Subject();
  const one = await add(it, "note");
  const none = "0000000000000000000000001";
  for (const meta of [
    { other_id: one.id },
    { nested: { frame_id: one.id } },
    { frame_id: [one.id] },
    { frame_id: { id: one.id } },
    { frame_id: one.id.slice(1) },
    { frame_id: none },
    { frame_id: 7 },
    [{ frame_id: one.id }],
    one.id,
    { chunk: one.id },
  ]) {
    const frame = await add(it, "out", meta);
    expect([meta, await it.ids(`/${frame.id}/causes`)]).toEqual([meta, []]);
  }
  expect(await it.ids(`/${one.id}/effects`)).toEqual([]);
  // A member whose name is escaped is the same member.
  const escaped = await it.post("/stream/out", "", {
    "xs-meta": `{"frame\\u005fid":"${one.id.toUpperCase()}"}`,
  });
  const { id } = (await escaped.json()) as Frame;
  expect(await it.ids(`/${one.id}/effects`)).toEqual([id]);
  expect(await it.ids(`/${id}/causes`)).toEqual([one.id]);
});

test("limit and after page through the same order, and a cycle ends", async () => {
  await using it = new Subject();
  const ids = Array.from({ length: 12 }, (_, n) => idAt(n));
  const lines = ids.map((id, n) =>
    lineOf(id, {
      frame_id: ids[(n + 1) % 12],
      handler_id: ids[(n * 5) % 12],
      spawn_id: ids[n],
      chunk: { of: ids[(n + 3) % 12], index: 1, more: true },
    }),
  );
  await importLines(it, lines);
  for (const direction of ["causes", "effects"]) {
    const path = `/${ids[4]}/${direction}`;
    const all = await it.ids(path);
    expect([...all].sort()).toEqual(ids.filter((_, n) => n !== 4));
    const pages: string[] = [];
    for (let after = ""; ; ) {
      const page = await it.ids(`${path}?limit=4${after}`);
      pages.push(...page);
      if (page.length < 4) break;
      after = `&after=${page.at(-1)}`;
    }
    expect(pages).toEqual(all);
    expect(await it.ids(`${path}?limit=0`)).toEqual([]);
    expect(await it.ids(`${path}?after=${all.at(-1)}`)).toEqual([]);
    await expectProblem(
      await it.ask(`${path}?after=${idAt(99)}`),
      404,
      "not_found",
      /without after/,
    );
    await expectProblem(await it.ask(`${path}?after=x`), 400, "bad_id");
    await expectProblem(await it.ask(`${path}?limit=x`), 400, "bad_option");
    await expectProblem(await it.ask(`${path}?depth=-1`), 400, "bad_option");
    await expectProblem(await it.ask(`${path}?other`), 400, "bad_option");
  }
});

test("an id that is none, or that no frame has, is refused", async () => {
  await using it = new Subject();
  for (const direction of ["causes", "effects"]) {
    await expectProblem(await it.ask(`/${idAt(1)}/${direction}`), 404, "not_found");
    await expectProblem(await it.ask(`/note/${direction}`), 400, "bad_id");
    const post = await it.post(`/${idAt(1)}/${direction}`);
    await expectProblem(post, 405, "method_not_allowed");
    expect(post.headers.get("allow")).toBe("GET, HEAD");
  }
});

test("what was removed, or has expired, is neither a cause nor an effect, nor a way to others", async () => {
  let now = Date.now();
  await using it = new Subject(() => now);
  const root = await add(it, "note");
  const kept = await add(it, "out", { frame_id: root.id });
  const short = await add(it, "out", { frame_id: root.id }, "ttl=time:60s");
  const below = await add(it, "out", { frame_id: short.id });
  const removed = await add(it, "out", { frame_id: root.id });
  const alone = await add(it, "out", { frame_id: removed.id });
  const counted = await add(it, "few", { frame_id: root.id }, "ttl=last:1");
  expect(await it.ids(`/${root.id}/effects`)).toEqual(
    idsOf([kept, short, removed, counted, below, alone]),
  );
  await it.ask(`/${removed.id}`, { method: "DELETE" });
  const next = await add(it, "few", { frame_id: root.id }, "ttl=last:1");
  expect(await it.ids(`/${root.id}/effects`)).toEqual(idsOf([kept, short, next, below]));
  now += 61_000;
  expect(await it.ids(`/${root.id}/effects`)).toEqual(idsOf([kept, next]));
  expect(await it.ids(`/${below.id}/causes`)).toEqual([]);
  await expectProblem(await it.ask(`/${short.id}/effects`), 404, "not_found");
});

test("late frames are causes and effects too, after those that came in order", async () => {
  await using it = new Subject();
  const early = idAt(1);
  const now = await add(it, "out", { frame_id: early });
  expect(await it.ids(`/${now.id}/causes`)).toEqual([]);
  await importLines(it, [lineOf(early, null), lineOf(idAt(2), { frame_id: early })]);
  await importLines(it, [lineOf(idAt(0), { frame_id: early, handler_id: now.id })]);
  expect(await it.ids(`/${now.id}/causes`)).toEqual([early]);
  expect(await it.ids(`/${early}/effects`)).toEqual([now.id, idAt(2), idAt(0)]);
  expect(await it.ids(`/${now.id}/effects`)).toEqual([idAt(0)]);
});

test("a chain of 20,000 frames, and the effects of one that has as many", async () => {
  await using it = new Subject();
  const count = 20_000;
  const ids = Array.from({ length: count }, (_, n) => idAt(n));
  const chain = ids.map((id, n) => lineOf(id, n > 0 ? { frame_id: ids[n - 1] } : null));
  await importLines(it, chain);
  const up = (await (await it.ask(`/${ids.at(-1)}/causes`)).text()).split("\n");
  expect([up.length - 1, up[0]?.includes(ids.at(-2) ?? ""), up.at(-2)?.includes(idAt(0))]).toEqual([
    count - 1,
    true,
    true,
  ]);
  const down = (await (await it.ask(`/${ids[0]}/effects?with-depth`)).text()).split("\n");
  expect([down.length - 1, down.at(-2)]).toEqual([
    count - 1,
    `${chain.at(-1)?.slice(0, -1)},"depth":${count - 1}}`,
  ]);
  const many = Array.from({ length: count }, (_, n) =>
    lineOf(idAt(count + n), { frame_id: idAt(count - 1) }),
  );
  await importLines(it, many);
  const wide = (await (await it.ask(`/${idAt(count - 1)}/effects`)).text()).split("\n");
  expect([wide.length - 1, wide[0], wide.at(-2)]).toEqual([count, many[0], many.at(-1)]);
});
