// What a node shows of all nodes: while all answer, while some are away, and with the journal out of reach.
import { expect, setDefaultTimeout, test } from "bun:test";
import { randomBytes } from "node:crypto";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { api } from "../../src/api/api.ts";
import type { JournalStatus, NodeStatus } from "../../src/core/node-status.ts";
import { FOREVER } from "../../src/core/ttl.ts";
import type { Node } from "../../src/nodes/node.ts";
import { type MemoryCluster, MemoryNet } from "../support/memory-cluster.ts";
import { openNode } from "../support/nodes.ts";
import { tempDirectory } from "../support/temp.ts";
import { TEST_MS, until } from "../support/wait.ts";

setDefaultTimeout(TEST_MS);

/** Nodes of one store, with their clusters; the first leads. */
class Nodes implements AsyncDisposable {
  readonly home = tempDirectory();
  readonly net = new MemoryNet({ seed: 1 });
  readonly all = new Map<string, { node: Node; cluster: MemoryCluster }>();

  async open(name: string, now?: () => number): Promise<Node> {
    const cluster = this.net.cluster();
    const path = join(this.home.path, name);
    mkdirSync(path, { recursive: true });
    const node = openNode(path, cluster, { node: name, now });
    this.all.set(name, { node, cluster });
    await until(`${name} is in each list`, () =>
      [...this.all.values()].every((one) => one.node.replica.state.nodes.includes(name)),
    );
    return node;
  }

  of(name: string): { node: Node; cluster: MemoryCluster } {
    return this.all.get(name) as { node: Node; cluster: MemoryCluster };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const { node, cluster } of this.all.values()) {
      cluster.heal();
      await node.store.close();
    }
    this.home[Symbol.dispose]();
  }
}

async function overviewOf(node: Node): Promise<[NodeStatus[], JournalStatus]> {
  const rows = [...(await node.overview.list())];
  const journal = rows.pop() as JournalStatus;
  return [rows as NodeStatus[], journal];
}

async function append(node: Node, content?: Uint8Array<ArrayBuffer>): Promise<void> {
  const taken = content ? await node.store.content.take(new Blob([content]).stream()) : null;
  await node.store.append({ topic: "note", meta: "null", ttl: FOREVER, content: taken });
}

test("any node shows all of them, with who leads and how far each is", async () => {
  await using nodes = new Nodes();
  const a = await nodes.open("a");
  const b = await nodes.open("b");
  b.overview.address = "10.0.0.2:3021";
  await append(b);
  await append(b, new Uint8Array(randomBytes(100_000)));
  const last = b.replica.state.applied;
  await until("a has all", () => a.replica.state.applied === last);
  await until("the content of b is in a file, and a knows that it is elsewhere", async () => {
    const [[one, two]] = await overviewOf(a);
    return two?.contents === 1 && one?.contents_elsewhere === 1;
  });
  for (const node of [a, b]) {
    const [[one, two], journal] = await overviewOf(node);
    expect(one).toMatchObject({
      kind: "node",
      name: "a",
      role: "leader",
      epoch: 1,
      record: last,
      behind: 0,
      behind_ms: 0,
      contents: 0,
      content_bytes: 0,
      contents_elsewhere: 1,
      address: null,
      problem: null,
      last_seen: null,
    });
    expect(two).toMatchObject({
      name: "b",
      role: "follower",
      record: last,
      contents: 1,
      content_bytes: 100_000,
      contents_elsewhere: 0,
      address: "10.0.0.2:3021",
    });
    expect(two?.disk_free_bytes).toBeGreaterThan(0);
    expect(two?.version).toMatch(/^\d/);
    expect(journal).toMatchObject({
      kind: "journal",
      name: "test",
      first: 1,
      last,
      reachable: true,
      leader: "a",
    });
    expect(journal.append_ms).toBeGreaterThan(0);
  }
});

test("a node that does not answer is away, and is shown as it was last known", async () => {
  await using nodes = new Nodes();
  const a = await nodes.open("a");
  await nodes.open("b");
  await append(a);
  await overviewOf(a);
  nodes.of("b").cluster.cut();
  await append(a);
  const [[one, two]] = await overviewOf(a);
  expect(one).toMatchObject({ name: "a", role: "leader", problem: null });
  expect(two).toMatchObject({ name: "b", role: "away", problem: "it does not answer" });
  expect(two?.record).toBeGreaterThan(0);
  expect(two?.behind).toBeGreaterThan(0);
  expect(Date.parse(two?.last_seen ?? "")).toBeGreaterThan(0);
});

test("out of reach of the journal, a node shows what it knows", async () => {
  await using nodes = new Nodes();
  const a = await nodes.open("a");
  const b = await nodes.open("b");
  await until("b has all", () => a.replica.state.applied === b.replica.state.applied);
  nodes.of("b").cluster.cut();
  const [[one, two], journal] = await overviewOf(b);
  expect(one).toMatchObject({ name: "a", role: "away" });
  expect(two).toMatchObject({ name: "b", role: "follower", record: b.replica.state.applied });
  expect(journal).toMatchObject({
    first: null,
    last: b.replica.state.applied,
    reachable: false,
    leader: null,
  });
});

test("a node that will not come back is taken from the list; one that answers is not", async () => {
  await using nodes = new Nodes();
  const a = await nodes.open("a");
  await nodes.open("b");
  const answer = api(a.store, { nodes: a.overview });
  const forget = (name: string) =>
    answer(new Request(`http://x/-/nodes/${name}`, { method: "DELETE" }));
  const refused = await forget("b");
  expect(refused.status).toBe(409);
  expect(await refused.json()).toMatchObject({ code: "node_present" });
  expect((await forget("c")).status).toBe(404);
  const { node, cluster } = nodes.of("b");
  await node.store.close();
  nodes.all.delete("b");
  await cluster.close();
  expect((await forget("b")).status).toBe(204);
  const [rows] = await overviewOf(a);
  expect(rows.map(({ name }) => name)).toEqual(["a"]);
  // It comes back by itself.
  await nodes.open("b");
  await until("a knows b again", () => a.replica.state.nodes.includes("b"));
});

test("the check names what is wrong and how to mend it", async () => {
  await using nodes = new Nodes();
  const a = await nodes.open("a");
  await nodes.open("b", () => Date.now() + 120_000);
  await nodes.open("c");
  nodes.of("c").cluster.cut();
  const findings = await a.overview.check();
  const bad = findings.filter(({ ok }) => !ok);
  expect(bad.map(({ what }) => what).join("\n")).toMatch(/the node c does not answer/);
  expect(bad.map(({ what }) => what).join("\n")).toMatch(/the clock of b is 1[12]\d s ahead/);
  for (const { howToMend } of bad) expect(howToMend).toBeString();
  const said = findings.map(({ what }) => what).join("\n");
  expect(said).toMatch(/a leads/);
  expect(said).toMatch(/no snapshot yet, and the journal has \d records/);
});

test("on a store on one machine there are no nodes, and the answer says so", async () => {
  using home = tempDirectory();
  const { openSqliteStore } = await import("../../src/store/sqlite/open.ts");
  const store = openSqliteStore(home.path);
  if (!store) throw new Error("locked");
  try {
    const answer = api(store);
    for (const [method, path] of [
      ["GET", "/-/nodes"],
      ["DELETE", "/-/nodes/a"],
      ["GET", "/-/check"],
    ] as const) {
      const response = await answer(new Request(`http://x${path}`, { method }));
      expect(response.status).toBe(404);
      expect(await response.json()).toMatchObject({
        code: "not_replicated",
        detail: expect.stringContaining("docs/nodes.md"),
      });
    }
  } finally {
    await store.close();
  }
});

test("the metrics of a node: who leads, how far it is, how long the journal takes", async () => {
  await using nodes = new Nodes();
  const a = await nodes.open("a");
  const b = await nodes.open("b");
  await append(b);
  const last = a.replica.state.applied;
  await until("b has all", () => b.replica.state.applied === last);
  async function valuesOf(node: Node): Promise<Map<string, number>> {
    const response = await api(node.store, { nodes: node.overview })(
      new Request("http://x/metrics"),
    );
    const lines = (await response.text())
      .split("\n")
      .filter((line) => /^xs_(node|journal)/.test(line));
    return new Map(
      lines.map((line) => {
        const at = line.lastIndexOf(" ");
        return [line.slice(0, at), Number(line.slice(at + 1))];
      }),
    );
  }
  const ofA = await valuesOf(a);
  const ofB = await valuesOf(b);
  expect(ofA.get('xs_node_info{node="a",journal="test"}')).toBe(1);
  expect([ofA.get("xs_node_leads"), ofB.get("xs_node_leads")]).toEqual([1, 0]);
  for (const values of [ofA, ofB]) {
    expect(values.get("xs_node_epoch")).toBe(1);
    expect(values.get("xs_node_record")).toBe(last);
    expect(values.get("xs_journal_last_record")).toBe(last);
    expect(values.get("xs_node_lag_records")).toBe(0);
    expect(values.get("xs_journal_reachable")).toBe(1);
    expect(values.get("xs_journal_stalls_total")).toBe(0);
    expect(values.get("xs_node_records_applied_total")).toBe(last);
  }
  // That b joined, and the frame.
  expect(ofB.get("xs_node_forwarded_writes_total")).toBeGreaterThanOrEqual(2);
  expect(ofA.get("xs_journal_append_seconds_count")).toBe(last);
  expect(ofA.get("xs_journal_append_seconds_sum")).toBeGreaterThan(0);
  expect(ofA.get('xs_journal_append_seconds_bucket{le="+Inf"}')).toBe(last);
  nodes.of("b").cluster.cut();
  expect((await valuesOf(b)).get("xs_journal_reachable")).toBe(0);
});

test("a comparison at one record, while writes go on; the node that differs is named", async () => {
  await using nodes = new Nodes();
  const a = await nodes.open("a");
  await nodes.open("b");
  await nodes.open("c");
  for (let i = 0; i < 20; i++) await append(a);
  let goesOn = true;
  const writing = (async () => {
    while (goesOn) await append(a);
  })();
  const compare = () => a.overview.compare(new AbortController().signal);
  const alike = await compare();
  expect(alike.map(({ node, differs, problem }) => [node, differs, problem])).toEqual([
    ["a", [], null],
    ["b", [], null],
    ["c", [], null],
  ]);
  expect(new Set(alike.map(({ record }) => record)).size).toBe(1);
  goesOn = false;
  await writing;
  // Somebody changes a frame of one node, with its checksum.
  const { Database } = await import("bun:sqlite");
  const db = new Database(join(nodes.home.path, "b", "events.db"));
  db.run(
    "UPDATE frames SET line = replace(line, 'note', 'nope') WHERE seq = (SELECT max(seq) FROM frames)",
  );
  db.close();
  nodes.of("c").cluster.slow(1);
  const differ = await compare();
  expect(differ[0]).toMatchObject({ node: "a", problem: null });
  expect(differ[1]).toMatchObject({ node: "b", differs: ["frames"] });
  expect(differ[1]?.problem).toMatch(/frames differ from those of most.*delete events\.db\*/);
  nodes.of("c").cluster.cut();
  const without = await compare();
  expect(without[2]).toMatchObject({ node: "c", record: null });
  expect(without[2]?.problem).toMatch(/does not answer/);
  // Of two that differ, none is right.
  expect(without.slice(0, 2).every(({ problem }) => /no majority/.test(problem ?? ""))).toBe(true);
});
