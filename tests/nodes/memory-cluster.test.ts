import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { nextTurn } from "../../src/lib/next-turn.ts";
import { Fenced } from "../../src/store/journal/journal.ts";
import { type MemoryCluster, MemoryNet } from "../support/memory-cluster.ts";
import { seedFrom } from "../support/random.ts";
import { TEST_MS, until } from "../support/wait.ts";
import { appendAll, clusterContract, textsIn } from "./cluster-contract.ts";

setDefaultTimeout(TEST_MS);

const seed = seedFrom("CLUSTER_SEED");
const bytesOf = (text: string) => new TextEncoder().encode(text);

clusterContract("memory", async () => {
  const net = new MemoryNet({ seed });
  return {
    join: async () => net.cluster(),
    cut: (cluster) => (cluster as MemoryCluster).cut(),
    heal: (cluster) => (cluster as MemoryCluster).heal(),
    close: async () => {},
  };
}, ["cut"]);

describe("the faults of the cluster in memory", () => {
  test("a lost acknowledgement leaves the record there, and the same bytes tell", async () => {
    const { journal } = new MemoryNet({ seed, lostAcks: 1 }).cluster();
    await expect(journal.append(0, bytesOf("a"))).rejects.toMatchObject({
      code: "journal_unreachable",
    });
    journal.lostAcks = 0;
    expect(await journal.append(0, bytesOf("a"))).toBe(1);
    expect(await textsIn(journal)).toEqual(["a"]);
  });

  test("a refusal leaves nothing", async () => {
    const { journal } = new MemoryNet({ seed, refusals: 1 }).cluster();
    await expect(journal.append(0, bytesOf("a"))).rejects.toMatchObject({
      code: "journal_unreachable",
    });
    expect(await journal.extent()).toEqual({ first: 1, last: 0 });
  });

  test("a rival is first", async () => {
    const record = () => bytesOf("rival");
    const { journal } = new MemoryNet({ seed, rival: { share: 1, record } }).cluster();
    await expect(journal.append(0, bytesOf("a"))).rejects.toBeInstanceOf(Fenced);
    expect(await textsIn(journal)).toEqual(["rival"]);
  });

  test("a slow node runs out of time, and what it asked for may be done", async () => {
    const net = new MemoryNet({ seed, deadlineMs: 20 });
    const [slow, other] = [net.cluster(), net.cluster()];
    slow.slow(50);
    await expect(slow.journal.append(0, bytesOf("a"))).rejects.toMatchObject({
      code: "journal_unreachable",
    });
    slow.slow(0);
    await until("the record", () => slow.journal.append(0, bytesOf("a")).catch(() => undefined));
    expect(await textsIn(other.journal)).toEqual(["a"]);
  });

  test("what a cut node asked for is done late, or never", async () => {
    const done = new Set<number>();
    for (let round = 0; done.size < 2; round++) {
      const net = new MemoryNet({ seed: seed + round, delayMs: 0, deadlineMs: 1 });
      const node = net.cluster();
      node.cut();
      await expect(node.journal.append(0, bytesOf("a"))).rejects.toThrow("out of reach");
      node.heal();
      await nextTurn();
      done.add(net.log.last);
    }
    expect(done).toEqual(new Set([0, 1]));
  });

  test("a node that is cut off takes nothing, and one that is cut off later leaves it open", async () => {
    const net = new MemoryNet({ seed });
    const [one, other] = [net.cluster(), net.cluster()];
    const taken = Promise.withResolvers<void>();
    other.messages.answer("b", async (body) => {
      other.cut();
      taken.resolve();
      return body;
    });
    const asked = one.messages.ask("b", bytesOf("x"), 300);
    await expect(asked).rejects.toMatchObject({ code: "journal_unreachable" });
    await taken.promise;
    await expect(one.messages.ask("b", bytesOf("y"), 50)).rejects.toMatchObject({
      code: "node_unreachable",
    });
  });

  test("damage is shown to one node alone, and can be repaired", async () => {
    const net = new MemoryNet({ seed });
    const [one, other] = [net.cluster(), net.cluster()];
    const texts = ["aa", "bb", "cc", "dd", "ee", "ff"];
    await appendAll(one.journal, texts);
    const { damage } = one.journal;
    damage.skip(1);
    damage.alter(2, 8);
    damage.swap(3, 4);
    damage.truncate(5, 1);
    damage.forge(6, bytesOf("forged"));
    expect(await textsIn(one.journal)).toEqual(["bc", "dd", "cc", "e", "forged"]);
    expect(await one.journal.get(1)).toBeUndefined();
    expect(await textsIn(other.journal)).toEqual(texts);
    damage.repair();
    expect(await textsIn(one.journal)).toEqual(texts);
  });

  test("a damaged blob fails midway for one node", async () => {
    const net = new MemoryNet({ seed });
    const [one, other] = [net.cluster(), net.cluster()];
    const source = async function* () {
      yield new Uint8Array(200_000);
    };
    await one.blobs.put("a", source());
    one.blobs.damaged.add("a");
    const read = async (node: MemoryCluster) => new Response(await node.blobs.open("a")).bytes();
    await expect(read(one)).rejects.toThrow("damaged");
    expect((await read(other)).length).toBe(200_000);
  });
});
