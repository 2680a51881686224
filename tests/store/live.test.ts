import { expect, test } from "bun:test";
import type { XsError } from "../../src/core/error.ts";
import { idInLine } from "../../src/core/frame.ts";
import { READ_ALL } from "../../src/core/read-options.ts";
import { FOREVER } from "../../src/core/ttl.ts";
import { nextTurn } from "../../src/lib/next-turn.ts";
import { lateId } from "../support/late.ts";
import { parseLines } from "../support/server.ts";
import { append, importFrames, withStore } from "../support/store.ts";

const KEY = "key";

async function turns(count: number): Promise<void> {
  for (let n = 0; n < count; n++) await nextTurn();
}

test("commits in which everything is refused give no reader or watcher anything twice", async () => {
  await withStore(async (store) => {
    const frames = store.read({ ...READ_ALL, follow: true, tail: true });
    const changes = store.kv.read({ key: KEY }, { follow: true });
    const refused = () =>
      store
        .append(
          { topic: "a", meta: "null", ttl: FOREVER, content: null },
          { expectLast: "0000000000000000000000000" },
        )
        .catch((error: XsError) => expect(error.code).toBe("expect_last_failed"));
    const write = () =>
      Promise.all([append(store, "a"), store.kv.put(KEY, "text/plain", Buffer.from("value"))]);
    const writes: Promise<unknown>[] = [];
    for (let n = 0; n < 300; n++) {
      // The sync of a commit of several goes on in a thread, while the next two are made.
      writes.push(write());
      await turns(1 + (n % 5));
      writes.push(refused());
      await turns(1 + (n % 7));
      writes.push(write());
      await turns(n % 3);
    }
    await Promise.all(writes);
    store.endReads();
    for (const [reader, id] of [
      [frames, "id"],
      [changes, "rev"],
    ] as const) {
      const seen: string[] = [];
      for (let page = await reader.next(); page; page = await reader.next()) {
        const lines = parseLines(new TextDecoder().decode(page)) as unknown as Record<
          string,
          string
        >[];
        seen.push(...lines.flatMap((line) => line[id] ?? []));
      }
      expect(seen.length).toBeGreaterThanOrEqual(600);
      expect(seen).toEqual([...new Set(seen)].sort());
    }
  });
});

test("a refusal tells of no frame that is not durable yet", async () => {
  await withStore(async (store) => {
    const check = (error: XsError) => {
      const newest = store.neighbour("~", "previous", ["a"]);
      expect(newest && idInLine(newest) >= (error.members.actual ?? "")).toBe(true);
    };
    const writes: Promise<unknown>[] = [];
    for (let n = 0; n < 300; n++) {
      writes.push(append(store, "a"), append(store, "a"));
      await turns(n % 5);
      writes.push(
        store
          .append(
            { topic: "a", meta: "null", ttl: FOREVER, content: null },
            { expectLast: "0000000000000000000000000" },
          )
          .then(() => expect("refused").toBe("appended"), check),
      );
      await turns(n % 3);
    }
    await Promise.all(writes);
  });
});

test("where many follow, those that are woken later take later commits in the same piece", async () => {
  await withStore(async (store) => {
    const options = { ...READ_ALL, follow: true, tail: true };
    const readers = Array.from({ length: 1000 }, () => store.read(options));
    let pieces = 0;
    const reading = readers.map(async (reader) => {
      // The threshold.
      await reader.next();
      const seen: string[] = [];
      for (let page = await reader.next(); page; page = await reader.next()) {
        pieces++;
        seen.push(...parseLines(new TextDecoder().decode(page)).map(({ id }) => id));
      }
      return seen;
    });
    await turns(1);
    const ids: string[] = [];
    for (let n = 0; n < 20; n++) ids.push((await append(store, "a", { meta: n })).id);
    store.endReads();
    for (const seen of await Promise.all(reading)) expect(seen).toEqual(ids);
    expect(pieces).toBeLessThan((readers.length * ids.length) / 2);
  });
});

test("a threshold and a pulse do not go with late frames, and have no position", async () => {
  await withStore(async (store) => {
    await append(store, "a");
    const reader = store.read({ ...READ_ALL, order: "arrival", follow: true, pulse: 1 });
    const seen: [string, boolean][] = [];
    for (let n = 0; n < 40; n++) {
      if (n % 4 === 0) {
        const id = lateId(n);
        await importFrames(store, [{ topic: "late", id, hash: null, meta: "null", ttl: FOREVER }]);
      }
      const page = await reader.next();
      const topics = parseLines(new TextDecoder().decode(page)).map(({ topic }) => topic);
      for (const topic of topics) seen.push([topic, reader.position !== undefined]);
    }
    reader.close();
    expect(new Set(seen.map(([topic]) => topic)).size).toBe(5);
    for (const [topic, isLate] of seen) expect([topic, isLate]).toEqual([topic, topic === "late"]);
  });
});
