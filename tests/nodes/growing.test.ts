// Chunked content that comes in through a node which dies.
import { expect, setDefaultTimeout, test } from "bun:test";
import type { Frame } from "../../src/core/frame.ts";
import { parseTtl } from "../../src/core/ttl.ts";
import type { Node } from "../../src/nodes/node.ts";
import { MemoryNet } from "../support/memory-cluster.ts";
import { openNode } from "../support/nodes.ts";
import { append, readAll } from "../support/store.ts";
import { tempDir } from "../support/temp.ts";
import { TEST_MS, until } from "../support/wait.ts";

setDefaultTimeout(TEST_MS);

async function begin({ store }: Node, topic: string): Promise<string> {
  const meta = JSON.stringify({ chunk: { of: null, index: 0, more: true } });
  const request = {
    topic,
    meta,
    ttl: parseTtl("forever"),
    content: null,
    growing: "begins",
  } as const;
  return (JSON.parse(await store.append(request)) as Frame).id;
}

test("the node that leads ends content whose node has died, and no other", async () => {
  const net = new MemoryNet({ seed: 1, delayMs: 0 });
  const [a, b, c] = ["a", "b", "c"].map((node) =>
    openNode(`${tempDir()}/${node}`, net.cluster(), {
      node,
      timing: { probeEveryMs: 10, probeMs: 200 },
    }),
  ) as [Node, Node, Node];
  const all = [a, b, c];
  await until("all know all", () => all.every(({ replica }) => replica.state.nodes.length === 3));
  const [leader, other, dies] = [
    all.find(({ epoch }) => epoch !== undefined),
    ...all.filter(({ epoch }) => epoch === undefined),
  ] as [Node, Node, Node];
  const [kept, own, lost] = await Promise.all([
    begin(other, "kept"),
    begin(leader, "own"),
    begin(dies, "lost"),
  ]);
  // It is gone without a word, and answers nothing.
  await dies.store.close();
  await until("it is ended", () => !leader.store.isGrowing(lost));
  expect([leader.store.isGrowing(kept), leader.store.isGrowing(own)]).toEqual([true, true]);
  const frames = await readAll(leader.store);
  expect(frames.filter(({ topic }) => topic === "lost").map(({ meta }) => meta)).toEqual([
    { chunk: { of: null, index: 0, more: true } },
    { chunk: { of: lost, index: 1, more: false, aborted: true } },
  ]);
  await append(leader.store, "t");
  for (const node of [leader, other]) await node.store.close();
});
