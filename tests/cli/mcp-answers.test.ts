// Answers to an agent are bounded, and say how to go on.
import { Database } from "bun:sqlite";
import { expect, setDefaultTimeout, test } from "bun:test";
import { packId } from "../../src/core/id.ts";
import { Agent } from "../support/mcp.ts";
import { searchProcesses } from "../support/search-processes.ts";
import { type Server, startServer } from "../support/server.ts";
import { TEST_MS, until } from "../support/wait.ts";
import { Home } from "./run-xs.ts";

setDefaultTimeout(TEST_MS);

/** The whole content of a frame, read part after part. */
async function contentOf(agent: Agent, id: string): Promise<string> {
  let content = "";
  let offset: number | undefined = 0;
  while (offset !== undefined) {
    const { frames } = await agent.ok("read", { id, offset });
    content += frames[0].content;
    offset = frames[0].content_next;
  }
  return content;
}

async function withServer(work: (home: Home, server: Server, agent: Agent) => Promise<void>) {
  using home = new Home();
  await using server = await startServer(await home.makeStore());
  await using agent = await Agent.start(home.path, [home.store]);
  await work(home, server, agent);
}

test("a list of frames is cut by their number and their size", async () => {
  await withServer(async (_, server, agent) => {
    for (let n = 0; n < 100; n++) await server.append("page", `${n} ${"x".repeat(5_000)}`);
    const numbers = Array.from({ length: 100 }, (_, n) => `${n}`);
    for (const limit of [7, 200]) {
      const up = await agent.all("read", "frames", { topic: "page", limit });
      expect(up.map(({ content }) => content.split(" ")[0])).toEqual(numbers);
      const down = await agent.all("read", "frames", { topic: "page", limit, order: "desc" });
      expect(down.map(({ id }) => id)).toEqual(up.map(({ id }) => id).reverse());
    }
    // Exactly as many as there are is all.
    const exact = await agent.ok("read", { topic: "stream.cross.start", limit: 1 });
    expect(exact).toMatchObject({ frames: [{ topic: "stream.cross.start" }], truncated: false });
  });
});

test("long content comes in parts that begin and end between characters", async () => {
  await withServer(async (_, server, agent) => {
    for (const content of [
      `${"ä".repeat(300_000)}end`,
      `${"€uro 🐟 ".repeat(3_000)}`,
      "\u0001".repeat(50_000),
      `\ufeff${"b".repeat(20_000)}`,
    ]) {
      const { id } = await server.append("text", content);
      expect(await contentOf(agent, id)).toBe(content);
    }
    const { id } = await server.append("text", "ä".repeat(10));
    expect((await agent.ok("read", { id, offset: 1 })).frames).toMatchObject([
      { content: "ä".repeat(9), content_size: 20 },
    ]);
    expect((await agent.ok("read", { id, offset: 20 })).frames[0].content).toBe("");
    expect(await agent.fails("read", { id, offset: 21 })).toBe(
      "range_not_satisfiable: the content has 20 bytes, and no byte 21",
    );
  });
});

test("content that is no text, or damaged, or still grows is described", async () => {
  await withServer(async (_, server, agent) => {
    for (const size of [10, 400_000]) {
      const body = new Uint8Array(size).fill(0xff);
      await server.fetch("/stream/binary", { method: "POST", body });
    }
    const [small, large] = (await agent.ok("read", { topic: "binary" })).frames;
    expect(small).toMatchObject({ content_size: 10, binary: true });
    expect(large).toMatchObject({ content_size: 400_000 });
    const [one] = (await agent.ok("read", { id: large.id })).frames;
    expect(one).toMatchObject({ content_size: 400_000, binary: true, hash: large.hash });
    for (const frame of [small, large, one]) expect(frame.content).toBeUndefined();

    const piece = "p".repeat(40_000);
    const source = new TransformStream<Uint8Array, Uint8Array>();
    const writer = source.writable.getWriter();
    const chunked = server.fetch("/stream/log?chunked=lines", {
      method: "POST",
      body: source.readable,
    });
    await writer.write(Buffer.from(`${piece}\n`));
    const { frames } = await agent.ok("wait", { topic: "log", after: large.id });
    // The first chunk has its own piece, and ends, whatever comes after it.
    expect(await contentOf(agent, frames[0].id)).toBe(`${piece}\n`);
    await writer.close();
    await (await chunked).text();
  });
});

test("a long or deep meta is text in a list, and whole on its own", async () => {
  await withServer(async (home, server, agent) => {
    const long = JSON.stringify({ text: "m".repeat(40_000) });
    await server.append("meta", "", { "xs-meta": long });
    const [cut] = (await agent.ok("read", { topic: "meta" })).frames;
    expect(cut.meta).toBeUndefined();
    expect(cut.meta_text).toBe(long.slice(0, 4_000));
    expect((await agent.ok("read", { id: cut.id })).frames[0].meta).toEqual(JSON.parse(long));

    const deep = `${"[".repeat(9_000)}1${"]".repeat(9_000)}`;
    const id = packId({ ts_ms: 1, counter_hi: 1, counter_lo: 1, node: "00000001" });
    const line = `{"topic":"deep","id":"${id}","hash":null,"meta":${deep},"ttl":"forever"}`;
    await home.ok(["import", home.store, "-"], { stdin: `${line}\n` });
    const [nested] = (await agent.ok("read", { topic: "deep" })).frames;
    expect(nested.meta_text).toBe(deep.slice(0, 4_000));
    expect((await agent.ok("read", { id })).frames[0].meta_text).toBe(deep);

    const odd = '{"n":1234567890123456789,"f":1.0}';
    await server.append("odd", "", { "xs-meta": odd });
    expect((await agent.call("read", { topic: "odd" })).text).toContain(`"meta":${odd}`);
  });
});

test("a search goes on behind its last hit, also among frames of one moment", async () => {
  await withServer(async (home, server, agent) => {
    for (let n = 0; n < 40; n++) await server.append(`hit.${n % 2}`, `needle ${n}`);
    // A batch has one time.
    const batch = Array.from({ length: 20 }, (_, n) =>
      JSON.stringify({ topic: "hit.2", content: `needle ${40 + n}` }),
    );
    await server.fetch("/stream", { method: "POST", body: batch.join("\n") });
    for (const limit of [7, 200]) {
      const hits = await agent.all("search", "frames", { query: "needle", limit });
      expect(hits.map(({ snippet }) => snippet)).toEqual(
        Array.from({ length: 60 }, (_, n) => `needle ${59 - n}`),
      );
    }
    const some = await agent.all("search", "frames", { query: "needle", limit: 7, topic: "hit.1" });
    expect(some).toHaveLength(20);
    const none = { query: "needle", until: "2020-01-01" };
    expect(await agent.ok("search", none)).toEqual({ frames: [], truncated: false });
    expect(await agent.fails("search", { query: '"open' })).toStartWith("bad_query: ");

    await using bounded = await Agent.start(home.path, [home.store, "--topic", "hit.0"]);
    expect(await bounded.all("search", "frames", { query: "needle", limit: 7 })).toHaveLength(20);
    expect((await bounded.ok("search", { query: "needle topic:hit.1" })).frames).toEqual([]);
    expect(await bounded.fails("search", { query: "needle", topic: "hit.1" })).toStartWith(
      "forbidden: ",
    );
  });
});

test("a search works without a server, and makes its index", async () => {
  using home = new Home();
  await home.ok(["append", home.store, "note", "buy milk"]);
  await using agent = await Agent.start(home.path, [home.store]);
  for (let n = 0; n < 2; n++) {
    const { frames } = await agent.ok("search", { query: "milk" });
    expect(frames).toMatchObject([{ topic: "note", snippet: "buy milk" }]);
  }
  await home.ok(["append", home.store, "note", "more milk"]);
  expect((await agent.ok("search", { query: "milk" })).frames).toHaveLength(2);
});

test("while a search makes its index without a server, others find the store free now and then", async () => {
  using home = new Home();
  await home.ok(["append", home.store, "note", "buy milk"]);
  using other = new Database(`${home.store}/search.db-lock`, { create: true });
  other.run("BEGIN EXCLUSIVE");
  await using agent = await Agent.start(home.path, [home.store]);
  const found = agent.ok("search", { query: "milk" });
  await until("the search has begun", async () => (await searchProcesses(agent.pid)).length > 0);
  for (let n = 0; n < 3; n++) await home.ok(["append", home.store, "note", `milk ${n}`]);
  other.run("ROLLBACK");
  expect((await found).frames).toHaveLength(4);
});

test("topics, keys and values go on too", async () => {
  await withServer(async (home, server, agent) => {
    for (const topic of ["b", "a", "c.d", "c"]) await server.append(topic);
    const topics = await agent.all("topics", "topics", { limit: 2 });
    expect(topics.map(({ topic }) => topic)).toEqual(["a", "b", "c", "c.d", "stream.cross.start"]);

    const keys = Array.from({ length: 12 }, (_, n) => `k/${String(n).padStart(2, "0")}`);
    for (const key of keys) await server.fetch(`/kv/${key}`, { method: "PUT", body: "1" });
    for (const limit of [5, 12, 500]) {
      const listed = await agent.all("kv_list", "entries", { prefix: "k/", limit });
      expect(listed.map(({ key }) => key)).toEqual(keys);
    }

    const long = `${"ä".repeat(50_000)}end`;
    await home.ok(["kv", "put", home.store, "long"], { stdin: long });
    let value = "";
    let offset: number | undefined = 0;
    while (offset !== undefined) {
      const part = await agent.ok("kv_get", { key: "long", offset });
      expect(part.size).toBe(100_003);
      value += part.value;
      offset = part.value_next;
    }
    expect(value).toBe(long);
    expect(await agent.fails("kv_get", { key: "long", offset: 200_000 })).toStartWith(
      "range_not_satisfiable: ",
    );
    await server.fetch("/kv/bytes", { method: "PUT", body: new Uint8Array([0xff, 0xfe]) });
    const bytes = await agent.ok("kv_get", { key: "bytes" });
    expect(bytes).toMatchObject({ size: 2, binary: true, type: "application/octet-stream" });
  });
});
