import { Database } from "bun:sqlite";
import { join } from "node:path";
import { packId } from "../../src/frame/id.ts";
import { FOREVER } from "../../src/frame/ttl.ts";
import { sqliteEngine } from "./store.ts";

/** Changes the database of a closed store behind its back. */
export function edit(store: string, change: (db: Database) => void): void {
  const db = new Database(join(store, "events.db"), { strict: true });
  try {
    change(db);
    // All of it into the one file, so that what is read there is what there is.
    db.run("PRAGMA wal_checkpoint(TRUNCATE)");
  } finally {
    db.close();
  }
}

/** Makes a store in which every frame is damaged. */
export async function makeDamagedStore(path: string, frames: number): Promise<void> {
  const store = sqliteEngine(path);
  const id = (n: number) => packId({ ts_ms: 1000, counter_hi: 0, counter_lo: n, node: "00000000" });
  const frame = (n: number) => ({ topic: "t", id: id(n), hash: null, meta: "null", ttl: FOREVER });
  await store.import(Array.from({ length: frames }, (_, n) => frame(n)));
  await store.close();
  edit(path, (db) => db.run("UPDATE frames SET crc = crc + 1"));
}
