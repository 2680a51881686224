import type { Database } from "bun:sqlite";
import { idInLine } from "../../../core/frame.ts";
import { isId, successor } from "../../../core/id.ts";
import { isCorrupt } from "../../failures.ts";
import type { Facts } from "../facts.ts";
import { type FrameRow, isSound } from "./frame-row.ts";

/** A bound above every `seq`. */
export const END = Number.MAX_SAFE_INTEGER;
/** `id_marks` has the id of each `frames` row whose `seq` is a multiple of this. */
export const MARK_EVERY = 16;
/** More rows than a page of the database has. */
const MAX_ROWS_A_PAGE = 200;

const NO_GAP = { above: "~", below: "" };

/** A frame with the number of its topic. */
export interface StoredFrame extends FrameRow {
  readonly topic: number;
  readonly expires: number | null;
}

/**
 * Finds frames by their ids. There is no index of ids: the rows of `frames` are in the order of ids, and one id in some
 * is marked (docs/adr/0009-one-schema.md). Damaged rows are passed by.
 */
export class FrameSearch {
  readonly #sql: ReturnType<typeof statements>;
  readonly #facts: Facts;
  /** The newest row of `frames`, and its id. */
  #seq = 0;
  #newest = "";
  #late = 0;
  /** Ids between which `frames` has no row: an import looks for many that are there. */
  #gap = NO_GAP;

  constructor(db: Database, facts: Facts) {
    this.#sql = statements(db);
    this.#facts = facts;
    this.reload();
  }

  /** Takes up what the tables have, at the start and after a commit that failed. */
  reload(): void {
    this.#gap = NO_GAP;
    const row = this.#sql.newest.get() as FrameRow | null;
    const { counted, linked } = this.#facts;
    // The newest rows may be removed: one that comes next must not count as one that the table of topics has counted,
    // or whose links are known.
    this.#seq = Math.max(row?.seq ?? 0, counted, linked?.seq ?? 0);
    this.#newest = row ? this.#idOf(row) : "";
    const { seq: late } = this.#sql.newestLate.get() as { seq: number | null };
    this.#late = Math.min(late ?? 0, linked?.late ?? 0);
  }

  /** The newest `seq` of each table: rows that come later are beyond them. Those of late frames go down from -1. */
  get ends(): { readonly seq: number; readonly late: number } {
    return { seq: this.#seq, late: this.#late };
  }

  /** The id of the newest frame that was not late; "" where there is none. */
  get newest(): string {
    return this.#newest;
  }

  /** Whether the store may have late frames. */
  get hasLate(): boolean {
    return this.#late < 0;
  }

  /** Returns the `seq` for a frame that comes next. */
  next(id: string): number {
    this.#newest = id;
    return ++this.#seq;
  }

  /** Returns the `seq` for a frame that comes late. */
  nextLate(): number {
    return --this.#late;
  }

  /** The highest id of a late frame from one id on and below another; undefined where there is none. */
  newestLateBetween(from: string, below: string): string | undefined {
    if (!this.hasLate) return undefined;
    return (this.#sql.newestLateId.get(from, below) as { id: string | null }).id ?? undefined;
  }

  row(seq: number): StoredFrame | undefined {
    const read = seq > 0 ? this.#sql.row : this.#sql.lateRow;
    return (read.get(seq) as StoredFrame | null) ?? undefined;
  }

  /**
   * The row of an id. A damaged one is returned where it must be the one: it lies between its neighbours.
   *
   * @throws where that is on a damaged page of the database
   */
  find(id: string): StoredFrame | undefined {
    const late = this.hasLate ? (this.#sql.lateById.get(id) as StoredFrame | null) : null;
    if (late) return late;
    if (id > this.#newest || (id > this.#gap.above && id < this.#gap.below)) return undefined;
    const marked = this.#nearMark(id);
    if (marked) return marked;
    // Between the frames with lower and with higher ids are only damaged rows, or none.
    let damaged: StoredFrame | undefined;
    const from = this.firstFrom(id);
    for (let seq = from; ; ) {
      const { row, error } = this.#readable(seq, END);
      if (!row || isSound(row)) {
        if (row && idInLine(row.line) === id) return row;
        if (error) throw error;
        if (row && seq === from) this.#gap = { above: id, below: idInLine(row.line) };
        return damaged;
      }
      const text = idInLine(row.line);
      if (text === id || !this.#isBetween(text, row.seq)) damaged ??= row;
      seq = row.seq + 1;
    }
  }

  /** The first `seq` whose rows, from it on, have no id below this one. */
  firstFrom(id: string): number {
    if (id > this.#newest) return this.#seq + 1;
    let low = 0;
    let high = this.#seq;
    // The row of `high`, and each after it, has no lower id; what is before `low` has.
    while (low < high) {
      const middle = low + Math.floor((high - low) / 2);
      const row = this.#soundFrom(middle, high);
      if (row && idInLine(row.line) < id) low = row.seq + 1;
      else high = middle;
    }
    return high;
  }

  /** The `seq` after which a read goes on that has everything up to an id: of its row, or of the last with a lower id. */
  lastUpTo(id: string): number {
    if (id > this.#newest) return this.#seq;
    const from = this.firstFrom(id);
    return this.#seqOf(id, from) ?? from - 1;
  }

  /** The `seq` before which a descending read goes on that has everything down to an id. */
  firstNotBelow(id: string): number {
    if (id > this.#newest) return this.#seq + 1;
    const from = this.firstFrom(id);
    const found = this.#seqOf(id, from);
    if (found !== undefined) return found;
    // Damaged rows before the next sound one are told of, not passed by.
    return this.#soundFrom(from, END)?.seq ?? this.#seq + 1;
  }

  /**
   * The `seq` of the row with an id, sound or damaged; of the end of a damaged page, if the id can be only there.
   *
   * @param from where `firstFrom` says that the search begins
   */
  #seqOf(id: string, from: number): number | undefined {
    for (let seq = from; ; ) {
      const { row, error } = this.#readable(seq, END);
      if (row && idInLine(row.line) === id) return row.seq;
      if (error) return row ? row.seq - 1 : undefined;
      if (!row || isSound(row)) return undefined;
      if (this.nameOf(row) === id) return row.seq;
      seq = row.seq + 1;
    }
  }

  /** The id of the last row up to a `seq`; "" where there is none. */
  idUpTo(seq: number): string {
    if (seq >= this.#seq) return this.#newest;
    const row = this.#soundBefore(seq + 1);
    return row ? idInLine(row.line) : "";
  }

  /** The id under which a damaged row is found. */
  nameOf(row: FrameRow): string {
    const id = idInLine(row.line);
    if (row.seq < 0 || (isId(id) && this.#isBetween(id, row.seq))) return id;
    const before = this.#soundBefore(row.seq);
    return before ? successor(idInLine(before.line)) : id;
  }

  /** The sound row of an id, found by the mark before it. Where it is damaged, or a mark is, that says nothing. */
  #nearMark(id: string): StoredFrame | undefined {
    try {
      const row = this.#sql.nearMark.get(id) as StoredFrame | null;
      return row && isSound(row) ? row : undefined;
    } catch (error) {
      if (isCorrupt(error)) return undefined;
      throw error;
    }
  }

  /** Whether a row that is damaged elsewhere may have this id. */
  #isBetween(id: string, seq: number): boolean {
    const before = this.#soundBefore(seq);
    const after = this.#soundFrom(seq + 1, END);
    return (!before || id > idInLine(before.line)) && (!after || id < idInLine(after.line));
  }

  #soundFrom(seq: number, end: number): StoredFrame | undefined {
    for (let from = seq; ; ) {
      const { row } = this.#readable(from, end);
      if (!row || isSound(row)) return row;
      from = row.seq + 1;
    }
  }

  /** The first row from a `seq` on, and before another, that is on no damaged page; and the error of one before it. */
  #readable(seq: number, end: number): { row?: StoredFrame; error?: unknown } {
    let damage: { error?: unknown } = {};
    for (let from = seq; from < end; from++) {
      try {
        const row = this.#sql.next.get(from) as StoredFrame | null;
        return row && row.seq < end ? { row, ...damage } : damage;
      } catch (error) {
        if (!isCorrupt(error) || from - seq > MAX_ROWS_A_PAGE) throw error;
        damage = { error };
      }
    }
    return damage;
  }

  #soundBefore(seq: number): StoredFrame | undefined {
    for (let [to, tries] = [seq, 0]; ; ) {
      try {
        const row = this.#sql.previous.get(to) as StoredFrame | null;
        if (!row || isSound(row)) return row ?? undefined;
        to = row.seq;
      } catch (error) {
        if (!isCorrupt(error) || ++tries > MAX_ROWS_A_PAGE) throw error;
        to--;
      }
    }
  }

  #idOf(row: FrameRow): string {
    return isSound(row) ? idInLine(row.line) : this.nameOf(row);
  }
}

function statements(db: Database) {
  const columns = "seq, topic, expires, crc, line";
  return {
    newest: db.query(`SELECT ${columns} FROM frames ORDER BY seq DESC LIMIT 1`),
    newestLate: db.query("SELECT min(seq) AS seq FROM late"),
    row: db.query(`SELECT ${columns} FROM frames WHERE seq = ?`),
    lateRow: db.query(`SELECT ${columns} FROM late WHERE seq = ?`),
    newestLateId: db.query("SELECT max(id) AS id FROM late WHERE id >= ? AND id < ?"),
    lateById: db.query(`SELECT ${columns} FROM late WHERE id = ?`),
    nearMark: db.query(
      `SELECT ${columns} FROM (
          SELECT coalesce(
            (SELECT seq FROM id_marks WHERE id <= ?1 ORDER BY id DESC LIMIT 1), 0
          ) AS mark
        ) CROSS JOIN frames ON seq >= mark AND seq < mark + ${2 * MARK_EVERY}
        WHERE substr(line, instr(line, '","id":"') + 8, 25) = ?1 LIMIT 1`,
    ),
    next: db.query(`SELECT ${columns} FROM frames WHERE seq >= ? ORDER BY seq LIMIT 1`),
    previous: db.query(`SELECT ${columns} FROM frames WHERE seq < ? ORDER BY seq DESC LIMIT 1`),
  };
}
