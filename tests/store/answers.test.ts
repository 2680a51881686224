// Writes with an Idempotency-Key that share a commit.
import { expect, setDefaultTimeout, test } from "bun:test";
import { FOREVER } from "../../src/core/ttl.ts";
import { withStore } from "../support/store.ts";
import { TEST_MS } from "../support/wait.ts";

setDefaultTimeout(TEST_MS);

const request = (topic: string) => ({ topic, meta: "null", ttl: FOREVER, content: null });

test("two writes of one commit with the same key are one", async () => {
  await withStore(async (store) => {
    const both = [1, 2].map(() => store.append(request("a"), { idempotencyKey: "key" }));
    const other = store.append(request("b"), { idempotencyKey: "key" });
    await expect(other).rejects.toMatchObject({ code: "idempotency_key_reused" });
    const [one = "", again] = await Promise.all(both);
    expect(again).toBe(one);
    expect(await store.append(request("a"), { idempotencyKey: "key" })).toBe(one);
  });
});

test("an answer that is forgotten in the same commit is not given again", async () => {
  await withStore(async (store) => {
    const first = await store.append(request("a"), { idempotencyKey: "key" });
    await store.remove(JSON.parse(first).id);
    const forgotten = store.forgetAnswers();
    const second = store.append(request("a"), { idempotencyKey: "key" });
    await forgotten;
    expect(JSON.parse(await second).id).not.toBe(JSON.parse(first).id);
  });
});
