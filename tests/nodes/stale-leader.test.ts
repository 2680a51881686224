// A node that was the leader and does not know that it is not any more.
import { expect, setDefaultTimeout, test } from "bun:test";
import { XsError } from "../../src/core/error.ts";
import { over } from "../../src/lib/over.ts";
import { Election } from "../../src/nodes/election.ts";
import { encode, failure } from "../../src/nodes/operations.ts";
import { TIMING } from "../../src/nodes/timing.ts";
import { Fenced } from "../../src/store/journal/journal.ts";
import { MemoryNet } from "../support/memory-cluster.ts";
import { openNode, openReplica } from "../support/nodes.ts";
import { seedFrom } from "../support/random.ts";
import { append } from "../support/store.ts";
import { tempDir } from "../support/temp.ts";
import { TEST_MS, until } from "../support/wait.ts";

setDefaultTimeout(TEST_MS);

const SEED = seedFrom("XS_NODES_SEED");
const SLOW = "it has no answer";

test("a leader that is cut off does not answer that there is nothing to delete, remove or end", async () => {
  const net = new MemoryNet({ seed: SEED });
  const clusters = [net.cluster(), net.cluster()] as const;
  const [old, other] = [
    openNode(`${tempDir()}/a`, clusters[0], { node: "a" }),
    openNode(`${tempDir()}/b`, clusters[1], { node: "b" }),
  ] as const;
  await until("one leads", () => old.epoch !== undefined || other.epoch !== undefined);
  const [stale, fresh] = old.epoch !== undefined ? [old, other] : [other, old];
  const cluster = stale === old ? clusters[0] : clusters[1];
  await append(stale.store, "before");
  cluster.cut();
  await until("the other leads", () => fresh.epoch !== undefined);
  expect(stale.epoch).toBeDefined();
  const frame = await append(fresh.store, "after");
  await fresh.store.kv.put("key", "", new TextEncoder().encode("value"));
  const asked = [
    stale.store.kv.delete("key"),
    stale.store.remove(frame.id),
    stale.store.upkeep.rules.end("after"),
    stale.store.schedules.remove(frame.id),
  ];
  for (const answer of asked) {
    const late = Bun.sleep(300).then(() => SLOW);
    expect(await Promise.race([answer, late])).toBe(SLOW);
  }
  cluster.heal();
  // Now it asks the one that leads, or refuses.
  await asked[0];
  await until("it is deleted", async () => (await fresh.store.kv.get("key")) === undefined);
  expect(await asked[1]).toBe(true);
  await Promise.allSettled(asked);
  await stale.store.close();
  await fresh.store.close();
});

test("a node that knows of a record beyond the end of the journal does not lead from there", async () => {
  const net = new MemoryNet({ seed: SEED });
  const [one, two] = [net.cluster(), net.cluster()] as const;
  const a = openNode(`${tempDir()}/a`, one, { node: "a" });
  await until("it leads", () => a.epoch !== undefined);
  await append(a.store, "before");
  one.cut();
  const b = openReplica(`${tempDir()}/b`, two, { node: "b" });
  const { last } = await two.journal.extent();
  await until("it has all", () => b.replica.state.applied === last);
  // The node that led has more than the journal, and cannot write any more.
  let record = last + 5;
  const stalled = new XsError("journal_unreachable", "the journal does not answer");
  const messages = over(two.messages, { ask: async () => encode(failure(stalled, record)) });
  const election = new Election({
    journal: two.journal,
    messages,
    replica: b.replica,
    now: Date.now,
    timing: { ...TIMING, probeEveryMs: 20 },
  });
  const running = election.run();
  await until("it says why", () => election.problem?.includes(`the node a has record ${record}`));
  expect(b.replica.epoch).toBeUndefined();
  expect((await two.journal.extent()).last).toBe(last);
  record = last;
  await until("it leads", () => b.replica.epoch !== undefined);
  await until("it is well", () => election.problem === undefined);
  election.stop();
  await running;
  await b.close();
  await a.store.close();
});

test("a write outlasts that the journal says for a while that it ends before the last record", async () => {
  const cluster = new MemoryNet({ seed: SEED }).cluster();
  let refusals = 0;
  const journal = over(cluster.journal, {
    append: async (expected: number, record: Uint8Array) => {
      if (refusals-- > 0) throw new Fenced("no record leads there", true);
      return await cluster.journal.append(expected, record);
    },
  });
  const node = openNode(`${tempDir()}/a`, over(cluster, { journal }), { node: "a" });
  await until("it leads", () => node.epoch !== undefined);
  refusals = 3;
  const { id } = await append(node.store, "late");
  expect(await node.store.get(id)).toContain("late");
  expect(refusals).toBeLessThan(0);
  await node.store.close();
});
