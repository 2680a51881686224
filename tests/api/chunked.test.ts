import { describe, expect, test } from "bun:test";
import type { Chunk } from "../../src/core/chunk.ts";
import type { Frame } from "../../src/core/frame.ts";
import { LineReader, until } from "../support/wait.ts";
import { expectProblem, Subject } from "./with-store.ts";

/** A source that the test feeds. */
class Source {
  #controller: ReadableStreamDefaultController<Uint8Array> | undefined;
  readonly body = new ReadableStream<Uint8Array>({
    start: (controller) => {
      this.#controller = controller;
    },
  });

  send(text: string | Uint8Array): void {
    this.#controller?.enqueue(typeof text === "string" ? Buffer.from(text) : text);
  }

  end(): void {
    this.#controller?.close();
  }

  breakOff(): void {
    this.#controller?.error(new DOMException("gone", "AbortError"));
  }
}

const chunkOf = ({ meta }: Frame) => (meta as unknown as { chunk: Chunk }).chunk;
const parse = (line: string) => JSON.parse(line) as Frame;

async function appendChunked(
  it: Subject,
  mode: string,
  body: ReadableStream<Uint8Array> | string | null,
  headers = {},
  query = "",
): Promise<Frame[]> {
  const path = `/stream/feed?chunked=${mode}${query}`;
  const response = await it.ask(path, { method: "POST", headers, body });
  const text = await response.text();
  expect(`${response.status} ${text}`).toStartWith("200 ");
  return text.trimEnd().split("\n").map(parse);
}

const contentOf = async (it: Subject, id: string) => (await it.ask(`/${id}/content`)).text();

describe("a chunked append", () => {
  test("makes a frame of each line, and a last one without content", async () => {
    await using it = new Subject();
    const text = "one\ntwo €\n\nno end";
    const frames = await appendChunked(it, "lines", text, { "xs-meta": '{"from":"test"}' });
    const first = frames[0]?.id ?? "";
    expect(await it.frames()).toEqual(frames);
    expect(frames.map(chunkOf)).toEqual([
      { of: null, index: 0, more: true },
      { of: first, index: 1, more: true },
      { of: first, index: 2, more: true },
      { of: first, index: 3, more: true },
      { of: first, index: 4, more: false },
    ]);
    expect(frames[4]?.hash).toBeNull();
    expect(frames.every(({ meta }) => (meta as { from: string }).from === "test")).toBe(true);
    expect(await contentOf(it, first)).toBe(text);
    expect(await contentOf(it, frames[1]?.id ?? "")).toBe("two €\n");
  });

  test("takes events from packets that cut them, and a character, in two", async () => {
    await using it = new Subject();
    const source = new Source();
    const answer = appendChunked(it, "sse", source.body);
    const bytes = Buffer.from("data: €uro\n\nid: 7\ndata: b\n\n");
    source.send(bytes.subarray(0, 7));
    source.send(bytes.subarray(7, 16));
    source.send(bytes.subarray(16));
    source.end();
    const frames = await answer;
    expect(frames).toHaveLength(3);
    expect(await contentOf(it, frames[1]?.id ?? "")).toBe("id: 7\ndata: b\n\n");
    expect(await contentOf(it, frames[0]?.id ?? "")).toBe(bytes.toString());
  });

  test("gives each frame when it is there, and readers before, during and after get the whole", async () => {
    await using it = new Subject();
    const source = new Source();
    const live = await it.follow("/?tail&follow&topic=feed");
    await live.take(1);
    source.send("a\n");
    const response = await it.ask("/stream/feed?chunked=lines", {
      method: "POST",
      body: source.body,
    });
    const answer = new LineReader(response.body);
    const first = parse((await answer.take(1))[0] ?? "");
    expect(await live.take(1)).toEqual([JSON.stringify(first)]);
    const early = new LineReader((await it.ask(`/${first.id}/content`)).body);
    expect(await early.take(1)).toEqual(["a"]);
    source.send("b\n");
    expect(await early.take(1)).toEqual(["b"]);
    await answer.take(1);
    const late = new LineReader((await it.ask(`/${first.id}/content`)).body);
    expect(await late.take(2)).toEqual(["a", "b"]);
    source.send("c\n");
    expect(await late.take(1)).toEqual(["c"]);
    source.end();
    expect(await early.rest()).toEqual(["c"]);
    expect(await late.rest()).toEqual([]);
    expect(chunkOf(parse((await answer.rest()).at(-1) ?? ""))).toMatchObject({ more: false });
    expect(await contentOf(it, first.id)).toBe("a\nb\nc\n");
    await live.cancel();
  });

  test("ends with `aborted` where the source breaks off, keeping what came", async () => {
    await using it = new Subject();
    const source = new Source();
    const answer = appendChunked(it, "lines", source.body);
    source.send("a\nhalf a li");
    await until("the first chunk", async () => (await it.ids()).length === 1);
    source.breakOff();
    const frames = await answer;
    const first = frames[0]?.id ?? "";
    expect(chunkOf(frames.at(-1) as Frame)).toEqual({
      of: first,
      index: 2,
      more: false,
      aborted: true,
    });
    expect(await contentOf(it, first)).toBe("a\nhalf a li");
  });

  test("goes on to its end when nobody reads the answer any more", async () => {
    await using it = new Subject();
    const source = new Source();
    source.send("a\n");
    const response = await it.ask("/stream/feed?chunked=lines", {
      method: "POST",
      body: source.body,
    });
    await response.body?.cancel();
    source.send("b\n");
    source.end();
    await until("the last chunk", async () => (await it.ids()).length === 3);
    expect(chunkOf((await it.frames()).at(-1) as Frame)).toMatchObject({ index: 2, more: false });
  });

  test("keeps two series of a topic apart", async () => {
    await using it = new Subject();
    const sources = [new Source(), new Source()];
    const answers = sources.map(({ body }) => appendChunked(it, "lines", body));
    for (let n = 0; n < 20; n++) {
      for (const [i, source] of sources.entries()) source.send(`${i} ${n}\n`);
      await until("both", async () => (await it.ids()).length === (n + 1) * 2);
    }
    for (const source of sources) source.end();
    for (const [i, frames] of (await Promise.all(answers)).entries()) {
      const lines = Array.from({ length: 20 }, (_, n) => `${i} ${n}\n`);
      expect(await contentOf(it, frames[0]?.id ?? "")).toBe(lines.join(""));
    }
  });

  test("without a body is one last chunk, whose content is empty", async () => {
    await using it = new Subject();
    for (const body of [null, ""]) {
      const frames = await appendChunked(it, "bytes", body);
      expect(frames.map(chunkOf)).toEqual([{ of: null, index: 0, more: false }]);
      const answer = await it.ask(`/${frames[0]?.id}/content`);
      expect([answer.status, await answer.text()]).toEqual([200, ""]);
    }
  });

  test("keeps bytes that are no text, in pieces that ride in a commit", async () => {
    await using it = new Subject();
    const bytes = crypto.getRandomValues(new Uint8Array(60_000));
    const all = Buffer.concat(Array.from({ length: 20 }, () => bytes));
    const source = new Source();
    const answer = appendChunked(it, "bytes", source.body);
    source.send(all);
    source.end();
    const frames = await answer;
    expect(frames.length).toBeGreaterThan(18);
    const whole = await (await it.ask(`/${frames[0]?.id}/content`)).bytes();
    expect(Buffer.from(whole).equals(all)).toBe(true);
  });

  test("refuses a mode it does not know, meta that is no object, and conditions", async () => {
    await using it = new Subject();
    const ask = (mode: string, headers = {}) =>
      it.post(`/stream/feed?chunked=${mode}`, "x", headers);
    await expectProblem(await ask("words"), 400, "bad_option");
    await expectProblem(await ask("lines", { "xs-meta": "[1]" }), 400, "bad_meta");
    await expectProblem(await ask("lines", { "xs-meta": '{"chunk":1}' }), 400, "bad_meta");
    await expectProblem(await ask("lines", { "xs-expect-last": "none" }), 400, "bad_header");
    await expectProblem(await ask("lines", { "idempotency-key": "k" }), 400, "bad_header");
    expect(await it.ids()).toEqual([]);
  });

  test("that is ephemeral reaches who is live, content and all, and nobody else", async () => {
    await using it = new Subject();
    const live = await it.follow("/?tail&follow&topic=feed");
    await live.take(1);
    await appendChunked(it, "lines", "a\nb\n", {}, "&ttl=ephemeral");
    const frames = (await live.take(3)).map(parse);
    expect(await (await it.ask(`/cas/${frames[1]?.hash}`)).text()).toBe("b\n");
    expect(await it.ids()).toEqual([]);
    expect((await it.ask(`/${frames[0]?.id}/content`)).status).toBe(404);
    await live.cancel();
  });

  test("refuses meta that leaves no room for the chunk, before anything is kept", async () => {
    await using it = new Subject();
    const meta = (size: number) => ({ "xs-meta": JSON.stringify({ pad: "x".repeat(size) }) });
    const refused = await it.post("/stream/feed?chunked=lines", "a\n", meta(65_536 - 90));
    await expectProblem(refused, 413, "meta_too_large");
    expect(await it.ids()).toEqual([]);
    const frames = await appendChunked(it, "lines", "a\n", meta(65_536 - 150));
    expect(frames).toHaveLength(2);
  });
});
