// What the commits of a store on several machines do where something goes wrong on the way of a record.
import { expect, setDefaultTimeout, test } from "bun:test";
import { XsError } from "../../src/core/error.ts";
import { type Frame, linesIn } from "../../src/core/frame.ts";
import { timestampOf } from "../../src/core/id.ts";
import { READ_ALL } from "../../src/core/read-options.ts";
import { FOREVER, parseTtl } from "../../src/core/ttl.ts";
import { Fenced } from "../../src/store/journal/journal.ts";
import { decodeRecord } from "../../src/store/journal/record-codec.ts";
import { MemoryNet } from "../support/memory-cluster.ts";
import { KEY, openReplica, type TestReplica } from "../support/nodes.ts";
import { append, readAll } from "../support/store.ts";
import { tempDir } from "../support/temp.ts";
import { TEST_MS, until, within } from "../support/wait.ts";

setDefaultTimeout(TEST_MS);

/** A net, and replicas on it that are closed at the end. */
async function withNet(
  use: (
    net: MemoryNet,
    open: (
      node: string,
      how?: { now?: () => number; stallMs?: number; path?: string },
    ) => TestReplica & { cluster: ReturnType<MemoryNet["cluster"]> },
  ) => Promise<void>,
): Promise<void> {
  const net = new MemoryNet({ seed: 1, delayMs: 1 });
  const opened: TestReplica[] = [];
  try {
    await use(net, (node, { path = `${tempDir()}/${node}`, ...how } = {}) => {
      const cluster = net.cluster();
      const one = openReplica(path, cluster, { node, ...how });
      opened.push(one);
      return { ...one, cluster };
    });
  } finally {
    for (const one of opened) await one.close();
  }
}

const isThreshold = ({ topic }: Frame) => topic === "stream.cross.threshold";

const request = (topic: string, ttl = FOREVER) => ({ topic, meta: "null", ttl, content: null });

const codeOf = (write: Promise<unknown>) =>
  within("the end of a write", write).then(
    () => "done",
    (error: XsError) => error.code,
  );

test("a node whose record is under way while the journal is out of reach can be closed, and its writer learns that the outcome is unknown", () =>
  withNet(async (_, open) => {
    const a = open("a");
    await a.replica.commits.stand();
    a.cluster.cut();
    const write = codeOf(a.store.append(request("t")));
    await Bun.sleep(0);
    await within("the close", a.store.close());
    expect(await write).toBe("journal_unreachable");
  }));

test("while the journal is out of reach, the store is checked and compacted", () =>
  withNet(async (_, open) => {
    const a = open("a");
    await a.replica.commits.stand();
    a.cluster.cut();
    const write = codeOf(a.store.append(request("t")));
    await within(
      "a check",
      a.store.check(() => {}),
    );
    await within("the compaction", a.store.upkeep.compact());
    a.cluster.heal();
    expect(await write).toBe("done");
  }));

test("a record that stalls refuses what waits, is known in the end, and writes go on", () =>
  withNet(async (_, open) => {
    const a = open("a", { stallMs: 50 });
    await a.replica.commits.stand();
    a.cluster.cut();
    const first = codeOf(a.store.append(request("first")));
    await Bun.sleep(0);
    const second = codeOf(a.store.append(request("second")));
    expect([await first, await second]).toEqual(["journal_unreachable", "journal_unreachable"]);
    expect(await codeOf(a.store.append(request("third")))).toBe("journal_unreachable");
    a.cluster.heal();
    await until("it recovers", () => a.replica.commits.problem === undefined);
    expect(await codeOf(a.store.append(request("fourth")))).toBe("done");
    expect((await readAll(a.store)).map(({ topic }) => topic)).toEqual(["first", "fourth"]);
  }));

test("what was told as unknown is not run again where another record came instead", () =>
  withNet(async (_, open) => {
    const [a, b] = [open("a", { stallMs: 50 }), open("b")];
    await a.replica.commits.stand();
    a.cluster.cut();
    const write = codeOf(a.store.append(request("lost")));
    expect(await write).toBe("journal_unreachable");
    await until("b has all", () => b.replica.state.applied === 1);
    expect(await b.replica.commits.stand()).toBe(true);
    a.cluster.heal();
    await until("a follows", () => a.replica.state.leader?.node === "b");
    expect(await codeOf(a.store.append(request("refused")))).toBe("not_leader");
    await append(b.store, "kept");
    await until("a has all", () => a.replica.state.applied === b.replica.state.applied);
    expect((await readAll(a.store)).map(({ topic }) => topic)).toEqual(["kept"]);
  }));

test("a node that does not lead any more decides nothing: writes that waited are refused", () =>
  withNet(async (net, open) => {
    const [a, b] = [open("a"), open("b")];
    await a.replica.commits.stand();
    await until("b has all", () => b.replica.state.applied === 1);
    a.cluster.cut();
    const writes = [codeOf(a.store.append(request("one")))];
    await Bun.sleep(0);
    writes.push(codeOf(a.store.append(request("two"))));
    await b.replica.commits.stand();
    a.cluster.heal();
    expect(await Promise.all(writes)).toEqual(["not_leader", "not_leader"]);
    await append(b.store, "three");
    await until("a has all", () => a.replica.state.applied === b.replica.state.applied);
    // Each record is of the epoch that the one before it left.
    for (let at = 3; at <= net.log.last; at++) {
      expect(decodeRecord(net.log.at(at) as Uint8Array, KEY).epoch).toBe(2);
    }
    expect((await readAll(a.store)).map(({ topic }) => topic)).toEqual(["three"]);
  }));

test("that there is no such frame is answered only by a node that shows that it is not out of date", () =>
  withNet(async (_, open) => {
    const [a, b] = [open("a"), open("b")];
    await a.replica.commits.stand();
    await until("b has all", () => b.replica.state.applied === 1);
    a.cluster.cut();
    await b.replica.commits.stand();
    const { id } = await append(b.store, "t");
    const gone = codeOf(a.store.remove(id));
    const deleted = codeOf(a.store.kv.delete("key"));
    a.cluster.heal();
    expect([await gone, await deleted]).toEqual(["not_leader", "not_leader"]);
  }));

test("a record that the journal refuses for good refuses its writes, and those after it go on", () =>
  withNet(async (_, open) => {
    const a = open("a");
    await a.replica.commits.stand();
    const { journal } = a.cluster;
    const put = journal.append.bind(journal);
    journal.append = () => Promise.reject(new XsError("body_too_large", "too large"));
    expect(await codeOf(a.store.append(request("large")))).toBe("body_too_large");
    journal.append = put;
    expect(await codeOf(a.store.append(request("small")))).toBe("done");
    expect((await readAll(a.store)).map(({ topic }) => topic)).toEqual(["small"]);
  }));

test("a journal that refuses at once is not asked in a hurry", () =>
  withNet(async (_, open) => {
    const a = open("a", { stallMs: 300 });
    await a.replica.commits.stand();
    const { journal } = a.cluster;
    let asked = 0;
    journal.append = () => {
      asked++;
      return Promise.reject(new XsError("journal_unreachable", "no responders"));
    };
    expect(await codeOf(a.store.append(request("t")))).toBe("journal_unreachable");
    expect(asked).toBeLessThan(20);
  }));

test("where the record of a fence never comes, the node stops waiting when its store stops", () =>
  withNet(async (_, open) => {
    const a = open("a");
    await a.replica.commits.stand();
    a.cluster.journal.append = () => Promise.reject(new Fenced("another record is there"));
    const write = codeOf(a.store.append(request("t")));
    await Bun.sleep(1);
    a.store.stopFor(new XsError("journal_damaged", "the record is damaged"));
    expect(await write).toBe("journal_damaged");
    const take = a.replica.commits.take(99, new Uint8Array(1));
    expect(await codeOf(take)).toBe("journal_damaged");
  }));

test("a record that cannot be applied stops the store, and its writers learn of it", () =>
  withNet(async (_, open) => {
    const a = open("a");
    await a.replica.commits.stand();
    a.replica.state.write = () => {
      throw new Error("no more");
    };
    expect(await codeOf(a.store.append(request("t")))).not.toBe("done");
    expect((await within("the stop", a.store.failure)).message).toContain("no more");
  }));

test("ids of ephemeral frames and of thresholds stay below those of the next record, whatever the clock of who leads", () =>
  withNet(async (_, open) => {
    const hour = 3_600_000;
    const [a, b, c] = [open("a", { now: () => Date.now() + hour }), open("b"), open("c")];
    await a.replica.commits.stand();
    await until("b has all", () => b.replica.state.applied === 1);
    // Given for a record that does not come to be.
    await append(a.store, "first");
    const ephemeral = await append(a.store, "passing", { ttl: "ephemeral" });
    await until("b has all", () => b.replica.state.applied === a.replica.state.applied);
    a.cluster.cut();
    const lost = codeOf(a.store.append(request("lost")));
    expect(await b.replica.commits.stand()).toBe(true);
    const next = await append(b.store, "second");
    expect(next.id > ephemeral.id).toBe(true);
    a.cluster.heal();
    expect(await lost).toBe("not_leader");
    await append(b.store, "passing", { ttl: "ephemeral" });
    await until("c has all", () => c.replica.state.applied === b.replica.state.applied);
    for (const { store } of [a, b, c]) {
      const reader = store.read({ ...READ_ALL, follow: true });
      let threshold: string | undefined;
      while (threshold === undefined) {
        const lines = linesIn((await within("the threshold", reader.next())) ?? new Uint8Array());
        threshold = lines.map((line) => JSON.parse(line)).find(isThreshold)?.id;
      }
      reader.close();
      const { id } = await append(b.store, "after");
      expect(id > threshold).toBe(true);
    }
  }));

test("frames with a time outlive a clock that is set back on the node that leads", () =>
  withNet(async (_, open) => {
    let now = Date.now();
    const a = open("a", { now: () => now });
    await a.replica.commits.stand();
    await append(a.store, "t", { ttl: "time:60000" });
    now += 3_600_000;
    await append(a.store, "t", { ttl: "time:60000" });
    await readAll(a.store);
    now -= 3_600_000;
    const { id } = await append(a.store, "t", { ttl: "time:60000" });
    expect(timestampOf(id)).toBeGreaterThan(now);
    expect((await readAll(a.store)).at(-1)?.id).toBe(id);
  }));

test("an ephemeral frame comes with its content to who follows another node", () =>
  withNet(async (_, open) => {
    const [a, b] = [open("a"), open("b")];
    await a.replica.commits.stand();
    await until("b has all", () => b.replica.state.applied === 1);
    const reader = b.store.read({ ...READ_ALL, follow: true });
    await reader.next();
    const content = await a.store.content.take(Buffer.from("hello"), true);
    const ttl = parseTtl("ephemeral");
    const sent = JSON.parse(await a.store.append({ ...request("t", ttl), content })) as Frame;
    const text = Buffer.from((await within("a frame", reader.next())) ?? []).toString();
    expect(text).toContain(sent.id);
    expect(await (await b.store.content.open(sent.hash ?? ""))?.text()).toBe("hello");
    reader.close();
  }));

test("a node whose content is held keeps its files until the end, whatever the node that leads frees", () =>
  withNet(async (_, open) => {
    const [a, b] = [open("a"), open("b")];
    await a.replica.commits.stand();
    const { id, hash } = await append(a.store, "t", { content: "one" });
    await until("b has all", () => b.replica.state.applied === a.replica.state.applied);
    b.store.content.startFlushing();
    await until("it is in a file", () => !b.store.content.isStaged(hash ?? ""));
    const release = await b.store.holdContent();
    await a.store.remove(id);
    await a.store.upkeep.collect();
    await until("b has all", () => b.replica.state.applied === a.replica.state.applied);
    expect(b.store.content.files.stateOf(hash ?? "")).toBeDefined();
    release();
    expect(b.store.content.files.stateOf(hash ?? "")).toBeUndefined();
  }));
