// A reader goes from one node to another, which is behind.
import { expect, setDefaultTimeout, test } from "bun:test";
import { MemoryNet } from "../support/memory-cluster.ts";
import { openNode } from "../support/nodes.ts";
import { seedFrom } from "../support/random.ts";
import { append, readAll } from "../support/store.ts";
import { tempDir } from "../support/temp.ts";
import { TEST_MS, until } from "../support/wait.ts";

setDefaultTimeout(TEST_MS);

test("a reader that goes on at a node which is behind gets nothing again, and misses nothing", async () => {
  const net = new MemoryNet({ seed: seedFrom("XS_NODES_SEED") });
  const leading = openNode(`${tempDir()}/a`, net.cluster(), { node: "a" });
  await until("it leads", () => leading.epoch !== undefined);
  const cluster = net.cluster();
  const behind = openNode(`${tempDir()}/b`, cluster, { node: "b" });
  const first = await append(leading.store, "n");
  await until("it has the first", () => behind.store.get(first.id) !== undefined);
  cluster.cut();
  const missing = [await append(leading.store, "n"), await append(leading.store, "n")];
  const after = missing[0]?.id ?? "";
  const before = await readAll(behind.store, { follow: true, after, limit: 0 }, 0);
  expect(before).toEqual([]);
  const reading = readAll(behind.store, { follow: true, after, pulse: 5 }, 20);
  const tailing = readAll(behind.store, { follow: true, after: first.id }, 4);
  await Bun.sleep(30);
  cluster.heal();
  const last = await append(leading.store, "n");
  const seen = await until("all of it", async () => await reading);
  const ids = seen.map(({ id }) => id);
  expect(ids).toEqual([...new Set(ids)].sort());
  expect(ids.every((id) => id > after)).toBe(true);
  expect(seen[0]?.topic).toBe("stream.cross.threshold");
  expect(seen.filter(({ topic }) => topic === "n")).toEqual([missing[1], last] as typeof seen);
  // One that had less gets all of it.
  expect((await tailing).filter(({ topic }) => topic === "n")).toEqual([
    ...missing,
    last,
  ] as typeof seen);
  await behind.store.close();
  await leading.store.close();
});
