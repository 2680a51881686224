import type { Database } from "bun:sqlite";
import type { Tombstone } from "../../import.ts";

/** The ids of the frames that users removed. Call what writes inside a commit. */
export class Tombstones {
  readonly #sql: ReturnType<typeof statements>;

  constructor(db: Database) {
    this.#sql = statements(db);
  }

  has(id: string): boolean {
    return this.#sql.has.get(id) !== null;
  }

  /** @param ms null to forget it */
  set(id: string, ms: number | null): void {
    if (ms === null) this.#sql.delete.run(id);
    else this.#sql.insert.run(id, ms, tombstoneCrc({ id, ms }));
  }

  /** How many there are up to a time, in ms. */
  count(ms: number): number {
    return (this.#sql.count.get(ms) as { n: number }).n;
  }

  /** Forgets those up to a time, in ms. */
  sweep(ms: number): void {
    this.#sql.sweep.run(ms);
  }
}

/** The checksum of a tombstone. */
export function tombstoneCrc({ id, ms }: Tombstone): number {
  return Bun.hash.crc32(`${id} ${ms}`);
}

function statements(db: Database) {
  return {
    has: db.query("SELECT 1 FROM tombstones WHERE id = ?"),
    insert: db.query("INSERT OR IGNORE INTO tombstones (id, ms, crc) VALUES (?, ?, ?)"),
    delete: db.query("DELETE FROM tombstones WHERE id = ?"),
    count: db.query("SELECT count(*) AS n FROM tombstones WHERE ms <= ?"),
    sweep: db.query("DELETE FROM tombstones WHERE ms <= ?"),
  };
}
