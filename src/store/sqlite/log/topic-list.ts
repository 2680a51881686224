import type { Database } from "bun:sqlite";
import { idInLine } from "../../../core/frame.ts";
import { topicInLine } from "../../../core/index-keys.ts";
import { TopicFilter } from "../../../core/pattern.ts";
import type { ExpiredCounts } from "./expired-counts.ts";
import { isSound } from "./frame-row.ts";
import type { FrameSearch } from "./frame-search.ts";
import { nameSpan } from "./name-condition.ts";
import type { Topics } from "./topics.ts";

/** The most names that a page looks at, and the most topics that it returns. */
const MAX_SCANNED = 2000;
const MAX_TOPICS = 200;

/** Topics in the order of their names. */
export interface TopicPage {
  /** A line of JSON for each, `{topic, frames, first, last}`: the last two the ids of its oldest and newest frame. */
  readonly lines: readonly string[];
  /** The name after which the next page begins; undefined where this is the last one. */
  readonly next: string | undefined;
}

/** What the list of topics uses. */
export interface TopicListParts {
  readonly search: FrameSearch;
  readonly topics: Topics;
  readonly expired: ExpiredCounts;
  /** The time that decides what has expired, in ms. */
  now(): number;
}

interface TopicRow {
  readonly topic: number;
  readonly name: string;
  readonly frames: number;
}

/** The rows at both ends of a topic. */
interface RowsAtEnds {
  readonly firstSeq: number | null;
  readonly firstCrc: number;
  readonly firstLine: string;
  readonly lastSeq: number | null;
  readonly lastCrc: number;
  readonly lastLine: string;
}

/** A topic with its rows in `frames`, null where it has only late frames. */
interface Ends extends TopicRow, RowsAtEnds {}

/** The topics with their counts and ends, as if the frames that have expired had no rows any more. */
export class TopicList {
  readonly #parts: TopicListParts;
  readonly #sql: ReturnType<typeof statements>;

  constructor(db: Database, parts: TopicListParts) {
    this.#parts = parts;
    this.#sql = statements(db);
  }

  /** How many frames there are, and how many topics have some. */
  totals(): { frames: number; topics: number } {
    const { topics } = this.#parts;
    const totals = { frames: topics.total(), topics: topics.count() };
    for (const [topic, expired] of this.#parts.expired.at(this.#parts.now())) {
      totals.frames -= expired;
      if (topics.frames(topic) <= expired) totals.topics--;
    }
    return totals;
  }

  /**
   * Some topics, with what is committed and not yet durable.
   *
   * @param after the name behind which they are; "" for the first page
   * @param patterns that select them; undefined for all
   */
  page(after: string, patterns: readonly string[] | undefined): TopicPage {
    const [least, greatest] = nameSpan(patterns);
    // A space is below all that a name may go on with.
    const start = after === "" ? least : `${after} `;
    const time = this.#parts.now();
    const expired = this.#parts.expired.at(time);
    if (patterns === undefined) {
      const all = this.#ends("all", start, time, expired.size > 0);
      const next = all.length < MAX_TOPICS ? undefined : all.at(-1)?.name;
      return { lines: this.#linesOf(all, time, expired), next };
    }
    const { topics, next } = this.#selected(start, `${greatest} `, new TopicFilter(patterns));
    const some = this.#ends("some", JSON.stringify(topics), time, expired.size > 0);
    return { lines: this.#linesOf(some, time, expired), next };
  }

  /** Finds the ends of topics. @param wanted where their names begin, or their numbers */
  #ends(which: "all" | "some", wanted: string, time: number, hasExpired: boolean): Ends[] {
    const { quick, careful } = this.#sql[which];
    if (!hasExpired) {
      const rows = quick.all(wanted) as Ends[];
      if (rows.every(({ firstSeq, lastSeq }) => firstSeq !== null && lastSeq !== null)) return rows;
    }
    return careful.all(wanted, time) as Ends[];
  }

  /** The numbers of the next topics that a filter takes. */
  #selected(start: string, below: string, filter: TopicFilter) {
    const names = this.#sql.names.all(start, below, MAX_SCANNED) as Omit<TopicRow, "frames">[];
    const topics: number[] = [];
    let last: string | undefined;
    for (const { topic, name } of names) {
      if (!filter.takes(name)) continue;
      if (topics.length === MAX_TOPICS) return { topics, next: last };
      topics.push(topic);
      last = name;
    }
    return { topics, next: names.length === MAX_SCANNED ? names.at(-1)?.name : undefined };
  }

  #linesOf(rows: readonly Ends[], time: number, expired: ReadonlyMap<number, number>): string[] {
    const { search, topics } = this.#parts;
    const lines: string[] = [];
    const late = search.hasLate ? this.#lateEnds(rows, time) : undefined;
    for (const row of rows) {
      const { topic, name } = row;
      const frames = row.frames + topics.newer(topic) - (expired.get(topic) ?? 0);
      let first = this.#end(row.firstSeq, row.firstCrc, row.firstLine, name);
      let last = this.#end(row.lastSeq, row.lastCrc, row.lastLine, name);
      const lateRow = late?.get(topic);
      if (lateRow) {
        const { firstSeq, firstCrc, firstLine, lastSeq, lastCrc, lastLine } = lateRow;
        first = earlierOf(first, this.#end(firstSeq, firstCrc, firstLine, name));
        last = laterOf(last, this.#end(lastSeq, lastCrc, lastLine, name));
      }
      if (!first || !last || frames <= 0) continue;
      // The name has no checksum, and the line has one.
      const real = JSON.stringify(first.name ?? last.name ?? name);
      lines.push(`{"topic":${real},"frames":${frames},"first":"${first.id}","last":"${last.id}"}`);
    }
    return lines;
  }

  /** The ends of the late frames of some topics, by their numbers: a query for each topic takes ten times as long. */
  #lateEnds(rows: readonly Ends[], time: number): ReadonlyMap<number, RowsAtEnds> {
    const wanted = JSON.stringify(rows.map(({ topic }) => topic));
    const found = this.#sql.late.all(wanted, time) as Pick<Ends, "topic" | keyof RowsAtEnds>[];
    return new Map(found.map((row) => [row.topic, row]));
  }

  /** The frame of a row of a topic; a damaged one has the id under which it is found. */
  #end(seq: number | null, crc: number, line: string, topic: string): End | null {
    if (seq === null) return null;
    // A damaged row may have anything in the place of its line.
    const row = { seq, crc, line: typeof line === "string" ? line : "" };
    if (!isSound(row)) return { id: this.#parts.search.nameOf(row), name: undefined };
    const name = topicInLine(line);
    return { id: idInLine(line), name: name === topic ? undefined : name };
  }
}

/** The oldest or the newest frame of a topic, with the name in its line if that is another one. */
interface End {
  readonly id: string;
  readonly name: string | undefined;
}

function earlierOf(one: End | null, other: End | null): End | null {
  return one && other && one.id > other.id ? other : (one ?? other);
}

function laterOf(one: End | null, other: End | null): End | null {
  return one && other && one.id < other.id ? other : (one ?? other);
}

const ROWS_AT_ENDS = `
  one.seq AS firstSeq, one.crc AS firstCrc, one.line AS firstLine,
  other.seq AS lastSeq, other.crc AS lastCrc, other.line AS lastLine`;

function statements(db: Database) {
  const visible = (table: string) => `(${table}.expires IS NULL OR ${table}.expires > ?2)`;
  const quickEnd = (order: "ASC" | "DESC") =>
    `SELECT seq FROM by_topic WHERE topic = topics.topic ORDER BY seq ${order} LIMIT 1`;
  // It passes over rows that have expired, and over damaged rows of the index.
  const carefulEnd = (order: "ASC" | "DESC") =>
    `SELECT by_topic.seq FROM by_topic
      CROSS JOIN frames AS each ON each.seq = by_topic.seq AND each.topic = by_topic.topic
      WHERE by_topic.topic = topics.topic AND ${visible("each")}
      ORDER BY by_topic.seq ${order} LIMIT 1`;
  // The rows at the ends are joined by their numbers: SQLite takes half the time for that.
  const withEnds = (end: typeof quickEnd, from: string, rest: string) =>
    db.query(
      `SELECT topics.topic AS topic, name, frames, ${ROWS_AT_ENDS}
        FROM ${from}
        LEFT JOIN frames AS one ON one.seq = (${end("ASC")}) AND one.topic = topics.topic
        LEFT JOIN frames AS other ON other.seq = (${end("DESC")}) AND other.topic = topics.topic
        ${rest}`,
    );
  const all = (end: typeof quickEnd) =>
    withEnds(end, "topics", `WHERE name >= ?1 ORDER BY name LIMIT ${MAX_TOPICS}`);
  const some = (end: typeof quickEnd) =>
    withEnds(
      end,
      "json_each(?1) AS wanted CROSS JOIN topics ON topics.topic = wanted.value",
      "ORDER BY name",
    );
  const lateEnd = (order: "ASC" | "DESC") =>
    `SELECT each.seq FROM late AS each
      WHERE each.topic = wanted.value AND ${visible("each")} ORDER BY each.id ${order} LIMIT 1`;
  return {
    all: { quick: all(quickEnd), careful: all(carefulEnd) },
    some: { quick: some(quickEnd), careful: some(carefulEnd) },
    names: db.query(
      "SELECT topic, name FROM topics WHERE name >= ? AND name < ? ORDER BY name LIMIT ?",
    ),
    late: db.query(
      `SELECT wanted.value AS topic, ${ROWS_AT_ENDS}
        FROM json_each(?1) AS wanted
        CROSS JOIN late AS one ON one.seq = (${lateEnd("ASC")})
        CROSS JOIN late AS other ON other.seq = (${lateEnd("DESC")})`,
    ),
  };
}
