import type { Database } from "bun:sqlite";
import type { Space } from "../upkeep.ts";

/** Pages of one step: it takes a few ms, and writers wait no longer. */
const STEP_PAGES = 256;
/** In the background, space is given back where more than so much is free, in bytes, and in parts of the file. */
const LEAST_FREE = 1024 * 1024;
const LEAST_PART = 0.05;
/** How much is given back in a second at least, in bytes, on a slow disk. */
const BYTES_A_SECOND = 50 * 1024 * 1024;
/** How large the log grows meanwhile at most, before a checkpoint, in bytes. */
const LOG_BYTES = 20 * 1024 * 1024;

/**
 * Gives the free pages of a database back to the disk, some at a time. SQLite moves pages from the end of the file to
 * free places, and cuts the file off there. The file itself is shorter after the next checkpoint.
 */
export class GiveBack {
  readonly #sql: ReturnType<typeof statements>;
  readonly #pageSize: number;
  /** Goes on, once begun, until almost nothing is free. */
  #going = false;

  constructor(db: Database) {
    this.#sql = statements(db);
    this.#pageSize = numberIn(db.query("PRAGMA page_size").get());
  }

  /** How much is free. */
  space(): Space {
    const free = numberIn(this.#sql.free.get()) * this.#pageSize;
    const size = numberIn(this.#sql.pages.get()) * this.#pageSize;
    const seconds = Math.ceil(free / BYTES_A_SECOND);
    return { free, size, seconds, beside: Math.min(free, LOG_BYTES) };
  }

  /** Whether so much is free that it is worth giving back in the background. */
  isDue(): boolean {
    const { free, size } = this.space();
    this.#going = free > LEAST_FREE && (this.#going || free > size * LEAST_PART);
    return this.#going;
  }

  /** Gives some pages back; call it inside a write. Returns whether more are free. */
  step(): boolean {
    this.#sql.vacuum.run();
    return numberIn(this.#sql.free.get()) > 0;
  }
}

function statements(db: Database) {
  return {
    free: db.query("PRAGMA freelist_count"),
    pages: db.query("PRAGMA page_count"),
    vacuum: db.query(`PRAGMA incremental_vacuum(${STEP_PAGES})`),
  };
}

/** The one value of a pragma. */
function numberIn(row: unknown): number {
  return Object.values(row as Record<string, number>)[0] ?? 0;
}
