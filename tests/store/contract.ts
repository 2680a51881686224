import { describe, expect, test } from "bun:test";
import { packId } from "../../src/core/id.ts";
import { READ_ALL } from "../../src/core/read-options.ts";
import { FOREVER, parseTtl } from "../../src/core/ttl.ts";
import type { OpenStore } from "../../src/store/store.ts";
import {
  append,
  importFrames,
  type Opener,
  problemsOf,
  readAll,
  withStoreOf,
} from "../support/store.ts";
import { tempDir } from "../support/temp.ts";

const THRESHOLD = "stream.cross.threshold";

/**
 * What only some engines can do: `reopen` keeps what was written after a close, `lock` keeps a second opener out with
 * an error that says "locked", `clock` takes the time from the function that the opener gets, and `import` takes frames
 * that have ids.
 */
export type Feature = "reopen" | "lock" | "clock" | "import";

/** An engine, as the suite uses it. */
export interface Engine {
  readonly name: string;
  readonly open: Opener;
  readonly supports: readonly Feature[];
}

/** What every engine promises. Tests of what an engine does not support are skipped. */
export function storeContract({ name, open, supports }: Engine): void {
  const on = (use: (store: OpenStore, path: string) => Promise<void>) => () =>
    withStoreOf(open, use);
  /** A test for engines that support this. */
  const testOf = (...features: Feature[]) =>
    test.skipIf(!features.every((feature) => supports.includes(feature)));

  describe(`${name}: the log`, () => {
    test(
      "gives frames back as they were answered, in id order",
      on(async (store) => {
        const frames = [];
        for (let n = 0; n < 300; n++) frames.push(await append(store, "note", { meta: { n } }));
        expect(await readAll(store)).toEqual(frames);
        expect(await readAll(store, { order: "desc" })).toEqual(frames.toReversed());
        const ids = frames.map(({ id }) => id);
        expect(ids).toEqual(ids.toSorted());
        expect(new Set(ids).size).toBe(ids.length);
      }),
    );

    test(
      "commits concurrent appends each once",
      on(async (store) => {
        const frames = await Promise.all(
          Array.from({ length: 500 }, (_, n) => append(store, `t${n % 7}.x`, { meta: n })),
        );
        const read = await readAll(store);
        expect(read.map(({ meta }) => meta).toSorted()).toEqual(
          frames.map(({ meta }) => meta).toSorted(),
        );
        expect(await readAll(store, { topics: ["t3.*"] })).toEqual(
          read.filter(({ topic }) => topic === "t3.x"),
        );
      }),
    );

    test(
      "tells whether somebody follows a topic, for as long as the read goes on",
      on(async (store) => {
        const over = store.read(READ_ALL);
        expect(store.isFollowed("a.b")).toBe(false);
        over.close();
        for (const [topics, wanted] of [
          [undefined, true],
          [["a.b"], true],
          [["a.*"], true],
          [["a"], false],
          [["b.*", "a.b.*"], false],
        ] as const) {
          const reader = store.read({ ...READ_ALL, follow: true, ...(topics && { topics }) });
          expect([topics, store.isFollowed("a.b")]).toEqual([topics, wanted]);
          reader.close();
          expect(store.isFollowed("a.b")).toBe(false);
        }
      }),
    );

    test(
      "finds, removes and forgets a frame",
      on(async (store) => {
        const [a, b, c] = [
          await append(store, "a"),
          await append(store, "b.c"),
          await append(store, "a"),
        ];
        expect(store.get(b.id)).toBe(JSON.stringify(b));
        expect(await store.remove(b.id)).toBe(true);
        expect(await store.remove(b.id)).toBe(false);
        expect(store.get(b.id)).toBeUndefined();
        expect(await readAll(store)).toEqual([a, c]);
        expect(await readAll(store, { topics: ["b.*"] })).toEqual([]);
      }),
    );

    test(
      "knows the neighbours of any id",
      on(async (store) => {
        const [a, b, c] = [
          await append(store, "a"),
          await append(store, "b"),
          await append(store, "a"),
        ];
        expect(store.neighbour(a.id, "next")).toBe(JSON.stringify(b));
        expect(store.neighbour(a.id, "next", ["a"])).toBe(JSON.stringify(c));
        expect(store.neighbour(c.id, "previous", ["a"])).toBe(JSON.stringify(a));
        expect(store.neighbour(a.id, "previous")).toBeUndefined();
        expect(store.neighbour("0".repeat(25), "next")).toBe(JSON.stringify(a));
      }),
    );

    testOf("reopen")("survives closing and opening", async () => {
      const path = `${tempDir()}/store`;
      const store = await open(path);
      const frames = [await append(store, "a", { content: "hello" }), await append(store, "b")];
      await store.close();
      const again = await open(path);
      expect(await readAll(again)).toEqual(frames);
      const blob = await again.content.open(frames[0]?.hash ?? "");
      expect(await blob?.text()).toBe("hello");
      expect(again.metrics.stagedContents).toBe(0);
      expect(await problemsOf(again)).toEqual([]);
      await again.close();
    });

    testOf("clock", "reopen")(
      "gives ids that increase when the clock is set back, and over a restart",
      async () => {
        let now = Date.now();
        const path = `${tempDir()}/store`;
        const store = await open(path, () => now);
        const before = await append(store, "a");
        now -= 3_600_000;
        const behind = await append(store, "a");
        expect(behind.id > before.id).toBe(true);
        await store.remove(behind.id);
        await store.close();
        const again = await open(path, () => now);
        const after = await append(again, "a");
        expect(after.id > behind.id).toBe(true);
        expect(await problemsOf(again)).toEqual([]);
        await again.close();
      },
    );

    testOf("lock")("is locked to one opener, and free again after it", async () => {
      const path = `${tempDir()}/store`;
      const store = await open(path);
      await expect((async () => open(path))()).rejects.toThrow("locked");
      await store.close();
      await (await open(path)).close();
    });
  });

  describe(`${name}: retention`, () => {
    test(
      "last:n never shows more than n, and counts only its own topic",
      on(async (store) => {
        const other = await append(store, "b");
        for (let n = 0; n < 20; n++) {
          await append(store, "a", { ttl: "last:3", meta: n });
          const left = await readAll(store, { topics: ["a"] });
          expect(left.map(({ meta }) => meta)).toEqual([n - 2, n - 1, n].filter((m) => m >= 0));
        }
        expect((await readAll(store))[0]).toEqual(other);
      }),
    );

    test(
      "a batch keeps what its frames would keep one by one, whatever their ttl's",
      on(async (store) => {
        const ttls = [
          "forever",
          "last:3",
          "last:1",
          "last:2",
          "last:2",
          "forever",
          "ephemeral",
          "forever",
        ];
        const request = (topic: string, ttl: string) =>
          ({ topic, meta: "null", ttl: parseTtl(ttl), content: null }) as const;
        for (const ttl of ttls) await store.append(request("a", ttl));
        await store.apply(ttls.map((ttl) => ({ append: request("b", ttl) })));
        const left = ["last:2", "last:2", "forever", "forever"];
        for (const topics of [["a"], ["b"]]) {
          const frames = await readAll(store, { topics });
          expect([topics, frames.map(({ ttl }) => ttl)]).toEqual([topics, left]);
        }
      }),
    );

    testOf("clock")(
      "what had expired when something was written is gone though the clock is set back",
      async () => {
        let now = 1_800_000_000_000;
        const id = packId({ ts_ms: now - 50, counter_hi: 0, counter_lo: 0, node: "00000000" });
        const old = { topic: "a", id, hash: null, meta: "null", ttl: parseTtl("time:50") };
        const path = `${tempDir()}/store`;
        const store = await open(path, () => now);
        await append(store, "a");
        now -= 49;
        expect(await importFrames(store, [old])).toEqual({ frames: 1, added: 0 });
        await store.close();
      },
    );

    testOf("clock")("time: frames are gone from every read at their time", async () => {
      let now = 1_700_000_000_000;
      await withStoreOf(
        open,
        async (store) => {
          const kept = await append(store, "a.b");
          const short = await append(store, "a.b", { ttl: "time:1000" });
          now += 999;
          expect(await readAll(store)).toEqual([kept, short]);
          now += 1;
          for (const options of [
            {},
            { topics: ["a.*"] },
            { order: "desc" as const },
            { last: 1 },
          ]) {
            expect(await readAll(store, options)).toEqual([kept]);
          }
          expect(store.get(short.id)).toBeUndefined();
          expect(store.neighbour(kept.id, "next")).toBeUndefined();
        },
        () => now,
      );
    });

    test(
      "an ephemeral frame reaches live readers in order and is not kept",
      on(async (store) => {
        const reading = readAll(store, { follow: true }, 4);
        const a = await append(store, "a");
        const passing = await append(store, "b", { ttl: "ephemeral" });
        const c = await append(store, "c");
        const read = (await reading).filter(({ topic }) => topic !== THRESHOLD);
        expect(read).toEqual([a, passing, c]);
        expect(await readAll(store)).toEqual([a, c]);
      }),
    );
  });

  describe(`${name}: reading`, () => {
    test(
      "bounds, limits and the newest",
      on(async (store) => {
        const frames = [];
        for (let n = 0; n < 10; n++) frames.push(await append(store, n % 2 ? "odd" : "even.x"));
        const id = frames[4]?.id ?? "";
        expect(await readAll(store, { after: id })).toEqual(frames.slice(5));
        expect(await readAll(store, { from: id })).toEqual(frames.slice(4));
        expect(await readAll(store, { after: id, order: "desc" })).toEqual(
          frames.slice(0, 4).reverse(),
        );
        expect(await readAll(store, { limit: 3 })).toEqual(frames.slice(0, 3));
        expect(await readAll(store, { limit: 0 })).toEqual([]);
        expect(await readAll(store, { last: 3 })).toEqual(frames.slice(-3));
        expect(await readAll(store, { last: 0 })).toEqual([]);
        expect(await readAll(store, { last: 99 })).toEqual(frames);
        expect(await readAll(store, { last: 3, after: frames[8]?.id ?? "" })).toEqual(
          frames.slice(9),
        );
        const odd = frames.filter(({ topic }) => topic === "odd");
        expect(await readAll(store, { last: 2, topics: ["odd"] })).toEqual(odd.slice(-2));
        expect(await readAll(store, { topics: ["even.*", "odd"] })).toEqual(frames);
      }),
    );

    test(
      "a following read has one threshold, also with nothing to replay",
      on(async (store) => {
        for (const options of [{}, { tail: true }, { topics: ["x"] }]) {
          const reader = store.read({ ...READ_ALL, follow: true, ...options });
          const first = new TextDecoder().decode(await reader.next());
          expect(JSON.parse(first).topic).toBe(THRESHOLD);
          const live = await append(store, "x");
          expect(new TextDecoder().decode(await reader.next())).toBe(`${JSON.stringify(live)}\n`);
          reader.close();
          expect(await reader.next()).toBeUndefined();
          await store.remove(live.id);
        }
      }),
    );

    test(
      "a limit that history fills ends the read with no threshold",
      on(async (store) => {
        const [a] = [await append(store, "a"), await append(store, "a")];
        expect(await readAll(store, { follow: true, limit: 1 })).toEqual([a]);
        const topics = (await readAll(store, { follow: true, limit: 2 })).map(({ topic }) => topic);
        expect(topics).toEqual(["a", "a"]);
      }),
    );

    test(
      "a pulse comes while nothing else does, and does not count",
      on(async (store) => {
        const reading = readAll(store, { follow: true, pulse: 5, limit: 1 });
        const reader = store.read({ ...READ_ALL, follow: true, pulse: 5 });
        const topics = [];
        while (topics.length < 3) {
          topics.push(JSON.parse(new TextDecoder().decode(await reader.next())).topic);
        }
        reader.close();
        expect(topics).toEqual([THRESHOLD, "stream.cross.pulse", "stream.cross.pulse"]);
        const note = await append(store, "note");
        expect((await reading).at(-1)).toEqual(note);
      }),
    );

    test(
      "a reader that stalls far behind misses nothing and repeats nothing",
      on(async (store) => {
        const reader = store.read({ ...READ_ALL, follow: true, topics: ["a"] });
        await reader.next();
        const meta = "x".repeat(1000);
        const total = 12_000;
        for (let n = 0; n < total; n += 1000) {
          await Promise.all(Array.from({ length: 1000 }, () => append(store, "a", { meta })));
        }
        const ids: string[] = [];
        while (ids.length < total) {
          const text = new TextDecoder().decode(await reader.next());
          ids.push(
            ...text
              .trimEnd()
              .split("\n")
              .map((line) => JSON.parse(line).id),
          );
        }
        reader.close();
        expect(ids).toEqual((await readAll(store)).map(({ id }) => id));
      }),
    );

    test(
      "readers that join while others write see each frame once, in order",
      on(async (store) => {
        const total = 600;
        const readers: Promise<{ from: number; metas: unknown[] }>[] = [];
        const written: string[] = [];
        const writer = async (w: number) => {
          for (let n = 0; n < total / 6; n++) {
            written.push((await append(store, "w", { meta: `${w}.${n}` })).id);
            if (n % 20 === 0) {
              const after = written[Math.floor(written.length / 2)] ?? "";
              const reader = store.read({ ...READ_ALL, follow: true, after });
              readers.push(
                (async () => {
                  const frames = [];
                  for (;;) {
                    const bytes = await reader.next();
                    if (!bytes) break;
                    frames.push(...new TextDecoder().decode(bytes).trimEnd().split("\n"));
                  }
                  const parsed = frames.map((line) => JSON.parse(line));
                  expect(parsed.filter(({ topic }) => topic === THRESHOLD)).toHaveLength(1);
                  const ids = parsed.map(({ id }) => id);
                  expect(ids).toEqual(ids.toSorted());
                  const metas = parsed.filter(({ topic }) => topic === "w").map(({ id }) => id);
                  return { from: ids.length, metas: [after, ...metas] };
                })(),
              );
            }
          }
        };
        await Promise.all(Array.from({ length: 6 }, (_, w) => writer(w)));
        store.endReads();
        const all = (await readAll(store)).map(({ id }) => id);
        for (const { metas } of await Promise.all(readers)) {
          expect(metas).toEqual(all.slice(all.indexOf(metas[0] as string)));
        }
      }),
    );

    test(
      "a following read and a watch have each frame and pair once, however writes of both mix",
      on(async (store) => {
        const count = 300;
        const reading = readAll(store, { follow: true }, 2 * count + 1);
        const watch = store.kv.read({ prefix: "" }, { follow: true });
        const keys: string[] = [];
        const watching = (async () => {
          while (keys.length < 2 * count) {
            const lines = new TextDecoder()
              .decode(await watch.next())
              .trimEnd()
              .split("\n");
            for (const line of lines) if (line.includes('"key"')) keys.push(JSON.parse(line).key);
          }
          watch.close();
        })();
        const put = (key: string) =>
          store.apply([{ put: { key, type: "text/plain", value: Buffer.from("x") } }]);
        const repeat = async (write: (n: number) => Promise<unknown>) => {
          for (let n = 0; n < count; n++) await write(n);
        };
        // Each at its own pace, so that commits of only the one or the other are on their way to
        // the disk together.
        await Promise.all([
          repeat((n) => put(`a/${n}`)),
          repeat((n) => Promise.all([put(`b/${n}`), put("again")])),
          repeat(() => append(store, "a", { content: "x" })),
          repeat(() => append(store, "b")),
        ]);
        const ids = (await reading).map(({ id }) => id);
        expect(ids).toEqual([...new Set(ids)].sort());
        await watching;
        const once = keys.filter((key) => key.includes("/"));
        expect(once).toHaveLength(new Set(once).size);
      }),
    );
  });

  describe(`${name}: import`, () => {
    const at = (ts_ms: number, n: number) =>
      packId({ ts_ms, counter_hi: 0, counter_lo: n, node: "00000000" });
    const frame = (id: string) => ({ topic: "old", id, hash: null, meta: "1", ttl: FOREVER });

    testOf("import")(
      "puts frames in their place by id, once",
      on(async (store) => {
        const now = await append(store, "new");
        const frames = [frame(at(1000, 2)), frame(at(1000, 1))];
        expect(await importFrames(store, frames)).toEqual({ frames: 2, added: 2 });
        expect(await importFrames(store, frames)).toEqual({ frames: 2, added: 0 });
        const [first, second, third, received, ...more] = await readAll(store);
        expect([first?.id, second?.id, third?.id]).toEqual([at(1000, 1), at(1000, 2), now.id]);
        expect(received).toMatchObject({
          topic: "stream.cross.received",
          meta: { frames: 2, oldest: at(1000, 1) },
        });
        expect(more).toEqual([]);
      }),
    );

    testOf("import")(
      "moves the id sequence past an id that is ahead",
      on(async (store) => {
        const ahead = at(Date.now() + 3_600_000, 0);
        await importFrames(store, [frame(ahead)]);
        expect((await append(store, "a")).id > ahead).toBe(true);
      }),
    );

    testOf("import")(
      "refuses an id more than a day ahead, and all that came with it",
      on(async (store) => {
        const frames = [frame(at(1000, 1)), frame(at(Date.now() + 90_000_000, 0))];
        await expect(importFrames(store, frames)).rejects.toThrow("ahead of the clock");
        expect(await readAll(store)).toEqual([]);
      }),
    );
  });

  describe(`${name}: content`, () => {
    test.each([1, 65_536, 65_537, 3_000_000])("of %p bytes comes back whole", async (size) => {
      await withStoreOf(open, async (store) => {
        const text = "0123456789".repeat(size / 10 + 1).slice(0, size);
        const { hash } = await append(store, "file", { content: text });
        expect(await (await store.content.open(hash ?? ""))?.text()).toBe(text);
        expect(await append(store, "file", { content: text })).toMatchObject({ hash });
      });
    });

    test(
      "that breaks off is not kept",
      on(async (store) => {
        for (const size of [10, 200_000]) {
          const broken = new ReadableStream<Uint8Array>({
            pull(controller) {
              controller.enqueue(new Uint8Array(size));
              controller.error(new Error("gone"));
            },
          });
          await expect(store.content.take(broken)).rejects.toThrow("gone");
        }
        expect(store.metrics.stagedContents).toBe(0);
      }),
    );
  });
}
