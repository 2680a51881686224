// Which node leads where clocks are wrong.
import { expect, setDefaultTimeout, test } from "bun:test";
import { timestampOf } from "../../src/core/id.ts";
import type { Node } from "../../src/nodes/node.ts";
import { MemoryNet } from "../support/memory-cluster.ts";
import { openNode } from "../support/nodes.ts";
import { append } from "../support/store.ts";
import { tempDir } from "../support/temp.ts";
import { TEST_MS, until } from "../support/wait.ts";

setDefaultTimeout(TEST_MS);

const HOUR = 3_600_000;
const TIMING = { probeEveryMs: 20, probeMs: 200 };

/** Opens nodes whose clocks differ from the right time by so many ms, the first of which leads. */
async function withNodes(apart: readonly number[], use: (nodes: Node[]) => Promise<void>) {
  const net = new MemoryNet({ seed: 1, delayMs: 0 });
  const nodes: Node[] = [];
  try {
    for (const [at, ms] of apart.entries()) {
      const name = `n${at}`;
      const now = () => Date.now() + ms;
      const node = openNode(`${tempDir()}/${name}`, net.cluster(), {
        node: name,
        now,
        timing: TIMING,
      });
      nodes.push(node);
      await until("one leads", () => nodes[0]?.epoch !== undefined);
      await node.router.write({ do: "join", node: name });
    }
    await until("all know all", () =>
      nodes.every(({ replica }) => replica.state.nodes.length === apart.length),
    );
    await use(nodes);
  } finally {
    for (const node of nodes) await node.store.close();
  }
}

test("after a leader whose clock was an hour ahead another one leads, and ids go on rising", () =>
  withNodes([HOUR, 0, 0], async ([ahead, ...others]) => {
    const before = await append(ahead?.store as Node["store"], "t");
    await ahead?.store.close();
    await until("another leads", () => others.some(({ epoch }) => epoch !== undefined));
    const after = await append(others[0]?.store as Node["store"], "t");
    expect(after.id > before.id).toBe(true);
    expect(timestampOf(after.id)).toBeGreaterThan(Date.now() + HOUR / 2);
  }));

test("of the nodes that are left one with a right clock leads", () =>
  withNodes([0, -HOUR, 0, 0], async ([first, wrong, ...right]) => {
    await first?.store.close();
    await until("another leads", () => right.some(({ epoch }) => epoch !== undefined));
    expect(wrong?.epoch).toBeUndefined();
  }));

test("where no other node is left, one with a wrong clock leads, and says so", () =>
  withNodes([0, HOUR, -HOUR], async ([first, ...wrong]) => {
    await first?.store.close();
    await until("another leads", () => wrong.some(({ epoch }) => epoch !== undefined));
    await append(wrong[0]?.store as Node["store"], "t");
  }));
