import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { api } from "../../src/api/api.ts";
import { version } from "../../src/version.ts";
import { edit } from "../support/damage.ts";
import { parseLines } from "../support/server.ts";
import { sqliteEngine } from "../support/store.ts";
import { tempDir } from "../support/temp.ts";
import { Exposed } from "../support/tokens.ts";
import { TEST_MS } from "../support/wait.ts";
import { Subject } from "./with-store.ts";

setDefaultTimeout(TEST_MS);

async function factsOf(response: Response | Promise<Response>): Promise<Record<string, unknown>> {
  const { status, headers } = await response;
  expect([status, headers.get("content-type")]).toEqual([200, "application/json"]);
  expect(headers.get("cache-control")).toBe("no-store");
  return (await (await response).json()) as Record<string, unknown>;
}

test("GET /-/info has the facts of a store, as they change", async () => {
  let now = Date.now();
  await using subject = new Subject(() => now);
  const empty = await factsOf(subject.ask("/-/info"));
  const sizes = { database_bytes: expect.any(Number), free_bytes: expect.any(Number) };
  const facts = {
    version,
    serves: false,
    path: subject.store.path,
    first: null,
    last: null,
    frames: 0,
    topics: 0,
    entries: 0,
    ...sizes,
    schema: 3,
    writable: true,
    features: { search: false, effects: false },
  };
  expect(empty).toEqual(facts);
  expect(Object.keys(empty)).toEqual(Object.keys(facts));
  expect(empty.database_bytes).toBeGreaterThan(1000);

  const [first, second] = [await subject.append("a"), await subject.append("b.c")];
  await subject.append("a", "", "ttl=ephemeral");
  await subject.append("brief", "", "ttl=time:90s");
  await subject.ask("/kv/key", { method: "PUT", body: "value" });
  const full = await factsOf(subject.ask("/-/info"));
  expect(full).toMatchObject({ first: first.id, frames: 3, topics: 3, entries: 1 });
  // What has expired does not count, whether its row is still there or not.
  now += 90_001;
  const later = await factsOf(subject.ask("/-/info"));
  expect(later).toMatchObject({ first: first.id, last: second.id, frames: 2, topics: 2 });
  await subject.ask(`/${first.id}`, { method: "DELETE" });
  await subject.ask("/kv/key", { method: "DELETE" });
  const last = await factsOf(subject.ask("/-/info"));
  expect(last).toMatchObject({
    first: second.id,
    last: second.id,
    frames: 1,
    topics: 1,
    entries: 0,
  });
  expect((await subject.ask("/-/info", { method: "HEAD" })).status).toBe(200);
  expect((await subject.ask("/-/info?topic=a")).status).toBe(400);
});

test("a damaged frame does not keep the facts away", async () => {
  const path = `${tempDir()}/store`;
  const store = sqliteEngine(path);
  await store.append({
    topic: "a",
    meta: '"value"',
    ttl: { kind: "forever", text: "forever" },
    content: null,
  });
  await store.close();
  edit(path, (db) => db.run("UPDATE frames SET line = replace(line, 'value', 'other')"));
  const again = sqliteEngine(path);
  const facts = await factsOf(api(again)(new Request("http://localhost/-/info")));
  expect(facts).toMatchObject({ first: null, last: null, frames: 1 });
  await again.close();
});

describe("on a server", () => {
  let it: Exposed;
  beforeAll(async () => {
    it = await Exposed.start();
  });
  afterAll(() => it[Symbol.asyncDispose]());

  test("the owner sees the server, a token what it may see and do", async () => {
    const { id } = await it.server.append("open.a", "x");
    await it.server.append("closed", "x");
    const facts = await factsOf(it.ask(it.owner, "GET /-/info"));
    expect(facts).toMatchObject({
      version: expect.any(String),
      serves: true,
      path: it.home.store,
      writable: true,
    });
    expect(facts.server).toEqual({
      pid: it.server.pid,
      started: expect.stringMatching(/^20\d\d-.*Z$/),
      expose: it.address,
    });
    const some = await it.add("some", "--read", "open.*");
    expect(await factsOf(it.ask(some, "GET /-/info"))).toEqual({
      version: facts.version,
      serves: true,
      first: id,
      last: id,
      token: { name: "some", read: ["open.*"], append: [], keys: null, all: false },
    });
    const keys = await it.add("keys", "--keys", "a/");
    expect(await factsOf(it.ask(keys, "GET /-/info"))).toEqual({
      version: facts.version,
      serves: true,
      token: { name: "keys", read: [], append: [], keys: "a/", all: false },
    });
  });

  test("a token is told of the topics that it reads", async () => {
    await it.server.append("open.b", "x");
    await it.server.append("secret", "x");
    const topics = async (token: string, query = "") => {
      const response = await it.ask(token, `GET /-/topics${query}`);
      return parseLines(await response.text()).map(({ topic }) => topic);
    };
    const some = await it.add("topics-some", "--read", "open.*");
    const every = await it.add("topics-every", "--read", "*");
    const all = await it.add("topics-all", "--read", "*", "--all");
    const owners = await topics(it.owner);
    expect(owners).toContain("secret");
    expect(owners).toContain("stream.cross.start");
    expect(await topics(some)).toEqual(owners.filter((topic) => topic.startsWith("open.")));
    expect(await topics(some, "?topic=open.b")).toEqual(["open.b"]);
    const others = owners.filter((topic) => !topic.startsWith("stream.cross."));
    expect(await topics(every)).toEqual(others);
    expect(await topics(every, "?topic=stream.*")).toEqual([]);
    expect(await topics(all)).toEqual(owners);
    const appends = await it.add("topics-none", "--append", "open.*");
    expect(await it.outcome(appends, "GET /-/topics")).toBe("403 forbidden");
  });
});
