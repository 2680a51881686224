// A node that was the leader and does not know that it is not any more.
import { expect, setDefaultTimeout, test } from "bun:test";
import { MemoryNet } from "../support/memory-cluster.ts";
import { openNode } from "../support/nodes.ts";
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
