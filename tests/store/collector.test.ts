import { describe, expect, test } from "bun:test";
import { utimesSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import type { Frame } from "../../src/core/frame.ts";
import { hashOf } from "../../src/core/hash.ts";
import { nextTurn } from "../../src/lib/next-turn.ts";
import { ContentFiles } from "../../src/store/sqlite/content/cacache-files.ts";
import type { SqliteStore } from "../../src/store/sqlite/engine.ts";
import { append, problemsOf, sqliteEngine, withStore } from "../support/store.ts";
import { filesBelow, tempDir } from "../support/temp.ts";
import { until } from "../support/wait.ts";

const LARGE = "large ".repeat(20_000);
const DAY_MS = 24 * 60 * 60 * 1000;
const bytes = (text: string) => new TextEncoder().encode(text);

/** What is on disk of content: files, and entries of cacache's index. */
const onDisk = (path: string) => ({
  contents: filesBelow(join(path, "cacache", "content-v2")).length,
  index: filesBelow(join(path, "cacache", "index-v5")).length,
});

const NOTHING = { contents: 0, index: 0 };

/** Waits until all content is in files. */
const settled = (store: SqliteStore) =>
  until("all content in files", () => {
    store.content.startFlushing();
    return store.content.staged().contents === 0;
  });

async function textOf(store: SqliteStore, hash: string): Promise<string | undefined> {
  return (await store.content.open(hash))?.text();
}

/** What makes a frame go away: each gives the frame that went, whose content was settled. */
const WAYS: [
  string,
  (store: SqliteStore, content: string, pass: (ms: number) => void) => Promise<Frame>,
][] = [
  [
    "was removed",
    async (store, content) => {
      const frame = await append(store, "a", { content });
      await settled(store);
      await store.remove(frame.id);
      return frame;
    },
  ],
  [
    "has expired",
    async (store, content, pass) => {
      const frame = await append(store, "a", { content, ttl: "time:1000" });
      await settled(store);
      pass(2000);
      // Expired rows go with the next append that keeps so many, or within a second.
      await append(store, "b", { ttl: "last:1" });
      return frame;
    },
  ],
  [
    "was pushed out by newer ones",
    async (store, content) => {
      const frame = await append(store, "a", { content, ttl: "last:1" });
      await settled(store);
      await append(store, "a", { ttl: "last:1" });
      return frame;
    },
  ],
];

describe.each(WAYS)("content of a frame that %s", (_, leave) => {
  test.each([
    ["small", "small"],
    ["large", LARGE],
  ])("is freed, with its entry in the index: %s", async (_, content) => {
    let now = 1_800_000_000_000;
    const pass = (ms: number) => {
      now += ms;
    };
    await withStore(
      async (store, path) => {
        const { hash } = await leave(store, content, pass);
        expect(onDisk(path)).toEqual({ contents: 1, index: 1 });
        const wanted = { contents: 1, bytes: content.length };
        expect(await store.upkeep.collect(true)).toEqual(wanted);
        expect(await store.upkeep.collect(true)).toEqual(wanted);
        expect(onDisk(path)).toEqual({ contents: 1, index: 1 });
        expect(await store.upkeep.collect()).toEqual(wanted);
        expect(onDisk(path)).toEqual(NOTHING);
        expect(await textOf(store, hash ?? "")).toBeUndefined();
        expect(await store.upkeep.collect()).toEqual({ contents: 0, bytes: 0 });
      },
      () => now,
    );
  });

  test("is freed in the background as well", async () => {
    let now = 1_800_000_000_000;
    await withStore(
      async (store, path) => {
        const { hash } = await leave(store, LARGE, (ms) => {
          now += ms;
        });
        await until("the content to be freed", () => onDisk(path).index === 0);
        expect(onDisk(path)).toEqual(NOTHING);
        expect(store.content.has(hash ?? "")).toBe(false);
      },
      () => now,
    );
  });
});

test("content that loses its frame while its file is made is freed as well", async () => {
  await withStore(async (store, path) => {
    const frames = await Promise.all(
      Array.from({ length: 300 }, (_, n) => append(store, "a", { content: `content ${n}` })),
    );
    const release = await store.holdContent();
    store.content.startFlushing();
    await until("the first file", () => onDisk(path).contents > 0);
    await Promise.all(frames.map(({ id }) => store.remove(id)));
    await until("all of it in files", () =>
      frames.every(({ hash }) => !store.content.isStaged(hash ?? "")),
    );
    release();
    await store.upkeep.collect();
    expect(onDisk(path)).toEqual(NOTHING);
    expect(await problemsOf(store)).toEqual([]);
  });
});

describe("content that is named elsewhere is kept", () => {
  test.each<[string, (store: SqliteStore, hash: string) => Promise<unknown>]>([
    ["by another frame", (store) => append(store, "b", { content: LARGE })],
    ["in the meta of a frame", (store, hash) => append(store, "b", { meta: { see: [hash] } })],
    [
      "in a value of the k/v store",
      (store, hash) => store.kv.put("view", "application/json", bytes(`{"see":"${hash}"}`)),
    ],
  ])("%s", async (_, name) => {
    await withStore(async (store) => {
      const { id, hash } = await append(store, "a", { content: LARGE });
      await name(store, hash ?? "");
      await store.remove(id);
      expect(await store.upkeep.collect()).toEqual({ contents: 0, bytes: 0 });
      expect(await textOf(store, hash ?? "")).toBe(LARGE);
    });
  });

  test("until that is gone, too", async () => {
    await withStore(async (store, path) => {
      const { id, hash } = await append(store, "a", { content: LARGE });
      await store.kv.put("view", "text/plain", bytes(`see ${hash}`));
      const other = await append(store, "b", { meta: hash });
      await store.remove(id);
      await store.upkeep.collect();
      await store.remove(other.id);
      expect(await store.upkeep.collect()).toEqual({ contents: 0, bytes: 0 });
      await store.kv.delete("view");
      // What only a value named has no frame whose removal tells of it: it is left for a day.
      expect(await store.upkeep.collect()).toEqual({ contents: 0, bytes: 0 });
      const file = new ContentFiles(join(path, "cacache")).pathOf(hash ?? "");
      utimesSync(file, new Date(), new Date(Date.now() - DAY_MS - 1000));
      expect(await store.upkeep.collect()).toEqual({ contents: 1, bytes: LARGE.length });
      expect(onDisk(path)).toEqual(NOTHING);
    });
  });
});

test("content that is removed before it has settled never becomes a file", async () => {
  await withStore(async (store, path) => {
    const gone = await append(store, "a", { content: "gone" });
    const kept = await append(store, "a", { content: "kept" });
    await store.remove(gone.id);
    await settled(store);
    expect(onDisk(path)).toEqual({ contents: 1, index: 1 });
    expect(await textOf(store, gone.hash ?? "")).toBe("gone");
    expect(await store.upkeep.collect()).toEqual({ contents: 1, bytes: 4 });
    await settled(store);
    expect(onDisk(path)).toEqual({ contents: 1, index: 1 });
    expect(await textOf(store, gone.hash ?? "")).toBeUndefined();
    expect(await textOf(store, kept.hash ?? "")).toBe("kept");
  });
});

test("content that turns out to be needed settles after all", async () => {
  await withStore(async (store, path) => {
    const { id, hash } = await append(store, "a", { content: "needed" });
    await append(store, "b", { meta: hash });
    await store.remove(id);
    await settled(store);
    expect(onDisk(path)).toEqual(NOTHING);
    await store.upkeep.collect();
    await settled(store);
    expect(onDisk(path)).toEqual({ contents: 1, index: 1 });
    expect(await textOf(store, hash ?? "")).toBe("needed");
  });
});

test("content that is appended again while a collection runs is kept", async () => {
  for (const content of ["small", LARGE]) {
    await withStore(async (store) => {
      // Enough frames that the collection gives way while it looks at them.
      await Promise.all(Array.from({ length: 1000 }, () => append(store, "many")));
      const { id, hash } = await append(store, "a", { content });
      await settled(store);
      await store.remove(id);
      const collecting = store.upkeep.collect();
      await new Promise((resolve) => setImmediate(resolve));
      await append(store, "a", { content });
      await collecting;
      await settled(store);
      expect(await textOf(store, hash ?? "")).toBe(content);
    });
  }
});

test("large content that is in while its frame is not is kept by a collection", async () => {
  await withStore(async (store) => {
    const { id, hash } = await append(store, "a", { content: LARGE });
    await store.remove(id);
    const taken = await store.content.take(new Response(LARGE).body);
    expect(await store.upkeep.collect()).toEqual({ contents: 0, bytes: 0 });
    await store.append({
      topic: "a",
      meta: "null",
      ttl: { kind: "forever", text: "forever" },
      content: taken,
    });
    await store.upkeep.collect();
    expect(await textOf(store, hash ?? "")).toBe(LARGE);
  });
});

test("content of POST /cas is left alone for a day, whatever its size", async () => {
  await withStore(async (store, path) => {
    const hashes: string[] = [];
    for (const content of ["small", LARGE]) {
      const taken = await store.content.take(new Response(content).body);
      if (taken) await store.content.keep(taken);
      hashes.push(taken?.hash ?? "");
    }
    await settled(store);
    expect(await store.upkeep.collect()).toEqual({ contents: 0, bytes: 0 });
    expect(onDisk(path)).toEqual({ contents: 2, index: 2 });
    const files = new ContentFiles(join(path, "cacache"));
    for (const hash of hashes) {
      utimesSync(files.pathOf(hash), new Date(), new Date(Date.now() - DAY_MS - 1000));
    }
    expect(await store.upkeep.collect()).toEqual({ contents: 2, bytes: 5 + LARGE.length });
    expect(onDisk(path)).toEqual(NOTHING);
  });
});

test.each([
  ["small", "small"],
  ["large", LARGE],
])(
  "content that loses its last frame while a collection runs goes with the next: %s",
  async (_, content) => {
    for (let turns = 0; turns < 12; turns++) {
      await withStore(async (store, path) => {
        const [first, last] = [
          await append(store, "a", { content }),
          await append(store, "a", { content }),
        ];
        // So that the collection takes some turns to look at all of it.
        await Promise.all(Array.from({ length: 1500 }, () => append(store, "b")));
        await store.remove(first.id);
        const collecting = store.upkeep.collect();
        for (let n = 0; n < turns; n++) await nextTurn();
        await store.remove(last.id);
        await collecting;
        await store.upkeep.collect();
        await until("it to be gone", () => onDisk(path).contents === 0 && onDisk(path).index === 0);
        expect([turns, store.content.has(first.hash ?? "")]).toEqual([turns, false]);
      });
    }
  },
);

test("a collection is refused while content is held, and works again after it", async () => {
  await withStore(async (store, path) => {
    const { id } = await append(store, "a", { content: LARGE });
    const release = await store.holdContent();
    const second = await store.holdContent();
    await store.remove(id);
    await expect(store.upkeep.collect()).rejects.toThrow("try again");
    await expect(store.upkeep.collect(true)).rejects.toThrow("try again");
    release();
    release();
    await expect(store.upkeep.collect()).rejects.toThrow("try again");
    expect(onDisk(path)).toEqual({ contents: 1, index: 1 });
    second();
    expect(await store.upkeep.collect()).toEqual({ contents: 1, bytes: LARGE.length });
  });
});

const CONTENTS = ["one", "two", "t".repeat(70_000), "f".repeat(70_001)];
const which = fc.nat({ max: CONTENTS.length - 1 });
const steps = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({ do: fc.constant("append" as const), which, last: fc.boolean() }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("name" as const), which }) },
  {
    weight: 3,
    arbitrary: fc.record({ do: fc.constant("remove" as const), place: fc.nat({ max: 5 }) }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("put" as const), which }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("settle" as const) }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant("collect" as const), wait: fc.boolean() }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("reopen" as const) }) },
);

test("over any run of writes and collections, what something names is there, and in the end nothing else", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(steps, { minLength: 5, maxLength: 30 }), async (list) => {
      const path = `${tempDir()}/store`;
      let store = sqliteEngine(path);
      let frames: Frame[] = [];
      let view = "";
      const views = new Set<string>();
      const named = (n: number) => {
        const hash = hashOf(bytes(CONTENTS[n] ?? ""));
        return view === hash || frames.some((frame) => frame.hash === hash || frame.meta === hash);
      };
      for (const step of list) {
        if (step.do === "append") {
          const content = CONTENTS[step.which] ?? "";
          const frame = await append(store, step.last ? "last" : "a", {
            content,
            ...(step.last && { ttl: "last:1" }),
          });
          if (step.last) frames = frames.filter(({ topic }) => topic !== "last");
          frames.push(frame);
        } else if (step.do === "name") {
          // Naming keeps what is there; it brings nothing back.
          if (!named(step.which)) continue;
          const meta = hashOf(bytes(CONTENTS[step.which] ?? ""));
          frames.push(await append(store, "names", { meta }));
        } else if (step.do === "put") {
          if (!named(step.which)) continue;
          view = hashOf(bytes(CONTENTS[step.which] ?? ""));
          views.add(view);
          await store.kv.put("view", "text/plain", bytes(view));
        } else if (step.do === "remove") {
          const [frame] = frames.splice(step.place, 1);
          if (frame) await store.remove(frame.id);
        } else if (step.do === "settle") {
          store.content.startFlushing();
        } else if (step.do === "collect") {
          const collecting = store.upkeep.collect();
          if (step.wait) await collecting;
          else collecting.catch(() => {});
        } else {
          await store.close();
          store = sqliteEngine(path);
        }
      }
      await store.upkeep.collect();
      for (const [n, content] of CONTENTS.entries()) {
        if (!named(n)) continue;
        expect([n, await textOf(store, hashOf(bytes(content)))]).toEqual([n, content]);
      }
      expect(await problemsOf(store)).toEqual([]);
      await store.remove((await append(store, "done")).id);
      await store.kv.delete("view");
      for (const { id } of frames) await store.remove(id);
      await settled(store);
      // A value that named something once left no trace of that, so this may stay for a day.
      await store.upkeep.collect();
      // A file that is just being made for what was freed goes when it is done.
      await until("nothing else on disk", () => {
        const { contents, index } = onDisk(path);
        return contents <= views.size && index === contents;
      });
      await store.close();
    }),
    { numRuns: Number(process.env.XS_MODEL_RUNS ?? 40) },
  );
}, 120_000);
