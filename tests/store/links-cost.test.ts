// What a trace reads of the database: by the length of the trace, not by the size of the store.
import { expect, setDefaultTimeout, test } from "bun:test";
import { readFileSync, statSync } from "node:fs";
import { packId } from "../../src/core/id.ts";
import { FOREVER } from "../../src/core/ttl.ts";
import type { TraceDirection } from "../../src/store/trace.ts";
import { importFrames, sqliteEngine } from "../support/store.ts";
import { tempDir } from "../support/temp.ts";
import { TEST_MS } from "../support/wait.ts";

setDefaultTimeout(TEST_MS);

/** Frames that name one another in a row, evenly spread over the store. */
const DEPTH = 20;
const SMALL = 6000;

const idOf = (n: number) =>
  packId({ ts_ms: 1_600_000_000_000 + n, counter_hi: 0, counter_lo: 0, node: "00000001" });

/** Makes a store with a chain of frames, and the index for it. */
async function makeStore(frames: number): Promise<{ path: string; chain: string[] }> {
  const path = `${tempDir()}/store`;
  const store = sqliteEngine(path);
  const every = frames / DEPTH;
  const chain: string[] = [];
  const all = Array.from({ length: frames }, (_, n) => {
    const isLink = n % every === every / 2;
    const meta = { n, ...(isLink && chain.length > 0 && { frame_id: chain.at(-1) }) };
    if (isLink) chain.push(idOf(n));
    return { topic: "note", id: idOf(n), hash: null, meta: JSON.stringify(meta), ttl: FOREVER };
  });
  await importFrames(store, all);
  const reader = await store.trace(chain[0] as string, "effects");
  while (await reader?.next());
  await store.close();
  return { path, chain };
}

/** How many bytes this process has read so far, from files and whatever else. */
function bytesRead(): number {
  return Number(/^rchar: (\d+)/m.exec(readFileSync("/proc/self/io", "latin1"))?.[1]);
}

/** The bytes that a store which was just opened reads for a trace; they are the pages of the database that it needs. */
async function readFor(
  path: string,
  id: string,
  direction: TraceDirection,
  length: number,
): Promise<number> {
  const store = sqliteEngine(path);
  try {
    const before = bytesRead();
    const reader = await store.trace(id, direction);
    let lines = 0;
    for (let page = await reader?.next(); page; page = await reader?.next()) {
      lines += page.filter((byte) => byte === 10).length;
    }
    expect(lines).toBe(length);
    return bytesRead() - before;
  } finally {
    await store.close();
  }
}

test.skipIf(process.platform !== "linux")(
  "a trace reads the database by its own length, not by the size of the store",
  async () => {
    const [small, large] = [await makeStore(SMALL), await makeStore(10 * SMALL)];
    const size = statSync(`${large.path}/events.db`).size;
    for (const direction of ["causes", "effects"] as const) {
      const bytes = (store: typeof small, length: number) => {
        const { path, chain } = store;
        const start = direction === "causes" ? chain[length] : chain.at(-1 - length);
        return readFor(path, start as string, direction, length);
      };
      const [inSmall, inLarge] = [await bytes(small, DEPTH - 1), await bytes(large, DEPTH - 1)];
      const short = await bytes(large, 2);
      expect(inLarge).toBeLessThan(3 * inSmall);
      expect(inLarge).toBeLessThan(size / 10);
      expect(short).toBeLessThan(inLarge / 2);
    }
  },
);
