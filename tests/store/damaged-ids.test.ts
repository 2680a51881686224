import { expect, test } from "bun:test";
import type { Frame } from "../../src/core/frame.ts";
import { packId } from "../../src/core/id.ts";
import { FOREVER } from "../../src/core/ttl.ts";
import { edit } from "../support/damage.ts";
import { append, importFrames, problemsOf, readAll, sqliteEngine } from "../support/store.ts";
import { tempDir } from "../support/temp.ts";

const DAMAGED = 150;

/** A closed store of 300 frames, one of which has another id in its line than it had. */
async function makeDamaged(change: (id: string) => string): Promise<[string, Frame[]]> {
  const path = `${tempDir()}/store`;
  const store = sqliteEngine(path);
  const frames: Frame[] = [];
  for (let n = 0; n < 300; n++) frames.push(await append(store, "a.b", { meta: n }));
  await store.close();
  const id = frames[DAMAGED]?.id ?? "";
  edit(path, (db) =>
    db.run("UPDATE frames SET line = replace(line, ?, ?) WHERE seq = ?", [
      id,
      change(id),
      DAMAGED + 1,
    ]),
  );
  return [path, frames];
}

test.each([
  ["a lower id", (id: string) => `02${id.slice(2)}`],
  ["a higher id", (id: string) => `z${id.slice(1)}`],
  ["no id", (id: string) => id.replace(/^../, "&&")],
])(
  "a frame whose line has %s by damage is named by every read, and passed over by none",
  async (_, change) => {
    const [path, frames] = await makeDamaged(change);
    const store = sqliteEngine(path);
    const id = frames[DAMAGED]?.id ?? "";
    const before = frames[DAMAGED - 1]?.id ?? "";
    const after = frames[DAMAGED + 1]?.id ?? "";
    for (const options of [
      {},
      { topics: ["a.b"] },
      { topics: ["a.*"] },
      { order: "arrival" as const },
      { order: "desc" as const },
      { after: before },
      { from: before },
      { order: "desc" as const, after },
      { follow: true },
    ]) {
      await expect(readAll(store, options, 300)).rejects.toThrow("is damaged");
    }
    expect(() => store.get(id)).toThrow("is damaged");
    expect(() => store.neighbour(before, "next")).toThrow("is damaged");
    expect(() => store.neighbour(after, "previous")).toThrow("is damaged");
    // The error names the frame by an id that lies between its neighbours.
    const message = await readAll(store).then(String, ({ message }: Error) => message);
    const named = /frame (\w{25}) /.exec(message)?.[1] ?? "";
    expect([named > before, named < after]).toEqual([true, true]);
    expect(await readAll(store, { after: named })).toEqual(frames.slice(DAMAGED + 1));
    expect(await readAll(store, { order: "desc", after: before })).toEqual(
      frames.slice(0, DAMAGED - 1).toReversed(),
    );
    expect(await store.remove(id)).toBe(true);
    expect(await problemsOf(store)).toEqual([]);
    expect(await readAll(store)).toEqual(frames.filter((frame) => frame.id !== id));
    await store.close();
  },
);

test("bounds in time pass by no damaged frame that may lie between them", async () => {
  const path = `${tempDir()}/store`;
  const start = Date.UTC(2026, 0, 1);
  const at = (second: number) => start + 1000 * second;
  const store = sqliteEngine(path);
  const ids = [0, 1, 2, 3, 4].map((second) =>
    packId({ ts_ms: at(second), counter_hi: 1, counter_lo: 0, node: "00000000" }),
  );
  const frames = ids.map((id) => ({ topic: "a", id, hash: null, meta: "null", ttl: FOREVER }));
  await importFrames(store, frames);
  await store.close();
  edit(path, (db) =>
    db.run('UPDATE frames SET line = replace(line, \'"id":"0\', \'"id":"z\') WHERE seq = 3'),
  );
  const damaged = sqliteEngine(path);
  for (const bounds of [{ since: at(2) }, { until: at(3) }, { since: at(1), until: at(4) }]) {
    for (const order of ["asc", "desc", "arrival"] as const) {
      await expect(readAll(damaged, { ...bounds, order })).rejects.toThrow("is damaged");
    }
  }
  for (const order of ["asc", "desc", "arrival"] as const) {
    const [before, after] = [{ until: at(1) }, { since: at(4) }];
    expect((await readAll(damaged, { ...before, order })).map(({ id }) => id)).toEqual(
      ids.slice(0, 1),
    );
    expect((await readAll(damaged, { ...after, order })).map(({ id }) => id)).toEqual(ids.slice(4));
  }
  await damaged.close();
});

test("a read by arrival from the frame that reports late ones begins with that frame", async () => {
  const path = `${tempDir()}/store`;
  const store = sqliteEngine(path);
  const first = await append(store, "a");
  const id = first.id.replace(/^../, "02");
  await importFrames(store, [{ topic: "a", id, hash: null, meta: "1", ttl: FOREVER }]);
  const all = await readAll(store, { order: "arrival" });
  expect(all.map((frame) => frame.id)).toEqual([first.id, id, all[2]?.id ?? ""]);
  const from = (start: string) => readAll(store, { order: "arrival", from: start });
  expect(await from(all[2]?.id ?? "")).toEqual(all.slice(2));
  expect(await from(id)).toEqual(all.slice(1));
  expect(await from(first.id)).toEqual(all);
  await store.close();
});

test("a damaged tombstone is named by a check, and no export leaves it out", async () => {
  const path = `${tempDir()}/store`;
  const store = sqliteEngine(path);
  const { id } = await append(store, "a");
  await store.remove(id);
  await store.close();
  edit(path, (db) => db.run("UPDATE tombstones SET ms = ms + 1"));
  const again = sqliteEngine(path);
  expect(await problemsOf(again)).toEqual([`tombstone ${id}: does not match its checksum`]);
  const snapshot = await again.snapshot();
  expect(() => [...snapshot.tombstones()]).toThrow("only 0 can be read");
  snapshot.close();
  await again.close();
});
