import type { Database } from "bun:sqlite";
import { idInLine } from "../../../core/frame.ts";
import type { FrameRow } from "./frame-row.ts";
import { END, type FrameSearch } from "./frame-search.ts";

/** A part of the log: rows of `frames`, and late frames. */
export interface LogPart {
  /** The `seq` of rows of `frames`: after the one, up to the other. */
  readonly after: number;
  readonly end: number;
  /** The ids of late frames: after the one, below the other. */
  readonly lateAfter: string;
  readonly lateBelow: string;
  /** The lowest `seq` of a late frame: those that come later have a lower one. */
  readonly lateEnd: number;
}

/** All of the log. */
export const WHOLE_LOG: LogPart = {
  after: 0,
  end: END,
  lateAfter: "",
  lateBelow: "~",
  lateEnd: -END,
};

/** The part of the log that follows a row of one topic. */
export function afterRow(part: LogPart, { seq, line }: FrameRow): LogPart {
  return seq > 0 ? { ...part, after: seq } : { ...part, lateAfter: idInLine(line) };
}

/** Reads the rows of one topic. */
export class TopicRows {
  readonly #search: FrameSearch;
  readonly #sql: ReturnType<typeof statements>;

  constructor(db: Database, search: FrameSearch) {
    this.#search = search;
    this.#sql = statements(db);
  }

  /** The oldest frames of a topic in a part of the log, late ones included, by their ids. */
  oldest(topic: number, count: number, part = WHOLE_LOG): FrameRow[] {
    const { after, end, lateAfter, lateBelow, lateEnd } = part;
    const rows = this.#sql.ofTopic.all(topic, after, end, count) as FrameRow[];
    if (!this.#search.hasLate) return rows;
    const late = this.#sql.ofTopicLate.all(topic, lateAfter, lateBelow, lateEnd, count);
    return byId([...rows, ...(late as FrameRow[])]).slice(0, count);
  }
}

function byId(rows: FrameRow[]): FrameRow[] {
  return rows.sort((one, other) => (idInLine(one.line) < idInLine(other.line) ? -1 : 1));
}

function statements(db: Database) {
  return {
    ofTopic: db.query(
      `SELECT frames.seq AS seq, crc, line FROM by_topic
        CROSS JOIN frames ON frames.seq = by_topic.seq
        WHERE by_topic.topic = ? AND by_topic.seq > ? AND by_topic.seq <= ?
        ORDER BY by_topic.seq LIMIT ?`,
    ),
    ofTopicLate: db.query(
      `SELECT seq, crc, line FROM late
        WHERE topic = ? AND id > ? AND id < ? AND seq >= ? ORDER BY id LIMIT ?`,
    ),
  };
}
