// The index of what names what, against a model that looks at every frame; and that a kill loses none of it.
import { expect, setDefaultTimeout, test } from "bun:test";
import { XsError } from "../../src/core/error.ts";
import type { Frame } from "../../src/core/frame.ts";
import { linesIn } from "../../src/core/frame.ts";
import { packId } from "../../src/core/id.ts";
import { FOREVER, parseTtl } from "../../src/core/ttl.ts";
import { SqliteStore } from "../../src/store/sqlite/engine.ts";
import { Random, seedFrom } from "../support/random.ts";
import { append, importFrames, problemsOf, readAll, sqliteEngine } from "../support/store.ts";
import { tempDir } from "../support/temp.ts";
import { TEST_MS } from "../support/wait.ts";

setDefaultTimeout(TEST_MS);

const MEMBERS = ["frame_id", "request_id", "spawn_id", "handler_id"] as const;

/** What a meta names, in the order of kinds. */
function namedBy(meta: unknown): string[] {
  const members = meta as Record<string, unknown> | null;
  const chunk = members?.chunk as { of?: string } | undefined;
  return [...MEMBERS.map((name) => members?.[name]), chunk?.of].filter(
    (id): id is string => typeof id === "string",
  );
}

/** What a walk over all frames finds, by distance. */
function expected(frames: readonly Frame[], start: string, direction: "causes" | "effects") {
  const next = (id: string) =>
    direction === "causes"
      ? namedBy(frames.find((frame) => frame.id === id)?.meta)
      : frames.filter(({ meta }) => namedBy(meta).includes(id)).map((frame) => frame.id);
  const seen = new Map([[start, 0]]);
  const ids = new Set(frames.map(({ id }) => id));
  for (const [id, depth] of seen) {
    for (const other of next(id))
      if (ids.has(other) && !seen.has(other)) seen.set(other, depth + 1);
  }
  seen.delete(start);
  return [...seen].map(([id, depth]) => `${depth} ${id}`).sort();
}

async function traced(store: SqliteStore, id: string, direction: "causes" | "effects") {
  const reader = await store.trace(id, direction, { withDepth: true });
  const found: string[] = [];
  for (let page = await reader?.next(); page; page = await reader?.next()) {
    for (const line of linesIn(page)) {
      const { depth, id } = JSON.parse(line) as Frame & { depth: number };
      found.push(`${depth} ${id}`);
    }
  }
  // Nearest first.
  const depths = found.map((each) => Number.parseInt(each, 10));
  expect(depths).toEqual([...depths].sort((a, b) => a - b));
  return found.sort();
}

async function expectAgreement(store: SqliteStore): Promise<void> {
  const frames = await readAll(store);
  for (const { id } of frames) {
    for (const direction of ["causes", "effects"] as const) {
      expect([id, direction, await traced(store, id, direction)]).toEqual([
        id,
        direction,
        expected(frames, id, direction),
      ]);
    }
  }
}

test("random graphs with cycles, removals, expiry, late frames and restarts agree with a model", async () => {
  const seed = seedFrom("XS_LINKS_SEED");
  const random = new Random(seed);
  let now = 1_800_000_000_000;
  const path = `${tempDir()}/store`;
  let store = sqliteEngine(path, () => now);
  const known: string[] = [];
  let late = 0;
  const idOfOld = (n: number) =>
    packId({ ts_ms: 1_600_000_000_000 + n, counter_hi: 0, counter_lo: 0, node: "00000001" });
  const metaOf = () => {
    const meta: Record<string, unknown> = {};
    for (const name of MEMBERS) {
      // Some are of frames that only come later, late.
      if (random.chance(0.4)) {
        meta[name] = random.chance(0.2) ? idOfOld(random.below(60)) : random.pick([...known, "x"]);
      }
    }
    if (random.chance(0.2) && known.length > 0) {
      meta.chunk = { of: random.pick(known), index: 1, more: true };
    }
    return random.chance(0.1) ? null : meta;
  };
  try {
    for (let step = 0; step < 120; step++) {
      const choice = random.next();
      if (choice < 0.5) {
        const ttl = random.pick(["forever", "forever", "last:3", "time:5000"]);
        const { id } = await append(store, random.pick(["a", "b"]), { ttl, meta: metaOf() });
        known.push(id);
      } else if (choice < 0.65) {
        const frames = Array.from({ length: 1 + random.below(3) }, () => {
          const id = random.chance(0.7) ? idOfOld(random.below(60)) : idOfOld(1000 + late++);
          known.push(id);
          const meta = JSON.stringify(metaOf());
          return { topic: random.pick(["a", "old"]), id, hash: null, meta, ttl: FOREVER };
        });
        await importFrames(store, frames);
      } else if (choice < 0.75 && known.length > 0) {
        await store.remove(random.pick(known));
      } else if (choice < 0.8) {
        now += 3000;
      } else if (choice < 0.85) {
        // The newest may go, and its number with it.
        const newest = known.at(-1);
        if (newest) await store.remove(newest);
        await store.close();
        store = sqliteEngine(path, () => now);
      } else if (known.length > 0) {
        await traced(store, random.pick(known), "effects");
      }
      if (step % 30 === 29) {
        await expectAgreement(store);
        expect(await problemsOf(store)).toEqual([]);
      }
    }
  } catch (error) {
    throw new Error(`XS_LINKS_SEED=${seed}`, { cause: error });
  } finally {
    await store.close();
  }
});

test("a store in which nobody asked keeps no links but those of chunks; one that was asked keeps all", async () => {
  const store = sqliteEngine(`${tempDir()}/store`);
  try {
    const root = await append(store, "note");
    await append(store, "out", { meta: { frame_id: root.id } });
    await traced(store, root.id, "causes");
    expect(store.linked).toBeUndefined();
    await traced(store, root.id, "effects");
    expect(store.linked).toEqual({ seq: 2, late: 0 });
  } finally {
    await store.close();
  }
});

test("a check reports a frame that is not linked, and a link to what does not name it", async () => {
  const path = `${tempDir()}/store`;
  const store = sqliteEngine(path);
  const root = await append(store, "note");
  const out = await append(store, "out", { meta: { frame_id: root.id } });
  await traced(store, root.id, "effects");
  expect(await problemsOf(store)).toEqual([]);
  await store.close();
  const { Database } = await import("bun:sqlite");
  const db = new Database(`${path}/events.db`);
  db.run("UPDATE links SET id = ?", [out.id]);
  db.close();
  const again = sqliteEngine(path);
  try {
    expect(await problemsOf(again)).toEqual([
      `frame ${out.id}: is not indexed as an effect of ${root.id}`,
      `index: the frame ${out.id} is named by the row 2, which does not name it`,
    ]);
    // Nothing wrong is shown.
    expect(await traced(again, out.id, "effects")).toEqual([]);
  } finally {
    await again.close();
  }
});

test("frames that are committed and not durable are not shown", async () => {
  const store = sqliteEngine(`${tempDir()}/store`);
  try {
    const root = await append(store, "note");
    await traced(store, root.id, "effects");
    const meta = JSON.stringify({ frame_id: root.id });
    let isAcknowledged = false;
    const appended = store
      .append({ topic: "out", meta, ttl: parseTtl("forever"), content: null })
      .then((line) => {
        isAcknowledged = true;
        return JSON.parse(line) as Frame;
      });
    for (;;) {
      const wasAcknowledged = isAcknowledged;
      const found = await traced(store, root.id, "effects");
      if (found.length > 0) break;
      expect(wasAcknowledged).toBe(false);
    }
    expect(await traced(store, root.id, "effects")).toEqual([`1 ${(await appended).id}`]);
  } finally {
    await store.close();
  }
});

test("where nothing can be written, what is not in the index is noted in memory", async () => {
  const path = `${tempDir()}/store`;
  const store = sqliteEngine(path);
  const root = await append(store, "note");
  const first = await append(store, "out", { meta: { frame_id: root.id } });
  await traced(store, root.id, "effects");
  const second = await append(store, "out", { meta: { frame_id: root.id, spawn_id: first.id } });
  const id = packId({ ts_ms: 1_600_000_000_000, counter_hi: 0, counter_lo: 0, node: "00000001" });
  const meta = JSON.stringify({ handler_id: second.id });
  await importFrames(store, [{ topic: "old", id, hash: null, meta, ttl: FOREVER }]);
  await store.close();
  const { stillDatabase } = await import("../../src/store/sqlite/read-only.ts");
  const still = stillDatabase(path);
  const refusal = new XsError("store_read_only", "it is only read");
  const database = still.uri;
  const reader = new SqliteStore(path, still, Date.now, { database, refusal });
  try {
    for (let time = 0; time < 2; time++) {
      expect(await traced(reader, root.id, "effects")).toEqual([
        `1 ${first.id}`,
        `1 ${second.id}`,
        `2 ${id}`,
      ]);
    }
    expect(reader.linked).toEqual({ seq: 2, late: 0 });
  } finally {
    await reader.close();
  }
});

test("what comes where the newest frames were removed is linked, in order and late", async () => {
  const path = `${tempDir()}/store`;
  let store = sqliteEngine(path);
  const late = (n: number) =>
    packId({ ts_ms: 1_600_000_000_000 + n, counter_hi: 0, counter_lo: 0, node: "00000001" });
  const bring = (n: number, meta: object) =>
    importFrames(store, [
      { topic: "old", id: late(n), hash: null, meta: JSON.stringify(meta), ttl: FOREVER },
    ]);
  try {
    const root = await append(store, "note");
    await bring(1, { frame_id: root.id });
    const newest = [];
    for (let n = 0; n < 3; n++) {
      newest.push((await append(store, "out", { meta: { frame_id: root.id } })).id);
    }
    expect(await traced(store, root.id, "effects")).toHaveLength(4);
    for (const id of [late(1), ...newest]) await store.remove(id);
    await store.close();
    store = sqliteEngine(path);
    const { id } = await append(store, "out", { meta: { frame_id: root.id } });
    await bring(2, { frame_id: root.id });
    expect(await traced(store, root.id, "effects")).toEqual([`1 ${late(2)}`, `1 ${id}`]);
    expect(await problemsOf(store)).toEqual([]);
  } finally {
    await store.close();
  }
});
