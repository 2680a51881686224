import type { Database } from "bun:sqlite";
import { firstChunkOf, LINKS, linksIn } from "../../../core/links.ts";
import type { FrameEffect, RemovalEffect } from "../commit/record.ts";
import type { Facts } from "../facts.ts";
import type { ExpiredCounts } from "./expired-counts.ts";
import { crcOf, isSound } from "./frame-row.ts";
import { type FrameSearch, MARK_EVERY, type StoredFrame } from "./frame-search.ts";
import { RowInserts, type Value } from "./row-inserts.ts";
import type { Topics } from "./topics.ts";

/** Puts frames into the tables, and takes them out: `frames` or `late`, `by_topic`, `id_marks`, `links`. */
export class FrameTables {
  readonly #sql: ReturnType<typeof statements>;
  /** How many frames were removed since the store was opened. */
  removals = 0;
  readonly #search: FrameSearch;
  readonly #expired: ExpiredCounts;
  readonly #topics: Topics;
  readonly #facts: Facts;
  /** The rows that wait for {@link flush}: those of `by_topic` by their topic. */
  #frames: Value[] = [];
  #links: Value[] = [];
  #marks: Value[] = [];
  readonly #byTopic = new Map<number, number[]>();

  constructor(
    db: Database,
    search: FrameSearch,
    topics: Topics,
    facts: Facts,
    expired: ExpiredCounts,
  ) {
    this.#sql = statements(db);
    this.#search = search;
    this.#topics = topics;
    this.#facts = facts;
    this.#expired = expired;
  }

  /** Takes up what the tables have after a commit that failed. */
  reload(): void {
    this.#frames = [];
    this.#links = [];
    this.#marks = [];
    this.#byTopic.clear();
    this.#search.reload();
    this.#topics.reload();
    this.#expired.reset();
  }

  insert(frame: FrameEffect): void {
    const { id, line, expires, last, position } = frame;
    const topic = this.#topics.number(frame.topic);
    let seq: number;
    if (position === undefined) {
      seq = this.#search.next(id);
      this.#frames.push(seq, topic, frame.ms, expires, crcOf(line, seq), line);
      if (seq % MARK_EVERY === 0) this.#marks.push(id, seq);
      this.#noteTopic(topic, seq);
      if (last !== undefined) this.#noteTopic(-topic, seq);
    } else {
      seq = this.#search.nextLate();
      const crc = crcOf(line, seq);
      this.#sql.insertLate.run(seq, topic, frame.ms, expires, crc, line, id, position);
    }
    const first = firstChunkOf(line);
    if (first !== undefined) this.#links.push(first, LINKS.chunk, seq);
    this.#topics.added(topic, seq);
    this.#expired.added(topic, expires);
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
    this.#topics.flush(this.#search.ends.seq);
  }

  /** Removes a frame and returns its row; undefined where there is none. */
  remove({ id, seq }: Pick<RemovalEffect, "id" | "seq">): StoredFrame | undefined {
    const row = seq === undefined ? this.#search.find(id) : this.#search.row(seq);
    if (!row) return undefined;
    this.removals++;
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
      this.#removeLinks(row);
    }
    this.#topics.removed(row.topic, row.seq);
    this.#expired.removed(row.topic, row.expires);
    return row;
  }

  #removeLinks({ line, seq }: StoredFrame): void {
    const links = linksIn(line);
    // Those of other members are there only where somebody has asked.
    const isLinked = links.some(({ name }) => name !== "chunk") && this.#facts.linked !== undefined;
    for (const { name, id } of links) {
      if (isLinked || name === "chunk") this.#sql.deleteLink.run(id, LINKS[name], seq);
    }
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

  #noteTopic(topic: number, seq: number): void {
    const rows = this.#byTopic.get(topic);
    if (rows) rows.push(seq);
    else this.#byTopic.set(topic, [seq]);
  }
}

function statements(db: Database) {
  return {
    frames: new RowInserts(db, "INSERT INTO frames (seq, topic, ms, expires, crc, line)"),
    insertLate: db.query(
      "INSERT INTO late (seq, topic, ms, expires, crc, line, id, position) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
    ),
    byTopic: new RowInserts(db, "INSERT INTO by_topic (topic, seq)"),
    marks: new RowInserts(db, "INSERT OR REPLACE INTO id_marks (id, seq)"),
    links: new RowInserts(db, "INSERT OR IGNORE INTO links (id, kind, seq)"),
    delete: db.query("DELETE FROM frames WHERE seq = ?"),
    deleteLate: db.query("DELETE FROM late WHERE seq = ?"),
    deleteByTopic: db.query("DELETE FROM by_topic WHERE topic = ? AND seq = ?"),
    deleteMark: db.query("DELETE FROM id_marks WHERE id = ? AND seq = ?"),
    deleteLink: db.query("DELETE FROM links WHERE id = ? AND kind = ? AND seq = ?"),
    deleteLinks: db.query("DELETE FROM links WHERE seq = ?"),
  };
}
