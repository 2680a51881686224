import { expect, test } from "bun:test";
import { randomBytes } from "node:crypto";
import { LineReader, until } from "../support/wait.ts";
import { contract, type Frame, framesOf, NO_ID, sri } from "./subject.ts";

const SAFE = { "content-security-policy": "sandbox", "x-content-type-options": "nosniff" };
const TEXT = "0123456789";

/** A body that a test feeds. */
function source(): { body: ReadableStream; send(text: string): void; end(): void } {
  const { readable: body, writable } = new TransformStream();
  const writer = writable.getWriter();
  const send = (text: string) => void writer.write(Buffer.from(text));
  return { body, send, end: () => void writer.close() };
}

const chunkOf = ({ meta }: Frame) => (meta as { chunk: Record<string, unknown> }).chunk;

contract((it) => {
  /** An answer: its status, its body, its headers. */
  const get = async (path: string, headers = {}, method = "GET") => {
    const response = await it.ask(path, { method, headers });
    const told = Object.fromEntries(response.headers) as Record<string, string>;
    return { status: response.status, body: Buffer.from(await response.bytes()), told };
  };
  const chunked = async (topic: string, mode: string, body: RequestInit["body"], headers = {}) => {
    const response = await it.post(`/stream/${topic}?chunked=${mode}`, body, headers);
    expect(response.status).toBe(200);
    return framesOf(await response.text());
  };

  test("POST /cas gives the hash as text, and GET the bytes", async () => {
    let slashed = "";
    for (let n = 0; !/\/.*\+/.test(sri(slashed)); n++) slashed = `contract ${n}`;
    const bytes = Buffer.from(Array.from({ length: 400_000 }, (_, n) => n * n));
    for (const content of [TEXT, slashed, "", bytes].map((each) => Buffer.from(each))) {
      const stored = await it.post("/cas", new Uint8Array(content));
      expect(stored.headers.get("content-type")).toStartWith("text/plain");
      const hash = await stored.text();
      expect(hash).toBe(sri(content));
      for (const path of [`/cas/${hash}`, `/cas/${encodeURIComponent(hash)}`]) {
        const { status, body, told } = await get(path);
        expect([status, sri(body)]).toEqual([200, hash]);
        const length = String(content.length);
        expect(told).toMatchObject({ ...SAFE, etag: `"${hash}"`, "content-length": length });
      }
    }
  });

  test("content can be asked for in parts, by hash and by frame", async () => {
    const { id, hash } = await it.append(it.fresh(), TEXT);
    for (const path of [`/cas/${hash}`, `/${id}/content`]) {
      for (const [range, ...wanted] of [
        ["bytes=0-3", 206, "0123", "bytes 0-3/10"],
        ["bytes=8-99", 206, "89", "bytes 8-9/10"],
        ["bytes=8-", 206, "89", "bytes 8-9/10"],
        ["bytes=-3", 206, "789", "bytes 7-9/10"],
        ["bytes=5-2", 200, TEXT, undefined],
        ["lines=1-2", 200, TEXT, undefined],
      ] as const) {
        const { status, body, told } = await get(path, { range });
        const got = [status, body.toString(), told["content-range"]];
        expect([range, ...got]).toEqual([range, ...wanted]);
      }
      for (const range of ["bytes=10-", "bytes=-0"]) {
        await it.refuses(`GET ${path}`, "416 range_not_satisfiable 10", { headers: { range } });
        expect((await get(path, { range })).told["content-range"]).toBe("bytes */10");
      }
      for (const [tag, status] of [
        [`"${hash}"`, 206],
        [`W/"${hash}"`, 200],
        ['"other"', 200],
        ["Thu, 26 Nov 2026 13:00:00 GMT", 200],
      ] as const) {
        const part = await get(path, { range: "bytes=2-4", "if-range": tag });
        expect([tag, part.status]).toEqual([tag, status]);
      }
      // Of HEAD no range is defined.
      expect((await get(path, { range: "bytes=0-1" }, "HEAD")).status).toBe(200);
    }
  });

  test("a client that has the content is told so, and If-Match is kept", async () => {
    const { id, hash } = await it.append(it.fresh(), TEXT);
    const tag = `"${hash}"`;
    for (const path of [`/cas/${hash}`, `/${id}/content`]) {
      for (const known of [tag, `W/${tag}`, `"other", ${tag}`, "*"]) {
        for (const method of ["GET", "HEAD"]) {
          const headers = { "if-none-match": known, range: "bytes=0-1" };
          const { status, body, told } = await get(path, headers, method);
          expect([known, status, body.length]).toEqual([known, 304, 0]);
          expect(told).toMatchObject({ ...SAFE, etag: tag });
        }
      }
      const status = async (headers: object) => (await get(path, headers)).status;
      expect(await status({ "if-none-match": '"other"' })).toBe(200);
      for (const match of [tag, "*"]) expect(await status({ "if-match": match })).toBe(200);
      for (const match of ['"other"', `W/${tag}`]) {
        const refused = await it.ask(path, { headers: { "if-match": match } });
        const told = { code: "precondition_failed", actual: hash };
        expect([refused.status, await refused.json()]).toMatchObject([412, told]);
      }
    }
  });

  test("what is not there is a problem that says so", async () => {
    const { id } = await it.append(it.fresh());
    const nothing = sri(randomBytes(20));
    await it.refuses(`GET /cas/${nothing}`, `404 content_not_found ${nothing}`);
    await it.refuses(`GET /${id}/content`, `404 content_not_found ${id}`);
    await it.refuses(`GET /${NO_ID}/content`, `404 not_found ${NO_ID}`);
    for (const hash of ["x", "sha256-x", nothing.replace("256", "512"), nothing.slice(0, -1)]) {
      await it.refuses(`GET /cas/${hash}`, "400 bad_hash");
    }
  });

  test("a body of several MiB, sent without its length, comes back whole", async () => {
    const { body, send, end } = source();
    const answer = it.post(`/stream/${it.fresh()}`, body);
    const piece = randomBytes(250_000).toString("base64");
    for (let n = 0; n < 9; n++) send(piece);
    end();
    const { id, hash } = (await (await answer).json()) as Frame;
    expect(hash).toBe(sri(piece.repeat(9)));
    expect(sri((await get(`/${id}/content`)).body)).toBe(hash ?? "");
  });

  test("chunked: lines are a frame each, and the first has the whole", async () => {
    const topic = it.fresh();
    const text = "one\ntwo €\n\nno end";
    const frames = await chunked(topic, "lines", text, { "xs-meta": '{"from":1}' });
    const of = frames[0]?.id ?? "";
    expect(frames.map(({ meta }) => meta)).toEqual([
      { from: 1, chunk: { of: null, index: 0, more: true } },
      ...[1, 2, 3].map((index) => ({ from: 1, chunk: { of, index, more: true } })),
      { from: 1, chunk: { of, index: 4, more: false } },
    ]);
    const hashes = ["one\n", "two €\n", "\n", "no end"].map(sri);
    expect(frames.map(({ hash }) => hash)).toEqual([...hashes, null]);
    expect(await it.frames(`/stream/${topic}`)).toEqual(frames);
    expect(await it.text(`/${frames[1]?.id}/content`)).toBe("two €\n");
    const { body, told } = await get(`/${of}/content`);
    expect(body.toString()).toBe(text);
    expect(told).toMatchObject({ ...SAFE, "x-accel-buffering": "no", "cache-control": "no-cache" });
  });

  test("chunked: events, bytes, pieces of 64 KiB, and no body", async () => {
    const [full, rest] = ["x".repeat(65_536), "x".repeat(9)];
    for (const [mode, contents] of [
      ["sse", ["data: a\n\n", "id: 7\ndata: b\n\n"]],
      ["lines", [full, rest]],
      ["bytes", []],
    ] as const) {
      const frames = await chunked(it.fresh(), mode, contents.join(""));
      expect([mode, frames.map(({ hash }) => hash)]).toEqual([mode, [...contents.map(sri), null]]);
      expect(await it.text(`/${frames[0]?.id}/content`)).toBe(contents.join(""));
      expect(chunkOf(frames.at(-1) as Frame)).toMatchObject({ more: false });
    }
    const bytes = new Uint8Array(randomBytes(200_000));
    const [first] = await chunked(it.fresh(), "bytes", bytes);
    expect(sri((await get(`/${first?.id}/content`)).body)).toBe(sri(bytes));
  });

  test("chunked: frames and content come as the source goes on", async () => {
    const { body, send, end } = source();
    send("a\n");
    const response = await it.post(`/stream/${it.fresh()}?chunked=lines`, body);
    const answer = new LineReader(response.body);
    const [first] = framesOf((await answer.take(1)).join());
    const early = await it.follow(`/${first?.id}/content`);
    expect(await early.take(1)).toEqual(["a"]);
    send("b\n");
    expect(await early.take(1)).toEqual(["b"]);
    const late = await it.follow(`/${first?.id}/content`);
    expect(await late.take(2)).toEqual(["a", "b"]);
    send("c\n");
    end();
    expect([await early.rest(), await late.rest()]).toEqual([["c"], ["c"]]);
    const frames = framesOf((await answer.rest()).join("\n"));
    expect(frames.map((frame) => chunkOf(frame).more)).toEqual([true, true, false]);
  });

  test("chunked: a source that breaks off ends it as aborted, with what came", async () => {
    const topic = it.fresh();
    const path = `/stream/${topic}`;
    const head = `POST ${path}?chunked=lines HTTP/1.1\r\nHost: HOST\r\nAuthorization: Bearer TOKEN\r\n`;
    const connection = await it.send(`${head}Transfer-Encoding: chunked\r\n\r\n4\r\na\nha\r\n`);
    await until("the first chunk", async () => (await it.ids(path)).length > 0);
    connection[Symbol.dispose]();
    const frames = await until("the last chunk", async () => {
      const all = await it.frames(path);
      return chunkOf(all.at(-1) as Frame).more === false && all;
    });
    const of = frames[0]?.id ?? "";
    const last = { of, index: 2, more: false, aborted: true };
    expect(chunkOf(frames.at(-1) as Frame)).toEqual(last);
    expect(await it.text(`/${of}/content`)).toBe("a\nha");
  });

  test("chunked: what it cannot be is refused", async () => {
    const topic = it.fresh();
    const path = `POST /stream/${topic}?chunked=lines`;
    await it.refuses(path.replace("lines", "words"), "400 bad_option");
    await it.refuses(path, "400 bad_meta", { headers: { "xs-meta": "[1]" } });
    await it.refuses(path, "400 bad_header", { headers: { "xs-expect-last": "none" } });
    await it.refuses(path, "400 bad_header", { headers: { "idempotency-key": "k" } });
    expect(await it.ids(`/stream/${topic}`)).toEqual([]);
  });
});
