// What a client sees of the records of a journal, and how it writes once: the API of two nodes in this process.
import { expect, setDefaultTimeout, test } from "bun:test";
import { api } from "../../src/api/api.ts";
import type { Api } from "../../src/api/call.ts";
import type { Node } from "../../src/nodes/node.ts";
import { expectDescribed } from "../support/described.ts";
import { type MemoryCluster, MemoryNet } from "../support/memory-cluster.ts";
import { openNode } from "../support/nodes.ts";
import { seedFrom } from "../support/random.ts";
import { parseLines } from "../support/server.ts";
import { sqliteEngine } from "../support/store.ts";
import { tempDirectory } from "../support/temp.ts";
import { TEST_MS, until } from "../support/wait.ts";

setDefaultTimeout(TEST_MS);

const SEED = seedFrom("XS_NODES_SEED");

/** A node with its API. */
class Front {
  readonly node: Node;
  readonly cluster: MemoryCluster;
  readonly #api: Api;

  constructor(path: string, net: MemoryNet, opening: { node: string; stallMs?: number }) {
    this.cluster = net.cluster();
    this.node = openNode(path, this.cluster, opening);
    this.#api = api(this.node.store, { records: this.node.router });
  }

  async ask(asked: string, init: RequestInit = {}): Promise<Response> {
    const [method = "", path = ""] = asked.split(" ");
    const response = await this.#api(new Request(`http://localhost${path}`, { method, ...init }));
    if (response.headers.get("content-type") !== "application/problem+json") return response;
    const { code } = (await response.clone().json()) as { code: string };
    expectDescribed(method, path, code);
    return response;
  }

  async text(asked: string, init: RequestInit = {}): Promise<string> {
    const response = await this.ask(asked, init);
    const text = await response.text();
    if (!response.ok) throw new Error(`${asked}: ${text}`);
    return text;
  }

  async problem(asked: string, init: RequestInit = {}): Promise<Record<string, unknown>> {
    return (await (await this.ask(asked, init)).json()) as Record<string, unknown>;
  }
}

/** A node that leads, and one that does not. */
class Pair implements AsyncDisposable {
  readonly #home = tempDirectory();
  readonly leader: Front;
  readonly other: Front;

  constructor(opening: { stallMs?: number }) {
    const net = new MemoryNet({ seed: SEED });
    this.leader = new Front(`${this.#home.path}/a`, net, { ...opening, node: "a" });
    this.other = new Front(`${this.#home.path}/b`, net, { ...opening, node: "b" });
  }

  static async open(opening: { stallMs?: number } = {}): Promise<Pair> {
    const pair = new Pair(opening);
    const { leader, other } = pair;
    await until("one leads", () => (leader.node.epoch ?? other.node.epoch) !== undefined);
    // The first to ask may be either.
    const [first, second] = leader.node.epoch === undefined ? [other, leader] : [leader, other];
    await until("both know", () => second.node.replica.state.leader?.node !== undefined);
    return Object.assign(pair, { leader: first, other: second });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    using _home = this.#home;
    await this.other.node.store.close();
    await this.leader.node.store.close();
  }
}

const recordOf = ({ headers }: Response) => Number(headers.get("xs-record"));
const reached = (record: number) => ({ headers: { "xs-reached": String(record) } });

test("the answer to each write names a record, with which any node has that write", async () => {
  await using pair = await Pair.open();
  const { leader, other } = pair;
  const frame = JSON.parse(await other.text("POST /stream/a", { body: "x" })) as { id: string };
  for (const [asked, init, read, wanted] of [
    ["POST /stream/note", { body: "hi" }, "GET /last/note", '"note"'],
    ["POST /stream", { body: '{"topic":"b"}\n{"topic":"c"}' }, "GET /last/c", '"c"'],
    ["PUT /kv/k", { body: "1" }, "GET /kv/k", "1"],
    ["PUT /-/keep/a?count=5", {}, "GET /-/keep", '"a"'],
    ["DELETE /kv/k", {}, "GET /kv/k", "not_found"],
    [`DELETE /${frame.id}`, {}, `GET /${frame.id}`, "not_found"],
    ["POST /stream/later?at=2099-01-01", {}, "GET /-/scheduled", '"later"'],
    ["POST /stream/lines?chunked=lines", { body: "one" }, "GET /last/lines", '"lines"'],
  ] as const) {
    for (const [writer, reader] of [
      [leader, other],
      [other, leader],
    ] as const) {
      const response = await writer.ask(asked, init);
      await response.text();
      expect([asked, response.ok]).toEqual([asked, true]);
      const record = recordOf(response);
      expect(record).toBeGreaterThan(0);
      const seen = await reader.ask(read, reached(record));
      expect(recordOf(seen)).toBeGreaterThanOrEqual(record);
      expect(await seen.text()).toContain(wanted);
      // The node that answered has it anyway.
      expect(await (await writer.ask(read)).text()).toContain(wanted);
    }
  }
});

test("a read waits for a record that is to come, and not for ever", async () => {
  await using pair = await Pair.open();
  const { leader, other } = pair;
  const { record } = leader.node.router;
  let isThere = false;
  const waiting = other.ask("GET /last/note", reached(record + 1)).then((response) => {
    isThere = true;
    return response;
  });
  await other.text("GET /version");
  expect(isThere).toBe(false);
  await leader.text("POST /stream/note");
  expect((await waiting).status).toBe(200);
  // A node that is cut off answers what it has, and refuses what it does not have.
  other.cluster.cut();
  const response = await leader.ask("POST /stream/note");
  expect((await other.ask("GET /last/note")).status).toBe(200);
  await expect(other.node.router.reached(recordOf(response), 20)).rejects.toThrow("and not yet");
  const late = other.ask("GET /last/note", reached(recordOf(response)));
  other.cluster.heal();
  expect(JSON.parse(await (await late).text())).toEqual(await response.json());
});

test("what follows with a record begins with all up to it", async () => {
  await using pair = await Pair.open();
  const { leader, other } = pair;
  const record = recordOf(await leader.ask("POST /stream/note", { body: "1" }));
  const response = await other.ask("GET /?topic=note&follow=true&limit=1", reached(record));
  expect(parseLines(await response.text()).map(({ topic }) => topic)).toEqual(["note"]);
});

test("a store on one machine has no records: it refuses to wait for one, and ignores a key for retries", async () => {
  using home = tempDirectory();
  const store = sqliteEngine(`${home.path}/store`);
  const answer = api(store);
  const ask = (path: string, headers: Record<string, string>, method = "GET") =>
    answer(new Request(`http://localhost${path}`, { method, headers }));
  const response = await ask("/version", {});
  expect(response.headers.has("xs-record")).toBe(false);
  const refused = await ask("/version", { "xs-reached": "1" });
  expect([refused.status, await refused.json()]).toMatchObject([400, { code: "bad_header" }]);
  for (let n = 0; n < 2; n++) await ask("/stream/a", { "xs-retry-key": "k" }, "POST");
  expect(parseLines(await (await ask("/", {})).text())).toHaveLength(2);
  await store.close();
});

test("what is no record is refused", async () => {
  await using pair = await Pair.open();
  for (const text of ["", "-1", "1.5", "x", "1, 2", "9999999999999999"]) {
    const init = { headers: { "xs-reached": text } };
    expect(await pair.leader.problem("GET /", init)).toMatchObject({ code: "bad_header" });
  }
});

test("with a key for retries a node writes once, whichever is asked", async () => {
  await using pair = await Pair.open();
  const { leader, other } = pair;
  const twice = async (asked: string, body: string, more: Record<string, string> = {}) => {
    const headers = { "xs-retry-key": crypto.randomUUID(), ...more };
    const init = { headers, ...(body !== "" && { body }) };
    const first = await other.ask(asked, init);
    const again = await leader.ask(asked, init);
    expect([again.status, again.headers.get("etag")]).toEqual([
      first.status,
      first.headers.get("etag"),
    ]);
    expect(await again.text()).toBe(await first.text());
  };
  await twice("POST /stream/a", "x");
  await twice("POST /a?ttl=ephemeral", "x");
  await twice("POST /stream", '{"topic":"a"}\n{"topic":"b"}');
  await twice("POST /append/a", "x", { "xs-meta": "1" });
  expect((await leader.text("GET /stream/a")).split("\n")).toHaveLength(4);
  await twice("PUT /kv/k", "1", { "if-none-match": "*" });
  await twice("DELETE /kv/k", "", { "if-match": "*" });
  await twice("DELETE /kv/nothing", "");
  // A value that another client has put since stays.
  const put = { headers: { "idempotency-key": "one" }, body: "1" };
  await other.text("PUT /kv/k", put);
  await leader.text("PUT /kv/k", { body: "2" });
  await other.text("PUT /kv/k", put);
  expect(await other.text("GET /kv/k")).toBe("2");
  const reused = { headers: { "idempotency-key": "one" }, body: "3" };
  expect(await other.problem("PUT /kv/k", reused)).toMatchObject({
    code: "idempotency_key_reused",
  });
  expect(await other.problem("DELETE /kv/k", { headers: put.headers })).toMatchObject({
    code: "idempotency_key_reused",
  });
});

test("a refusal names a frame that the node which gives it has", async () => {
  await using pair = await Pair.open();
  const { leader, other } = pair;
  for (let n = 0; n < 20; n++) {
    await leader.text("POST /stream/chain");
    const init = { headers: { "xs-expect-last": "none" } };
    const { code, actual } = await other.problem("POST /stream/chain", init);
    expect(code).toBe("expect_last_failed");
    expect((await other.ask(`GET /${actual}`)).status).toBe(200);
  }
});

test("what is done on the leader alone is refused elsewhere, with the name of the leader", async () => {
  await using pair = await Pair.open();
  const { leader, other } = pair;
  const { node: name } = leader.node.replica.options.self;
  const line =
    '{"topic":"a","id":"03hb7eruu0v09mgtj09qd65j6","hash":null,"meta":null,"ttl":"forever"}';
  for (const [asked, body] of [
    ["POST /import", line],
    ["POST /gc", ""],
    ["POST /gc?tombstones=1d", ""],
    ["DELETE /stream/a", ""],
  ] as const) {
    const init = body === "" ? {} : { body };
    const response = await other.ask(asked, init);
    expect(response.status).toBe(503);
    // It is not that another try would succeed here.
    expect(response.headers.get("retry-after")).toBe(null);
    const problem = (await response.json()) as Record<string, unknown>;
    expect(problem).toMatchObject({ code: "not_leader", leader: name });
    expect(problem.detail).toContain(`on the node ${name}, which leads`);
    expect([asked, (await leader.ask(asked, init)).status]).toEqual([asked, 200]);
  }
  // To count is to read.
  expect((await other.ask("POST /gc?dry-run")).status).toBe(200);
  expect((await other.ask("DELETE /stream/a?dry-run")).status).toBe(200);
});

test("without the journal a write says whether it may be done, and reads go on", async () => {
  await using pair = await Pair.open({ stallMs: 500 });
  const { leader, other } = pair;
  await leader.text("POST /stream/a");
  leader.cluster.cut();
  // The first is on its way to the journal; by the time of the second nothing goes there.
  const unknown = await leader.problem("POST /stream/a");
  expect(unknown).toMatchObject({ code: "journal_unreachable", outcome: "unknown" });
  const none = await leader.problem("POST /stream/a");
  expect(none).toMatchObject({ code: "journal_unreachable", outcome: "none" });
  expect((await leader.ask("GET /last/a")).status).toBe(200);
  leader.cluster.heal();
  await until("it writes again", async () => (await other.ask("POST /stream/a")).ok);
});
