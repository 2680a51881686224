import { expect } from "bun:test";
import type { Frame } from "../../src/core/frame.ts";
import { READ_ALL, type ReadOptions } from "../../src/core/read-options.ts";
import { FOREVER, parseTtl } from "../../src/core/ttl.ts";
import type { ImportOptions } from "../../src/store/import.ts";
import type { SqliteStore } from "../../src/store/sqlite/engine.ts";
import { openSqliteStore } from "../../src/store/sqlite/open.ts";
import type { OpenStore, Store } from "../../src/store/store.ts";
import type { ImportFrame } from "../../src/store/types.ts";
import { tempDir } from "./temp.ts";

/** Opens a store of SQLite on a directory. */
export const sqliteEngine = (path: string, now?: () => number): SqliteStore => {
  const store = openSqliteStore(path, now);
  if (!store) throw new Error(`${path} is locked`);
  return store;
};

/** Opens a store of one engine on a directory. @param now the clock, in ms */
export type Opener<S extends OpenStore = OpenStore> = (
  path: string,
  now?: () => number,
) => S | Promise<S>;

/** Runs something on a fresh store, and checks the whole store after it. */
export async function withStore(
  use: (store: SqliteStore, path: string) => Promise<void>,
  now?: () => number,
): Promise<void> {
  await withStoreOf(sqliteEngine, use, now);
}

/** The same on a store of any engine. */
export async function withStoreOf<S extends OpenStore>(
  open: Opener<S>,
  use: (store: S, path: string) => Promise<void>,
  now?: () => number,
): Promise<void> {
  const path = `${tempDir()}/store`;
  const store = await open(path, now);
  try {
    await use(store, path);
    expect(await problemsOf(store)).toEqual([]);
  } finally {
    await store.close();
  }
}

/** What a check of the whole store finds wrong. */
export async function problemsOf(store: Store): Promise<string[]> {
  const problems: string[] = [];
  await store.check((problem) => problems.push(problem));
  return problems;
}

/** Opens a store that nobody has open, and checks the whole of it. */
export async function expectSound(path: string): Promise<void> {
  const store = sqliteEngine(path);
  try {
    expect(await problemsOf(store)).toEqual([]);
  } finally {
    await store.close();
  }
}

/** Imports frames and tells how many they were, and how many are new. */
export async function importFrames(
  store: Store,
  frames: readonly ImportFrame[],
  options?: ImportOptions,
): Promise<{ frames: number; added: number }> {
  using incoming = store.beginImport(options);
  for (const frame of frames) incoming.add({ frame });
  const { frames: all, added } = await incoming.commit();
  return { frames: all, added };
}

interface Extra {
  ttl?: string;
  meta?: unknown;
  content?: string;
}

/** Appends a frame and gives it as a value. */
export async function append(store: Store, topic: string, extra: Extra = {}): Promise<Frame> {
  const { ttl, meta = null, content } = extra;
  const taken = content === undefined ? null : await store.content.take(new Response(content).body);
  const line = await store.append({
    topic,
    meta: JSON.stringify(meta),
    ttl: ttl === undefined ? FOREVER : parseTtl(ttl),
    content: taken,
  });
  return JSON.parse(line);
}

/** Reads to the end, or until `enough` frames are there. */
export async function readAll(
  store: Store,
  options: Partial<ReadOptions> = {},
  enough = Infinity,
): Promise<Frame[]> {
  const reader = store.read({ ...READ_ALL, ...options });
  const frames: Frame[] = [];
  while (frames.length < enough) {
    const bytes = await reader.next();
    if (!bytes) break;
    const lines = new TextDecoder().decode(bytes).trimEnd().split("\n");
    frames.push(...lines.map((line) => JSON.parse(line)));
  }
  reader.close();
  return frames;
}
