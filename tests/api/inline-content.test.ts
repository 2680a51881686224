import { expect, test } from "bun:test";
import { mkdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { framesIn, pageOf } from "../../src/core/frame.ts";
import { hashOf } from "../../src/core/hash.ts";
import { timestampOf } from "../../src/core/id.ts";
import { MAX_INLINE_CONTENT } from "../../src/core/inline-content.ts";
import { append, readAll, sqliteEngine } from "../support/store.ts";
import { tempDir } from "../support/temp.ts";
import { until } from "../support/wait.ts";
import { expectProblem, Subject } from "./with-store.ts";

const INLINE = "content=inline";

async function text(subject: Subject, path: string): Promise<string> {
  const response = await subject.ask(path);
  expect(response.status).toBe(200);
  return response.text();
}

test("every read gives the content as the last key of the line", async () => {
  await using subject = new Subject();
  const said = 'first line\n"second" \u2028 \u0000 €';
  const frame = await subject.append("note", said);
  const next = await subject.append("note");
  const whole = `${JSON.stringify({ ...frame, content: said })}\n`;
  const none = `${JSON.stringify(next)}\n`;
  for (const path of ["/", "/?topic=note", "/stream/note", "/first?last=9", "/last/note?last=9"]) {
    expect(await text(subject, `${path}${path.includes("?") ? "&" : "?"}${INLINE}`)).toBe(
      whole + none,
    );
  }
  expect(await text(subject, `/?order=desc&${INLINE}`)).toBe(none + whole);
  expect(await text(subject, `/?last=1&${INLINE}`)).toBe(none);
  for (const path of [`/${frame.id}`, "/first", "/first/note", `/${next.id}/previous`]) {
    expect(await text(subject, `${path}?${INLINE}`)).toBe(whole);
  }
  expect(await text(subject, `/${frame.id}/next?${INLINE}`)).toBe(none);
  expect(await text(subject, `/last?${INLINE}`)).toBe(none);
  const timestamp = new Date(timestampOf(frame.id)).toISOString();
  const stamped = `${JSON.stringify({ ...frame, timestamp, content: said })}\n`;
  for (const path of ["/first", `/${frame.id}`, "/?limit=1", `/${next.id}/previous?topic=note`]) {
    const query = `with-timestamp&${INLINE}`;
    const given = await text(subject, `${path}${path.includes("?") ? "&" : "?"}${query}`);
    expect(given).toBe(stamped);
  }
  for (const path of ["/", `/${frame.id}`, "/last"]) {
    const response = await subject.ask(`${path}?${INLINE}`, { method: "HEAD" });
    expect([response.status, await response.text()]).toEqual([200, ""]);
  }
});

test("content that is not UTF-8 comes as base64, and a byte order mark stays", async () => {
  await using subject = new Subject();
  const bytes = new Uint8Array([0xff, 0x00, 0xfe]);
  await subject.post("/stream/file", bytes);
  await subject.append("file", "\uFEFFmarked");
  expect(await subject.frames(`/?${INLINE}`)).toEqual([
    expect.objectContaining({ content_base64: Buffer.from(bytes).toString("base64") }),
    expect.objectContaining({ content: "\uFEFFmarked" }),
  ]);
  expect(Object.keys((await subject.frames(`/?${INLINE}`))[0] ?? {}).at(-1)).toBe("content_base64");
});

test("content above 256 KiB is told by its size alone", async () => {
  await using subject = new Subject();
  const full = "x".repeat(MAX_INLINE_CONTENT);
  await subject.append("file", full);
  const large = await subject.append("file", `${full}x`);
  const [first, second] = await subject.frames(`/?${INLINE}`);
  expect(first).toMatchObject({ content: full });
  expect(second).toEqual({ ...large, content_size: full.length + 1 } as typeof large);
});

test("damaged and missing content has the code of its error, and the read goes on", async () => {
  const path = `${tempDir()}/store`;
  const store = sqliteEngine(path);
  const damaged = await append(store, "file", { content: "precious" });
  const missing = await append(store, "file", { content: "lost" });
  const large = await append(store, "file", { content: "L".repeat(100_000) });
  const good = await append(store, "file", { content: "good" });
  await store.close();
  const again = sqliteEngine(path);
  const { files } = again.content;
  const change = (hash: string | null) => {
    const content = readFileSync(files.pathOf(hash ?? ""));
    content[0] = (content[0] ?? 0) ^ 1;
    writeFileSync(files.pathOf(hash ?? ""), content);
  };
  change(damaged.hash);
  change(large.hash);
  rmSync(files.pathOf(missing.hash ?? ""));
  const page = pageOf((await readAll(again)).map((frame) => JSON.stringify(frame)));
  const { bytes, taken } = await again.content.inline(page);
  expect(taken).toBe(page.length);
  expect(framesIn(bytes) as unknown[]).toEqual([
    { ...damaged, content_error: "content_damaged" },
    { ...missing, content_error: "content_not_found" },
    { ...large, content_error: "content_damaged" },
    { ...good, content: "good" },
  ]);
  await again.close();
});

test("large content whose file was cut short is damaged, in a short page and in a long one", async () => {
  const path = `${tempDir()}/store`;
  const store = sqliteEngine(path);
  const short = await append(store, "file", { content: "S".repeat(500_000) });
  const whole = await append(store, "file", { content: "W".repeat(500_000) });
  const { files } = store.content;
  truncateSync(files.pathOf(short.hash ?? ""), 400_000);
  const shown = [
    { ...short, content_error: "content_damaged" },
    { ...whole, content_size: 500_000 },
  ];
  for (const copies of [1, 500]) {
    const frames = Array.from({ length: copies }, () => [short, whole]).flat();
    const page = pageOf(frames.map((frame) => JSON.stringify(frame)));
    for (let round = 0; round < 3; round++) {
      const { bytes, taken } = await store.content.inline(page);
      expect(taken).toBe(page.length);
      expect(framesIn(bytes) as unknown[]).toEqual(
        Array.from({ length: copies }, () => shown).flat(),
      );
    }
  }
  await store.close();
});

test("what is no file in the place of content is damaged, and nothing waits for it", async () => {
  const store = sqliteEngine(`${tempDir()}/store`);
  const piped = await append(store, "file", { content: "P".repeat(100_000) });
  const folder = await append(store, "file", { content: "F".repeat(100_000) });
  const { files } = store.content;
  const [pipe, other] = [piped, folder].map(({ hash }) => files.pathOf(hash ?? ""));
  for (const path of [pipe, other]) rmSync(path ?? "");
  Bun.spawnSync(["mkfifo", pipe ?? ""]);
  mkdirSync(other ?? "");
  for (const copies of [1, 500]) {
    const frames = Array.from({ length: copies }, () => [piped, folder]).flat();
    const page = pageOf(frames.map((frame) => JSON.stringify(frame)));
    const { bytes } = await store.content.inline(page);
    expect(framesIn(bytes) as unknown[]).toEqual(
      frames.map((frame) => ({ ...frame, content_error: "content_damaged" })),
    );
  }
  for (const { hash } of [piped, folder]) {
    const failure = await store.content.open(hash ?? "").catch((error) => error.code);
    expect(failure).toBe("content_damaged");
  }
  // It comes again, and mends the pipe.
  await append(store, "file", { content: "P".repeat(100_000) });
  expect(await (await store.content.open(piped.hash ?? ""))?.text()).toBe("P".repeat(100_000));
  await store.close();
});

test("followers get the content too, also of ephemeral frames and of chunks; so do events", async () => {
  await using subject = new Subject();
  const first = await subject.append("a", "one");
  const reader = await subject.follow(`/?follow&${INLINE}`);
  const next = async () => JSON.parse((await reader.next()) ?? "null");
  expect(await next()).toEqual({ ...first, content: "one" });
  expect(await next()).toMatchObject({ topic: "stream.cross.threshold", hash: null });
  const second = await subject.append("a", "two", "ttl=ephemeral");
  expect(await next()).toEqual({ ...second, content: "two" });
  const chunked = await subject.post("/stream/log?chunked=lines", "x\ny\n");
  await chunked.text();
  expect(await next()).toMatchObject({ topic: "log", content: "x\n" });
  expect(await next()).toMatchObject({ topic: "log", content: "y\n" });
  const last = await next();
  expect([last.hash, "content" in last]).toEqual([null, false]);
  const accept = { accept: "text/event-stream" };
  const events = await (await subject.ask(`/?limit=1&${INLINE}`, { headers: accept })).text();
  expect(events).toBe(`id: ${first.id}\ndata: ${JSON.stringify({ ...first, content: "one" })}\n\n`);
});

test("a read of more than fits one piece gives every frame once, in order", async () => {
  await using subject = new Subject();
  const frames = await subject.appendMany("note", 300);
  const same = frames.map((frame, at) => ({ ...frame, content: String(at + 1) }));
  expect(await subject.frames(`/?${INLINE}`)).toEqual(same);
  expect(await subject.frames(`/?order=desc&${INLINE}`)).toEqual(same.toReversed());
});

test.each(["asc", "desc", "arrival"])(
  "among late frames it gives every frame once: order=%s",
  async (order) => {
    await using subject = new Subject();
    const lines = Array.from({ length: 150 }, (_, n) => {
      const content = n % 15 === 0 ? `${n} `.repeat(30_000) : `content ${n}`;
      return JSON.stringify({ topic: "note", content, ...(n < 50 && { at: "2020-01-01" }) });
    });
    expect((await subject.post("/stream", lines.join("\n"))).status).toBe(200);
    // Files, so that threads read them.
    subject.store.content.startFlushing();
    await until("all is in files", () => subject.store.metrics.stagedContents === 0);
    const ids = await subject.ids(`/?order=${order}`);
    expect(await subject.ids(`/?order=${order}&${INLINE}`)).toEqual(ids);
  },
);

test("a follower that wants content leaves what comes live to the others", async () => {
  await using subject = new Subject();
  // A file, so that threads read.
  await subject.append("large", "x".repeat(100_000));
  const followers = await Promise.all(
    [`&${INLINE}`, "", `&${INLINE}`, ""].map((inline) => subject.follow(`/?follow&tail${inline}`)),
  );
  for (const follower of followers) await follower.take(1);
  const meta = "x".repeat(100);
  for (let round = 0; round < 3; round++) {
    const lines = Array.from({ length: 200 }, (_, n) =>
      JSON.stringify({ topic: "note", content: `content ${n}`, meta }),
    );
    expect((await subject.post("/stream", lines.join("\n"))).status).toBe(200);
  }
  const ids = await subject.ids("/?topic=note");
  for (const follower of followers) {
    const lines = await follower.take(ids.length);
    expect(lines.map((line) => (JSON.parse(line) as { id: string }).id)).toEqual(ids);
    await follower.cancel();
  }
});

test("content that is stored empty is an empty text", async () => {
  await using subject = new Subject();
  await (await subject.post("/cas", "")).text();
  const hash = hashOf(new Uint8Array());
  await subject.post("/stream", JSON.stringify({ topic: "note", hash }));
  expect(await subject.frames(`/?${INLINE}`)).toEqual([
    expect.objectContaining({ hash, content: "" }),
  ]);
});

test("another value of content is a 400 that names it, also on an append", async () => {
  await using subject = new Subject();
  const { id } = await subject.append("note", "x");
  for (const path of [
    "/",
    "/stream/note",
    "/first",
    "/last",
    "/last/note",
    `/${id}`,
    `/${id}/next`,
  ]) {
    for (const value of ["", "true", "hash", "INLINE"]) {
      const response = await subject.ask(`${path}?content=${value}`);
      await expectProblem(response, 400, "bad_option", `content=${JSON.stringify(value)}`);
    }
  }
  await expectProblem(await subject.ask(`/?${INLINE}&${INLINE}`), 400, "bad_option", "twice");
  const appended = await subject.post(`/stream/note?${INLINE}`, "x");
  await expectProblem(appended, 400, "bad_option", '"content"');
});

/** Frames with contents of every kind that a line can hold, as `content=inline` gives them. */
async function contents(subject: Subject): Promise<string> {
  await subject.append("kinds", "text €\n");
  await subject.append("kinds");
  await subject.append("kinds", "\u0001".repeat(MAX_INLINE_CONTENT));
  await subject.append("kinds", '"'.repeat(100_000));
  for (const size of [1, 70_000, MAX_INLINE_CONTENT]) {
    await subject.post("/stream/kinds", new Uint8Array(size).fill(0xff));
  }
  await (await subject.post("/cas", "")).text();
  await subject.post("/stream", `{"topic":"kinds","hash":"${hashOf(new Uint8Array())}"}`);
  return text(subject, `/?${INLINE}`);
}

test("an import takes such lines back, with timestamps and without", async () => {
  await using subject = new Subject();
  const whole = await contents(subject);
  for (const query of ["", "&with-timestamp"]) {
    const lines = await text(subject, `/?${INLINE}${query}`);
    await using copy = new Subject();
    for (const added of [8, 0]) {
      const response = await copy.post("/import", lines);
      expect(await response.json()).toEqual({ frames: 8, added });
    }
    expect(await text(copy, `/?${INLINE}`)).toBe(whole);
  }
  // One line alone gives its frame back.
  await using copy = new Subject();
  const [first = ""] = whole.split("\n");
  const { content, ...frame } = JSON.parse(first);
  expect(await (await copy.post("/import", first)).json()).toEqual(frame);
  expect(await (await copy.ask(`/${frame.id}/content`)).text()).toBe(content);
});

test("lines that tell no content come in as frames without it, and are counted missing", async () => {
  await using subject = new Subject();
  const { id } = await subject.append("file", "x".repeat(MAX_INLINE_CONTENT + 1));
  const line = await text(subject, `/?${INLINE}`);
  const other = line.replace(/"content_size":\d+/, '"content_error":"content_damaged"');
  for (const body of [line, other]) {
    await using copy = new Subject();
    const next = body.replace(id, `${id.slice(0, -1)}${id.endsWith("0") ? 1 : 0}`);
    const response = await copy.post("/import", body + next);
    expect(await response.json()).toEqual({ frames: 2, added: 2, missing: 2 });
    expect((await copy.ask(`/${id}/content`)).status).toBe(404);
    // What is missing may come later.
    await (await copy.post("/cas", "x".repeat(MAX_INLINE_CONTENT + 1))).text();
  }
});

test("an import refuses content that is not that of the hash, and keeps nothing", async () => {
  await using subject = new Subject();
  const frame = await subject.append("note", "right");
  await using copy = new Subject();
  const good = JSON.stringify({ ...frame, content: "right" });
  const cases: [line: object, detail: string][] = [
    [{ ...frame, content: "wrong" }, `does not have the hash ${frame.hash}`],
    [{ ...frame, content_base64: "AAAA" }, `does not have the hash ${frame.hash}`],
    [{ ...frame, hash: null, content: "x" }, "null"],
    [{ ...frame, content: "right", content_base64: "cmlnaHQ=" }, "not both"],
    [{ ...frame, content_base64: "cmlnaHQ" }, "not base64"],
    [{ ...frame, content: 7 }, "texts"],
    [{ ...frame, body: "x" }, '"body"'],
  ];
  for (const [line, detail] of cases) {
    const response = await copy.post("/import", `${good}\n${JSON.stringify(line)}`);
    await expectProblem(response, 400, "bad_frame", /^line 2: .*nothing was imported/);
    await expectProblem(await copy.post("/import", JSON.stringify(line)), 400, "bad_frame", detail);
  }
  const half = `{"topic":"note","id":"${frame.id}","content":"\\ud800"}`;
  await expectProblem(await copy.post("/import", half), 400, "bad_frame", "surrogate");
  const long = `{"topic":"note","id":"${frame.id}","content":"${"x".repeat(1024 * 1024)}"}`;
  await expectProblem(await copy.post("/import", long), 413, "body_too_large", "1048576");
  expect(await copy.ids()).toEqual([]);
  // Without a hash, the content sets it.
  const { hash: _, ...bare } = frame;
  await copy.post("/import", JSON.stringify({ ...bare, content: "right" }));
  expect(await copy.frames()).toEqual([frame]);
});

test("a batch takes lines back as a read printed them, and makes new frames of them", async () => {
  await using from = new Subject();
  await using subject = new Subject();
  await from.post("/stream", JSON.stringify({ topic: "note", meta: { n: 1 }, content: "one" }));
  await from.append("note");
  await from.append("gone", "two", "ttl=last:9");
  const before = Date.now();
  for (const query of ["", "?with-timestamp", `?${INLINE}`, `?with-timestamp&${INLINE}`]) {
    const read = await text(from, `/${query}`);
    const to = query.includes(INLINE) ? subject : from;
    const response = await to.post("/stream", read);
    expect([query, response.status]).toEqual([query, 200]);
    const made = framesIn(await response.bytes());
    const fields = framesIn(Buffer.from(read)).map(({ topic, hash, meta, ttl }) => ({
      topic,
      hash,
      meta,
      ttl,
    }));
    expect(made).toMatchObject(fields);
    const old = new Set(framesIn(Buffer.from(read)).map(({ id }) => id));
    for (const { id } of made) {
      expect(old.has(id)).toBe(false);
      expect(timestampOf(id)).toBeGreaterThanOrEqual(before - 1);
    }
  }
  const { id } = await subject.append("note");
  for (const [line, key] of [
    [{ topic: "note", id }, "id"],
    [{ topic: "note", id, meta: null, ttl: "forever" }, "id"],
    [{ topic: "note", timestamp: "2026-11-25T00:00:00.000Z" }, "timestamp"],
    [{ topic: "note", id, hash: null, meta: null, ttl: "forever", x: 1 }, "x"],
  ] as const) {
    const response = await subject.post("/stream", JSON.stringify(line));
    await expectProblem(response, 400, "bad_batch", `no key "${key}"`);
  }
});

test("a batch takes the content of such lines, and its hash where that is right", async () => {
  await using subject = new Subject();
  const whole = await contents(subject);
  const lines = whole
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line));
  const rest = lines.map(({ id: _, ...line }) => line);
  await using copy = new Subject();
  const response = await copy.post("/stream", rest.map((line) => JSON.stringify(line)).join("\n"));
  expect(response.status).toBe(200);
  const copied = await copy.frames(`/?${INLINE}`);
  expect(copied.map(({ id: _, ...line }) => line)).toEqual(rest);
  const large = { topic: "a", hash: copied[0]?.hash, content_size: 1_000_000 };
  const again = await copy.post("/stream", JSON.stringify(large));
  expect(await again.json()).toMatchObject({ hash: copied[0]?.hash });
});
