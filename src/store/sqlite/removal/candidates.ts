import type { Database, SQLQueryBindings } from "bun:sqlite";
import { type TakenTopics, takerOf } from "../../../core/taken-topics.ts";
import type { FrameRow } from "../log/frame-row.ts";
import { END, type FrameSearch } from "../log/frame-search.ts";
import type { NameCondition } from "../log/name-condition.ts";
import { afterRow, type LogPart, type TopicRows } from "../log/topic-rows.ts";
import { namesTaken } from "./taken-names.ts";

/** The most rows in one batch: a commit that removes them takes some milliseconds. */
export const BATCH_ROWS = 100;
/** The rows of the log at which one batch looks, at most. */
const WINDOW_ROWS = 5000;
/** The topics at which one batch looks, at most. */
const WINDOW_TOPICS = 500;
/** How many rows of the log could be read in the time that it takes to look for the rows of one topic. */
const ROWS_A_TOPIC = 8;
/** More topics are many: to count them takes long. */
const MAX_FEW_TOPICS = 100_000;

/** A row with the topic that its table names. */
interface NamedRow extends FrameRow {
  readonly name: string;
}

/** The parts of a store that a search for candidates reads. */
export interface CandidatesParts {
  readonly db: Database;
  readonly search: FrameSearch;
  readonly rows: TopicRows;
}

/** Finds the frames of some topics in a part of the log, in batches that each take little time. */
export class Candidates {
  readonly #parts: CandidatesParts;
  /** Some topics that are not taken meet it, so every name is compared again. */
  readonly #names: NameCondition;
  readonly #takes: (topic: string) => boolean;

  constructor(parts: CandidatesParts, taken: TakenTopics) {
    this.#parts = parts;
    this.#names = namesTaken(taken);
    this.#takes = takerOf(taken);
  }

  /** Yields the rows, each once; a batch may be empty. Those that are removed between two batches are no harm. */
  *in(part: LogPart): Generator<readonly FrameRow[], void> {
    const rows = Math.max(0, part.end - part.after) - this.#parts.search.ends.late;
    if (this.#areFewTopics(rows)) {
      yield* this.#byTopic(part);
    } else {
      yield* this.#byLog(part);
      yield* this.#late(part);
    }
  }

  /** Yields the names of the topics that have frames in a part of the log, some of them more than once. */
  *topicsIn(
    { after, end, lateEnd }: LogPart,
    lateAbove: number,
  ): Generator<readonly string[], void> {
    if (this.#areFewTopics(end - after + lateAbove - lateEnd)) {
      for (const page of this.#topics()) yield page.map(({ name }) => name);
      return;
    }
    for (const [table, from, to] of [
      ["frames", after + 1, end],
      ["late", lateEnd, lateAbove - 1],
    ] as const) {
      for (let first = from; first <= to; first += WINDOW_ROWS) {
        const found = this.#all<{ name: string }>(
          `SELECT DISTINCT name FROM ${table} CROSS JOIN topics ON topics.topic = ${table}.topic
            WHERE ${table}.seq >= ? AND ${table}.seq <= ? AND ${this.#names.sql}`,
          [first, Math.min(to, first + WINDOW_ROWS - 1), ...this.#names.values],
        );
        yield found.map(({ name }) => name).filter(this.#takes);
      }
    }
  }

  *#byTopic(part: LogPart): Generator<readonly FrameRow[], void> {
    let batch: FrameRow[] = [];
    let looked = 0;
    for (const page of this.#topics()) {
      // A spawn goes before its answers, which then name what is not there.
      page.sort((one, other) => Number(isSpawn(other.name)) - Number(isSpawn(one.name)));
      for (const { topic } of page) {
        for (let rest = part; ; ) {
          const wanted = BATCH_ROWS - batch.length;
          const rows = this.#parts.rows.oldest(topic, wanted, rest);
          batch.push(...rows);
          for (const row of rows) rest = afterRow(rest, row);
          if (batch.length < BATCH_ROWS && ++looked < WINDOW_TOPICS) break;
          yield batch;
          batch = [];
          looked = 0;
          if (rows.length < wanted) break;
        }
      }
    }
    yield batch;
  }

  *#byLog({ after, end }: LogPart): Generator<readonly FrameRow[], void> {
    for (let from = this.#beforeRow(after); from < end; from = this.#beforeRow(from)) {
      const to = Math.min(end, from + WINDOW_ROWS);
      const rows = this.#all<NamedRow>(
        `SELECT seq, crc, line, name FROM frames CROSS JOIN topics ON topics.topic = frames.topic
          WHERE seq > ? AND seq <= ? AND ${this.#names.sql} ORDER BY seq LIMIT ${BATCH_ROWS}`,
        [from, to, ...this.#names.values],
      );
      from = rows.length < BATCH_ROWS ? to : (rows.at(-1)?.seq ?? to);
      yield rows.filter(({ name }) => this.#takes(name));
    }
  }

  /** The place right before the first row after a `seq`: what was removed leaves gaps. */
  #beforeRow(seq: number): number {
    const [row] = this.#all<{ seq: number }>(
      "SELECT seq FROM frames WHERE seq > ? ORDER BY seq LIMIT 1",
      [seq],
    );
    return row ? row.seq - 1 : END;
  }

  *#late({ lateAfter, lateBelow, lateEnd }: LogPart): Generator<readonly FrameRow[], void> {
    if (!this.#parts.search.hasLate) return;
    for (let from = lateAfter; ; ) {
      // By its id, as all rows of a window may be of other topics.
      const window = this.#all<{ id: string }>(
        "SELECT id FROM late WHERE id > ? AND id < ? ORDER BY id LIMIT 1 OFFSET ?",
        [from, lateBelow, WINDOW_ROWS - 1],
      );
      const to = window[0]?.id ?? lateBelow;
      for (let above = from; ; ) {
        const rows = this.#all<NamedRow & { id: string }>(
          `SELECT seq, id, crc, line, name FROM late CROSS JOIN topics ON topics.topic = late.topic
            WHERE id > ? AND id <= ? AND id < ? AND seq >= ? AND ${this.#names.sql}
            ORDER BY id LIMIT ${BATCH_ROWS}`,
          [above, to, lateBelow, lateEnd, ...this.#names.values],
        );
        yield rows.filter(({ name }) => this.#takes(name));
        if (rows.length < BATCH_ROWS) break;
        above = rows.at(-1)?.id ?? to;
      }
      if (window.length === 0) return;
      from = to;
    }
  }

  *#topics(): Generator<{ topic: number; name: string }[], void> {
    for (let name = ""; ; ) {
      const page = this.#all<{ topic: number; name: string }>(
        `SELECT topic, name FROM topics WHERE name > ? AND ${this.#names.sql}
          ORDER BY name LIMIT ${WINDOW_TOPICS}`,
        [name, ...this.#names.values],
      );
      name = page.at(-1)?.name ?? name;
      yield page.filter((each) => this.#takes(each.name));
      if (page.length < WINDOW_TOPICS) return;
    }
  }

  /** Whether to look for each topic costs less than to read a number of rows of the log. */
  #areFewTopics(rows: number): boolean {
    const most = Math.min(MAX_FEW_TOPICS, Math.ceil(rows / ROWS_A_TOPIC));
    const found = this.#all(`SELECT 1 FROM topics WHERE ${this.#names.sql} LIMIT 1 OFFSET ?`, [
      ...this.#names.values,
      most,
    ]);
    return found.length === 0;
  }

  #all<Row>(sql: string, values: readonly SQLQueryBindings[]): Row[] {
    return this.#parts.db.query(sql).all(...values) as Row[];
  }
}

function isSpawn(topic: string): boolean {
  return topic.endsWith(".spawn");
}
