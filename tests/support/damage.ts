import { Database } from "bun:sqlite";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { packId } from "../../src/core/id.ts";
import { FOREVER } from "../../src/core/ttl.ts";
import { importFrames, sqliteEngine } from "./store.ts";

/** Changes the database of a closed store behind its back. */
export function edit<T>(store: string, change: (db: Database) => T): T {
  const db = new Database(join(store, "events.db"), { strict: true });
  try {
    const result = change(db);
    // All of it into the one file, so that what is read there is what there is.
    db.run("PRAGMA wal_checkpoint(TRUNCATE)");
    return result;
  } finally {
    db.close();
  }
}

/** Makes a store in which every frame is damaged. */
export async function makeDamagedStore(path: string, frames: number): Promise<void> {
  const store = sqliteEngine(path);
  const id = (n: number) => packId({ ts_ms: 1000, counter_hi: 0, counter_lo: n, node: "00000000" });
  const frame = (n: number) => ({ topic: "t", id: id(n), hash: null, meta: "null", ttl: FOREVER });
  await importFrames(
    store,
    Array.from({ length: frames }, (_, n) => frame(n)),
  );
  await store.close();
  edit(path, (db) => db.run("UPDATE frames SET crc = crc + 1"));
}

/** Overwrites a page in the middle of a table, or of an index, of a closed store. */
export function damagePage(store: string, name: string): void {
  const path = join(store, "events.db");
  const root = edit(store, (db) =>
    db.query("SELECT rootpage FROM sqlite_schema WHERE name = ?").get(name),
  ) as { rootpage: number };
  const file = readFileSync(path);
  const size = file.readUInt16BE(16);
  let start = (root.rootpage - 1) * size;
  // The cells of an interior page name others (https://www.sqlite.org/fileformat.html#b_tree_pages).
  const isInterior = () => [2, 5].includes(file.readUInt8(start));
  if (!isInterior()) throw new Error(`${name} has only one page`);
  while (isInterior()) {
    const cells = file.readUInt16BE(start + 3);
    const cell = start + file.readUInt16BE(start + 12 + 2 * Math.floor(cells / 2));
    start = (file.readUInt32BE(cell) - 1) * size;
  }
  file.fill(0xff, start, start + 200);
  writeFileSync(path, file);
}
