import { expect, test } from "bun:test";
import { packId } from "../../src/core/id.ts";
import { READ_ALL } from "../../src/core/read-options.ts";
import { FOREVER, parseTtl } from "../../src/core/ttl.ts";
import type { Store } from "../../src/store/store.ts";
import { append, importFrames, readAll, withStore } from "../support/store.ts";

const value = new TextEncoder().encode("value");

/** Compares what is counted with what is there. */
async function expectCounts(store: Store): Promise<void> {
  expect(store.metrics.frames).toBe((await readAll(store)).length);
  let pairs = 0;
  const reader = store.kv.read({ prefix: "" });
  for (let lines = await reader.next(); lines; lines = await reader.next()) {
    pairs += new TextDecoder().decode(lines).trimEnd().split("\n").length;
  }
  expect(store.metrics.pairs).toBe(pairs);
}

test("frames and pairs are counted right, whatever comes and goes", async () => {
  let now = 1_800_000_000_000;
  await withStore(
    async (store) => {
      expect(store.metrics).toMatchObject({ frames: 0, pairs: 0 });
      const frame = await append(store, "a");
      for (let n = 0; n < 5; n++) await append(store, "b", { ttl: "last:2" });
      await append(store, "c", { ttl: "ephemeral" });
      await append(store, "d", { ttl: "time:1000" });
      await expectCounts(store);
      expect(store.metrics.frames).toBe(4);
      await store.remove(frame.id);
      await store.remove(frame.id);
      await expectCounts(store);

      const id = packId({ ts_ms: now - 5000, counter_hi: 0, counter_lo: 0, node: "00000000" });
      const old = { id, hash: null, meta: "null" };
      for (let n = 0; n < 2; n++) await importFrames(store, [{ ...old, topic: "e", ttl: FOREVER }]);
      await expectCounts(store);
      const gone = { ...old, id: id.replace(/.$/, "z"), topic: "f", ttl: parseTtl("time:1000") };
      await importFrames(store, [gone]);
      await expectCounts(store);

      now += 2000;
      // What has expired counts for as long as it is there; this append removes it.
      await append(store, "b", { ttl: "last:1" });
      await expectCounts(store);
      // One of them reports the import.
      expect(store.metrics.frames).toBe(3);

      await store.kv.put("k", "text/plain", value);
      await store.kv.put("k", "text/plain", value);
      await store.kv.put("l", "text/plain", value);
      await expectCounts(store);
      await store.kv.delete("k");
      await store.kv.delete("k");
      await expectCounts(store);
      const watch = store.kv.read({ prefix: "" }, { follow: true });
      await store.kv.put("m", "text/plain", value);
      await store.kv.delete("m");
      await store.kv.delete("m");
      await store.kv.put("m", "text/plain", value);
      await store.kv.delete("l");
      {
        using incoming = store.beginImport();
        incoming.add({ entry: { key: "m", rev: id, type: "", writer: null, value } });
        await incoming.commit();
      }
      watch.close();
      await expectCounts(store);
      expect(store.metrics.pairs).toBe(1);
    },
    () => now,
  );
});

test("a commit that is rolled back counts for nothing", async () => {
  await withStore(async (store) => {
    await append(store, "a");
    await store.kv.put("k", "text/plain", value);
    expect(store.metrics).toMatchObject({ frames: 1, pairs: 1, appends: 1 });
    // SQLite refuses the bytes when the frame is in already.
    const bytes = "no bytes" as unknown as Uint8Array;
    const failing = {
      topic: "a",
      meta: "null",
      ttl: FOREVER,
      content: { hash: "", size: 1, bytes },
    };
    const together = await Promise.allSettled([
      store.append(failing),
      store.append({ topic: "b", meta: "null", ttl: FOREVER, content: null }),
      store.kv.put("l", "text/plain", value),
    ]);
    expect(together.map(({ status }) => status)).toEqual(["rejected", "rejected", "rejected"]);
    await expectCounts(store);
    expect(store.metrics).toMatchObject({ frames: 1, pairs: 1, appends: 1 });
  });
});

test("a follower lags when frames wait for it, and only then", async () => {
  let now = 1_800_000_000_000;
  await withStore(
    async (store) => {
      const lag = () => store.metrics.followerLag;
      await append(store, "rare");
      now += 60_000;
      await append(store, "often");
      const rare = store.read({ ...READ_ALL, follow: true, topics: ["rare"] });
      const all = store.read({ ...READ_ALL, follow: true });
      // Neither has had anything of what is there.
      expect(lag()).toBe(60);
      for (const reader of [rare, all]) {
        while (!new TextDecoder().decode(await reader.next()).includes("threshold"));
      }
      expect(lag()).toBe(0);
      // Ids that are given for other things are nothing to wait for.
      now += 60_000;
      await store.kv.put("k", "text/plain", value);
      const other = store.read({ ...READ_ALL, follow: true, tail: true });
      await other.next();
      expect(lag()).toBe(0);
      const { id } = await append(store, "often");
      expect(lag()).toBeGreaterThan(0);
      const frames = new TextDecoder().decode(await all.next());
      expect(frames).toContain(id);
      await other.next();
      // The one that waits for another topic passes it over when it is asked.
      void rare.next();
      expect(lag()).toBe(0);
      for (const reader of [rare, all, other]) reader.close();
    },
    () => now,
  );
});
