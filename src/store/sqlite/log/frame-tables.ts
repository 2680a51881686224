import type { Database } from "bun:sqlite";
import { idInLine } from "../../../core/frame.ts";
import { successor } from "../../../core/id.ts";
import { firstChunkOf, LINKS } from "../../../core/links.ts";
import type { FrameEffect, RemovalEffect } from "../commit/record.ts";
import { crcOf, type FrameRow, isSound } from "./frame-row.ts";
import { RowInserts, type Value } from "./row-inserts.ts";
import type { Topics } from "./topics.ts";

/** A bound above every `seq`. */
export const END = Number.MAX_SAFE_INTEGER;

const NO_FRAME = { seq: 0, id: "0".repeat(25) };
/** A row of `frames` in so many has its id in `id_marks`. */
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
 * The tables `frames`, `late`, `by_topic` and `links`: puts frames in and takes them out, and finds them by id. Call
 * what writes inside a commit. docs/adr/0009-one-schema.md says why there is no index of ids.
 */
export class FrameTables {
  readonly #sql: ReturnType<typeof statements>;
  readonly #topics: Topics;
  /** The newest row of `frames`, and its id. */
  #seq = 0;
  #newest = "";
  /** A row before which there is none. */
  #oldest = NO_FRAME;
  #late = 0;
  /** Ids between which `frames` has no row: an import looks for many that are there. */
  #gap = NO_GAP;
  /** The rows that wait for {@link flush}: those of `by_topic` by their topic. */
  #frames: Value[] = [];
  #links: Value[] = [];
  #marks: Value[] = [];
  readonly #byTopic = new Map<number, number[]>();

  constructor(db: Database, topics: Topics) {
    this.#sql = statements(db);
    this.#topics = topics;
    this.reload();
  }

  /** Takes up what the tables have, at the start and after a commit that failed. */
  reload(): void {
    this.#topics.reload();
    this.#frames = [];
    this.#links = [];
    this.#marks = [];
    this.#byTopic.clear();
    this.#gap = NO_GAP;
    const row = this.#sql.newest.get() as FrameRow | null;
    this.#seq = row?.seq ?? 0;
    this.#newest = row ? this.#idOf(row) : "";
    const oldest = this.#soundFrom(0, END);
    this.#oldest = oldest ? { seq: oldest.seq, id: idInLine(oldest.line) } : NO_FRAME;
    this.#late = (this.#sql.newestLate.get() as { seq: number | null }).seq ?? 0;
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

  insert(frame: FrameEffect): void {
    const { id, line, expires, last, position } = frame;
    const topic = this.#topics.number(frame.topic);
    let seq: number;
    if (position === undefined) {
      seq = ++this.#seq;
      this.#newest = id;
      this.#frames.push(seq, topic, frame.ms, expires, crcOf(line, seq), line);
      if (seq % MARK_EVERY === 0) this.#marks.push(id, seq);
      this.#noteTopic(topic, seq);
      if (last !== undefined) this.#noteTopic(-topic, seq);
    } else {
      seq = --this.#late;
      const crc = crcOf(line, seq);
      this.#sql.insertLate.run(seq, topic, frame.ms, expires, crc, line, id, position);
    }
    const first = firstChunkOf(line);
    if (first !== undefined) this.#links.push(first, LINKS.chunk, seq);
    this.#topics.added(topic, seq);
  }

  /** Writes what {@link insert} has put off: many rows at once, and sorted by topic, cost less. */
  flush(): void {
    if (this.#frames.length > 0) {
      this.#sql.frames.insert(this.#frames);
      this.#frames = [];
      this.#sql.byTopic.insert(this.#takeByTopic());
      this.#sql.marks.insert(this.#marks);
      this.#marks = [];
    }
    if (this.#links.length > 0) {
      this.#sql.links.insert(this.#links);
      this.#links = [];
    }
    this.#topics.flush(this.#seq);
  }

  #takeByTopic(): Value[] {
    const topics = [...this.#byTopic.keys()];
    if (topics.length > 1) topics.sort((one, other) => one - other);
    const rows: Value[] = [];
    for (const topic of topics) {
      for (const seq of this.#byTopic.get(topic) as number[]) rows.push(topic, seq);
    }
    this.#byTopic.clear();
    return rows;
  }

  /** Removes a frame and returns its row; undefined where there is none. */
  remove({ id, seq }: Pick<RemovalEffect, "id" | "seq">): StoredFrame | undefined {
    const row = seq === undefined ? this.find(id) : this.row(seq);
    if (!row) return undefined;
    if (row.seq > 0) {
      this.#sql.delete.run(row.seq);
      this.#sql.deleteByTopic.run(row.topic, row.seq);
      this.#sql.deleteByTopic.run(-row.topic, row.seq);
      if (row.seq % MARK_EVERY === 0) this.#sql.deleteMark.run(id, row.seq);
    } else {
      this.#sql.deleteLate.run(row.seq);
    }
    if (!isSound(row)) {
      // It does not tell any more which frame it names.
      this.#sql.deleteLinks.run(row.seq);
    } else {
      const first = firstChunkOf(row.line);
      if (first !== undefined) this.#sql.deleteLink.run(first, LINKS.chunk, row.seq);
    }
    this.#topics.removed(row.topic, row.seq);
    return row;
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

  /**
   * The first `seq` whose rows, from it on, have no id below this one. As the rows of `frames` are in the order of ids,
   * this guesses where one is by the distance of the ids, and halves what is left where a guess was bad. Damaged rows
   * are passed by.
   */
  firstFrom(id: string): number {
    if (id > this.#newest) return this.#seq + 1;
    // Before it there may be damaged ones.
    if (id <= this.#oldest.id) return 0;
    let low = this.#oldest;
    let high = { seq: this.#seq, id: this.#newest };
    // The row of `low` has a lower id, that of `high` does not.
    for (let isGood = true; low.seq + 1 < high.seq; ) {
      const size = high.seq - low.seq;
      const fraction = isGood ? fractionOf(id, low.id, high.id) : 0.5;
      const inside = Math.min(Math.max(Math.round(fraction * size), 1), size - 1);
      const row = this.#soundFrom(low.seq + inside, high.seq);
      const found = row && idInLine(row.line);
      if (found === id) return row?.seq ?? high.seq;
      if (row && found !== undefined && found < id) low = { seq: row.seq, id: found };
      else high = { seq: low.seq + inside, id: found ?? high.id };
      isGood = !isGood || high.seq - low.seq < size / 2;
    }
    return high.seq;
  }

  /** The last `seq` whose rows, up to it, have no id above this one; damaged rows as far as their text says so. */
  lastUpTo(id: string): number {
    if (id > this.#newest) return this.#seq;
    for (let last = this.firstFrom(id) - 1; ; ) {
      const { row, error } = this.#readable(last + 1, END);
      if (!row || idInLine(row.line) > id) return row && error ? row.seq - 1 : last;
      last = row.seq;
    }
  }

  /** The first `seq` whose rows, from it on, have no id below this one; damaged rows as far as their text says so. */
  firstNotBelow(id: string): number {
    if (id > this.#newest) return this.#seq + 1;
    for (let first = this.firstFrom(id); ; ) {
      const { row } = this.#readable(first, END);
      if (!row || isSound(row) || idInLine(row.line) >= id) return row?.seq ?? first;
      first = row.seq + 1;
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
    if (row.seq < 0 || this.#isBetween(id, row.seq)) return id;
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

  #noteTopic(topic: number, seq: number): void {
    const rows = this.#byTopic.get(topic);
    if (rows) rows.push(seq);
    else this.#byTopic.set(topic, [seq]);
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

/** Where an id lies between two others, from 0 to 1. */
function fractionOf(id: string, low: string, high: string): number {
  let same = 0;
  while (same < 15 && low[same] === high[same]) same++;
  // Ten digits are still an exact number.
  const [at, from, to] = [id, low, high].map((text) =>
    Number.parseInt(text.slice(same, same + 10), 36),
  ) as [number, number, number];
  return (at - from) / (to - from);
}

/** Whether SQLite found a damaged page. */
function isCorrupt(error: unknown): boolean {
  return ((error as { code?: string }).code ?? "").startsWith("SQLITE_CORRUPT");
}

function statements(db: Database) {
  const columns = "seq, topic, expires, crc, line";
  return {
    newest: db.query(`SELECT ${columns} FROM frames ORDER BY seq DESC LIMIT 1`),
    newestLate: db.query("SELECT min(seq) AS seq FROM late"),
    frames: new RowInserts(db, "INSERT INTO frames (seq, topic, ms, expires, crc, line)", 6),
    insertLate: db.query(
      "INSERT INTO late (seq, topic, ms, expires, crc, line, id, position) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
    ),
    byTopic: new RowInserts(db, "INSERT INTO by_topic (topic, seq)", 2),
    marks: new RowInserts(db, "INSERT OR REPLACE INTO id_marks (id, seq)", 2),
    links: new RowInserts(db, "INSERT OR IGNORE INTO links (id, kind, seq)", 3),
    delete: db.query("DELETE FROM frames WHERE seq = ?"),
    deleteLate: db.query("DELETE FROM late WHERE seq = ?"),
    deleteByTopic: db.query("DELETE FROM by_topic WHERE topic = ? AND seq = ?"),
    deleteMark: db.query("DELETE FROM id_marks WHERE id = ? AND seq = ?"),
    deleteLink: db.query("DELETE FROM links WHERE id = ? AND kind = ? AND seq = ?"),
    deleteLinks: db.query("DELETE FROM links WHERE seq = ?"),
    row: db.query(`SELECT ${columns} FROM frames WHERE seq = ?`),
    lateRow: db.query(`SELECT ${columns} FROM late WHERE seq = ?`),
    nearMark: db.query(
      `SELECT ${columns} FROM (
          SELECT coalesce(
            (SELECT seq FROM id_marks WHERE id <= ?1 ORDER BY id DESC LIMIT 1), 0
          ) AS mark
        ) CROSS JOIN frames ON seq >= mark AND seq < mark + ${2 * MARK_EVERY}
        WHERE substr(line, instr(line, '","id":"') + 8, 25) = ?1 LIMIT 1`,
    ),
    lateById: db.query(`SELECT ${columns} FROM late WHERE id = ?`),
    next: db.query(`SELECT ${columns} FROM frames WHERE seq >= ? ORDER BY seq LIMIT 1`),
    previous: db.query(`SELECT ${columns} FROM frames WHERE seq < ? ORDER BY seq DESC LIMIT 1`),
  };
}
