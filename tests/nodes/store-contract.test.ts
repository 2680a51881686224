// What every store promises, on one node and on a node that does not lead.
import { setDefaultTimeout } from "bun:test";
import { over } from "../../src/lib/over.ts";
import type { OpenStore } from "../../src/store/store.ts";
import { storeContract } from "../store/contract.ts";
import { MemoryNet } from "../support/memory-cluster.ts";
import { openNode } from "../support/nodes.ts";
import { seedFrom } from "../support/random.ts";
import { TEST_MS, until } from "../support/wait.ts";

setDefaultTimeout(TEST_MS);

const SEED = seedFrom("XS_NODES_SEED");

/** The nets of directories that are opened again. */
const nets = new Map<string, MemoryNet>();

function netOf(path: string): MemoryNet {
  const net = nets.get(path) ?? new MemoryNet({ seed: SEED });
  nets.set(path, net);
  return net;
}

storeContract({
  name: "one node",
  supports: ["reopen", "lock", "import"],
  async open(path, now) {
    const node = openNode(path, netOf(path).cluster(), { node: "a", now });
    await until("it leads", () => node.epoch !== undefined);
    return node.store;
  },
});

storeContract({
  name: "a node that does not lead",
  supports: [],
  async open(path, now) {
    const net = netOf(path);
    const leading = openNode(`${path}-leader`, net.cluster(), { node: "a", now });
    await until("one leads", () => leading.epoch !== undefined);
    const node = openNode(path, net.cluster(), { node: "b", now });
    return over<OpenStore>(node.store, {
      async close() {
        await node.store.close();
        await leading.store.close();
      },
    });
  },
});
