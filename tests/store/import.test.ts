import { expect, setDefaultTimeout, test } from "bun:test";
import { packId } from "../../src/core/id.ts";
import { FOREVER } from "../../src/core/ttl.ts";
import { nextTurn } from "../../src/lib/next-turn.ts";
import type { Import } from "../../src/store/import.ts";
import type { Store } from "../../src/store/store.ts";
import { append, problemsOf, readAll, sqliteEngine } from "../support/store.ts";
import { tempDir } from "../support/temp.ts";
import { TEST_MS } from "../support/wait.ts";

setDefaultTimeout(TEST_MS);

/** More than one commit takes. */
const MANY = 25_000;

function idAt(n: number): string {
  return packId({ ts_ms: 1000, counter_hi: 1, counter_lo: n, node: "00000001" });
}

/** Every fifth frame is late: it arrived before the last one. */
function isLate(n: number): boolean {
  return n % 5 === 0;
}

/** Adds an export with late frames, entries of the runtime and a removal to an import. */
function bring(incoming: Import): void {
  const frame = { topic: "note", hash: null, meta: "null", ttl: FOREVER };
  for (let n = 0; n < MANY; n++) incoming.add({ frame: { ...frame, id: idAt(n) } });
  for (let n = 0; n < MANY; n++) {
    if (isLate(n)) incoming.add({ position: { id: idAt(n), position: idAt(MANY) } });
  }
  incoming.add({ tombstone: { id: idAt(MANY + 1), ms: 1 } });
  const value = Buffer.from("{}");
  const entry = { rev: idAt(MANY + 2), type: "application/json", writer: "h", value };
  incoming.add({ entry: { ...entry, key: "stream.cross.handler/h" } });
  incoming.add({ entry: { ...entry, key: "view" } });
}

/** Everything of a store in the order of arrival, with what else an export has. */
async function contentsOf(store: Store) {
  const frames = await readAll(store, { order: "arrival" });
  const snapshot = await store.snapshot();
  const rest = {
    late: [...snapshot.late()].flat(),
    tombstones: [...snapshot.tombstones()].flat(),
    entries: [...snapshot.entries()].map(({ key, rev, writer }) => ({ key, rev, writer })),
  };
  snapshot.close();
  return { ids: frames.map(({ id }) => id), ...rest };
}

/** The first place where two lists differ: a difference of lists so long takes too long to print. */
function differsAt(one: readonly string[], other: readonly string[]): object | undefined {
  const at = one.findIndex((id, n) => id !== other[n]);
  if (at < 0 && one.length === other.length) return undefined;
  return { at, one: one.slice(at, at + 3), other: other.slice(at, at + 3), length: one.length };
}

function expectSame(
  { ids, late, ...rest }: Awaited<ReturnType<typeof contentsOf>>,
  expected: Awaited<ReturnType<typeof contentsOf>>,
): void {
  expect(differsAt(ids, expected.ids)).toBeUndefined();
  expect(differsAt(late.map(flat), expected.late.map(flat))).toBeUndefined();
  expect(rest).toEqual({ tombstones: expected.tombstones, entries: expected.entries });
}

function flat({ id, position }: { id: string; position: string }): string {
  return `${id} ${position}`;
}

async function importAll(store: Store): Promise<{ added: number; frames: number }> {
  using incoming = store.beginImport();
  bring(incoming);
  return await incoming.commit();
}

/** Ends an import after its first commits, as a full disk or the end of the process does. */
async function interrupt(store: Store): Promise<number> {
  const incoming = store.beginImport();
  bring(incoming);
  const running = incoming.commit();
  let failure: unknown;
  running.catch((error) => {
    failure = error;
  });
  while (incoming.done === 0 && failure === undefined) await nextTurn();
  expect(failure).toBeUndefined();
  incoming[Symbol.dispose]();
  // Waiting for it inside expect() would hold up the turns of the event loop in which it goes on.
  const error = await running.catch((reason: Error) => reason);
  expect(error).toBeInstanceOf(Error);
  expect(incoming.done).toBeLessThan(MANY);
  return incoming.done;
}

async function whole() {
  const store = sqliteEngine(`${tempDir()}/store`);
  expect(await importAll(store)).toMatchObject({ added: MANY, frames: MANY });
  const contents = await contentsOf(store);
  expect(await problemsOf(store)).toEqual([]);
  await store.close();
  return contents;
}

test("an import into an empty store that was interrupted goes on as one when it is repeated", async () => {
  const expected = await whole();
  const inOrder = Array.from({ length: MANY }, (_, n) => n);
  const [late, others] = [inOrder.filter(isLate), inOrder.filter((n) => !isLate(n))];
  expect(differsAt(expected.ids, [...others, ...late].map(idAt))).toBeUndefined();
  expect(expected.entries.map(({ key }) => key)).toEqual(["stream.cross.handler/h", "view"]);
  for (const reopened of [false, true]) {
    const path = `${tempDir()}/store`;
    let store = sqliteEngine(path);
    const done = await interrupt(store);
    if (reopened) {
      await store.close();
      store = sqliteEngine(path);
    }
    expect(await importAll(store)).toMatchObject({ added: MANY - done });
    expectSame(await contentsOf(store), expected);
    expect(await problemsOf(store)).toEqual([]);
    await store.close();
  }
});

test("where something came in between, it goes on as an import into a used store", async () => {
  const store = sqliteEngine(`${tempDir()}/store`);
  const done = await interrupt(store);
  const { id } = await append(store, "mine");
  expect(await importAll(store)).toMatchObject({ added: MANY - done });
  const { ids } = await contentsOf(store);
  expect(ids.length).toBeGreaterThan(MANY + 1);
  // What is left comes after it, whatever positions it had.
  const left = Array.from({ length: MANY - done }, (_, n) => idAt(done + n));
  const old = ids.filter((one) => one <= idAt(MANY));
  expect(differsAt(old.slice(-left.length), left)).toBeUndefined();
  expect(ids.indexOf(left[0] ?? "")).toBeGreaterThan(ids.indexOf(id));
  expect(await problemsOf(store)).toEqual([]);
  await store.close();
});

test("a large import lets other writers have their turn", async () => {
  const store = sqliteEngine(`${tempDir()}/store`);
  using incoming = store.beginImport();
  bring(incoming);
  let isOver = false;
  const running = incoming.commit().finally(() => {
    isOver = true;
  });
  let appended = 0;
  while (!isOver) {
    await append(store, "mine");
    appended++;
  }
  await running;
  expect(appended).toBeGreaterThan(2);
  const ids = (await readAll(store, { order: "arrival" })).map(({ id }) => id);
  expect(new Set(ids).size).toBe(ids.length);
  expect(await problemsOf(store)).toEqual([]);
  await store.close();
});
