import type { Database } from "bun:sqlite";
import { LINKS, linksIn, MEMBER } from "../../../core/links.ts";
import type { Ends } from "../../read-source.ts";
import type { Facts } from "../facts.ts";
import { type FrameRow, isSound } from "../log/frame-row.ts";
import type { FrameSearch } from "../log/frame-search.ts";
import { RowInserts } from "../log/row-inserts.ts";

/** So many rows are looked at before the time is. */
const WINDOW = 1000;
const NOTHING: Ends = { seq: 0, late: 0 };

/**
 * The index of which frames name which. Commits add the links of chunks; the others are added behind the log, in steps,
 * in stores where somebody has asked for effects. Where nothing can be written, it is in memory.
 */
export class LinkIndex {
  readonly #db: Database;
  readonly #search: FrameSearch;
  readonly #facts: Facts;
  readonly #sql: ReturnType<typeof statements>;
  readonly #stored: RowInserts;
  /** How far the links in memory go; undefined where there are none. */
  #memory: Ends | undefined;
  #inMemory: RowInserts | undefined;

  constructor(db: Database, search: FrameSearch, facts: Facts) {
    this.#db = db;
    this.#search = search;
    this.#facts = facts;
    this.#sql = statements(db);
    this.#stored = new RowInserts(db, "INSERT OR IGNORE INTO links (id, kind, seq)");
  }

  /** Up to where all links are stored; undefined where nobody has asked yet. */
  get stored(): Ends | undefined {
    return this.#facts.linked;
  }

  /** Whether the links of all rows up to these are stored. */
  isStoredUpTo(ends: Ends): boolean {
    return reaches(this.stored, ends);
  }

  /** Whether some links are in memory alone. */
  get hasMemory(): boolean {
    return this.#memory !== undefined;
  }

  /** Stores links for some time, in ms. Call it inside a commit, with everything of that in the tables. */
  store(ms: number): void {
    const from = this.stored;
    const reached = this.#link(from ?? NOTHING, this.#search.ends, ms, this.#stored);
    if (!from || !reaches(from, reached)) this.#facts.setLinked(reached);
  }

  /** Puts links into memory for some time, in ms. Returns whether there are more up to these ends. */
  remember(ends: Ends, ms: number): boolean {
    if (!this.#inMemory) {
      this.#db.run(`CREATE TEMP TABLE IF NOT EXISTS more_links (
        id TEXT NOT NULL, kind INTEGER NOT NULL, seq INTEGER NOT NULL, PRIMARY KEY (id, kind, seq)
      ) STRICT, WITHOUT ROWID`);
      this.#inMemory = new RowInserts(
        this.#db,
        "INSERT OR IGNORE INTO temp.more_links (id, kind, seq)",
      );
    }
    this.#memory = this.#link(this.#memory ?? this.stored ?? NOTHING, ends, ms, this.#inMemory);
    return !reaches(this.#memory, ends);
  }

  #link(from: Ends, to: Ends, ms: number, links: RowInserts): Ends {
    const end = performance.now() + ms;
    let { seq, late } = from;
    do {
      const [below, above] = [Math.min(seq + WINDOW, to.seq), Math.max(late - WINDOW, to.late)];
      if (seq < below) add(this.#sql.rows.iterate(seq + 1, below), links);
      if (late > above) add(this.#sql.lateRows.iterate(above, late - 1), links);
      seq = Math.max(seq, below);
      late = Math.min(late, above);
    } while ((seq < to.seq || late > to.late) && performance.now() < end);
    links.flush();
    return { seq, late };
  }
}

function add(rows: Iterable<unknown>, links: RowInserts): void {
  for (const row of rows as Iterable<FrameRow>) {
    // A damaged one does not tell any more which frames it names.
    if (!isSound(row)) continue;
    for (const { name, id } of linksIn(row.line)) {
      if (name !== "chunk") links.add(id, LINKS[name], row.seq);
    }
  }
}

function reaches(reached: Ends | undefined, { seq, late }: Ends): boolean {
  return reached !== undefined && reached.seq >= seq && reached.late <= late;
}

function statements(db: Database) {
  const rows = (table: string) =>
    db.query(`SELECT seq, crc, line FROM ${table}
      WHERE seq >= ? AND seq <= ? AND instr(line, '${MEMBER}') > 0`);
  return { rows: rows("frames"), lateRows: rows("late") };
}
