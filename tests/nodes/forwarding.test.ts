// Writes that come to a node which does not lead.
import { expect, setDefaultTimeout, test } from "bun:test";
import { FOREVER } from "../../src/core/ttl.ts";
import type { Node } from "../../src/nodes/node.ts";
import { decode, type Question, type Several } from "../../src/nodes/operations.ts";
import { MemoryNet } from "../support/memory-cluster.ts";
import { openNode } from "../support/nodes.ts";
import { seedFrom } from "../support/random.ts";
import { append } from "../support/store.ts";
import { tempDir } from "../support/temp.ts";
import { TEST_MS, until } from "../support/wait.ts";

setDefaultTimeout(TEST_MS);

const SEED = seedFrom("XS_NODES_SEED");

/** Two nodes, the questions that the one asks which does not lead, and what that is. */
async function withFollower(
  use: (follower: Node, asked: (Question | Several)[], leader: Node) => Promise<void>,
): Promise<void> {
  const net = new MemoryNet({ seed: SEED });
  const nodes = ["a", "b"].map((node) => {
    const cluster = net.cluster();
    const asked: (Question | Several)[] = [];
    const { messages } = cluster;
    const ask = messages.ask.bind(messages);
    messages.ask = (to, body, ms) => {
      const question = decode<Question | Several>(body);
      if (question.do === "several" || question.do === "apply" || question.do === "put") {
        asked.push(question);
      }
      return ask(to, body, ms);
    };
    return { asked, node: openNode(`${tempDir()}/${node}`, cluster, { node }) };
  });
  try {
    await until("one leads", () => nodes.some(({ node }) => node.epoch !== undefined));
    const leader = nodes.find(({ node }) => node.epoch !== undefined);
    const follower = nodes.find((each) => each !== leader);
    if (!leader || !follower) throw new Error("no node leads");
    const { state } = follower.node.replica;
    await until("the other knows it", () => state.leader?.node === leader.node.name);
    await append(follower.node.store, "first");
    follower.asked.length = 0;
    await use(follower.node, follower.asked, leader.node);
  } finally {
    for (const { node } of nodes) await node.store.close();
  }
}

test("the writes of one turn go in one message, and each has its own outcome", async () => {
  await withFollower(async ({ store, router }, asked) => {
    const before = router.forwarded;
    const frames = Array.from({ length: 50 }, (_, i) => append(store, `t.${i}`));
    const refused = store.append(
      { topic: "first", meta: "null", ttl: FOREVER, content: null },
      { expectLast: null },
    );
    const again = Promise.allSettled(
      ["one", "other"].map((topic) =>
        store.append(
          { topic, meta: "null", ttl: FOREVER, content: null },
          { idempotencyKey: "key" },
        ),
      ),
    );
    const put = store.kv.put("key", "text/plain", new TextEncoder().encode("bytes"));
    await expect(refused).rejects.toMatchObject({ code: "expect_last_failed" });
    const topics = (await Promise.all(frames)).map(({ topic }) => topic);
    expect(topics).toEqual(Array.from({ length: 50 }, (_, i) => `t.${i}`));
    const [one, other] = await again;
    expect(one?.status).toBe("fulfilled");
    expect(other).toMatchObject({ reason: { code: "idempotency_key_reused" } });
    const revision = await put;
    expect(asked.map((question) => question.do)).toEqual(["several"]);
    expect(router.forwarded - before).toBe(54);
    // This node has all of it when it is answered.
    const value = await store.kv.get("key");
    expect(value?.rev).toBe(revision);
    expect(new TextDecoder().decode(value?.value)).toBe("bytes");
  });
});

test("one write goes as it is, and large ones hold up no others", async () => {
  await withFollower(async ({ store }, asked) => {
    await append(store, "alone");
    expect(asked.splice(0).map((question) => question.do)).toEqual(["apply"]);
    const large = "x".repeat(50_000);
    await Promise.all(
      Array.from({ length: 20 }, (_, i) => append(store, "t", { content: `${large}${i}` })),
    );
    expect(asked.length).toBeGreaterThan(1);
  });
});

test("what is answered waits for the next leader no more", async () => {
  await withFollower(async (follower, _, leader) => {
    for (let i = 0; i < 100; i++) await append(follower.store, "t");
    const { moved } = follower.replica.commits;
    let waits = 0;
    const wait = moved.wait.bind(moved);
    moved.wait = () => {
      waits++;
      return wait();
    };
    const { state } = follower.replica;
    const record = state.applied;
    await append(leader.store, "t");
    await until("it has it", () => state.applied > record);
    expect(waits).toBeLessThan(20);
  });
});
