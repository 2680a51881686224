import type { Database } from "bun:sqlite";
import { idInLine } from "../../../core/frame.ts";
import { topicInLine } from "../../../core/index-keys.ts";
import { TopicFilter } from "../../../core/pattern.ts";
import { isSound } from "./frame-row.ts";
import type { FrameSearch } from "./frame-search.ts";
import type { Topics } from "./topics.ts";

/** The most names that a page looks at, and the most topics that it returns. */
const MAX_SCANNED = 2000;
const MAX_TOPICS = 200;
/** So many topics are asked for their ends at once: two lines of each are in memory then. */
const AT_ONCE = 50;

/** A text above every topic. */
const HIGHEST = "~";

/** A topic, how many frames it has, and the ids of the oldest and the newest. */
export interface ListedTopic {
  readonly topic: string;
  readonly frames: number;
  readonly first: string;
  readonly last: string;
}

/** Topics in the order of their names. */
export interface TopicPage {
  readonly topics: readonly ListedTopic[];
  /** The name after which the next page begins; undefined where this is the last one. */
  readonly next: string | undefined;
}

/** What the list of topics uses. */
export interface TopicListParts {
  readonly search: FrameSearch;
  readonly topics: Topics;
  /** The time that decides what has expired, in ms. */
  now(): number;
}

interface TopicRow {
  readonly topic: number;
  readonly name: string;
  readonly frames: number;
}

/** The rows at the ends of a topic, each as one text: `seq`, `crc` and line. SQLite finds them faster so. */
interface EndsRow {
  readonly topic: number;
  readonly first: string | null;
  readonly last: string | null;
}

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
    for (const [topic, expired] of this.#expired()) {
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
    const { from, below } = rangeOf(patterns);
    const filter = new TopicFilter(patterns);
    // A space is below all that a name may go on with.
    const start = after === "" ? from : `${after} `;
    const rows = this.#sql.names.all(start, below, MAX_SCANNED) as TopicRow[];
    const found: TopicRow[] = [];
    let next = rows.length === MAX_SCANNED ? rows.at(-1)?.name : undefined;
    for (const row of rows) {
      if (!filter.takes(row.name)) continue;
      if (found.length === MAX_TOPICS) {
        next = found.at(-1)?.name;
        break;
      }
      found.push(row);
    }
    return { topics: found.length > 0 ? this.#listed(found) : [], next };
  }

  #listed(rows: readonly TopicRow[]): ListedTopic[] {
    const expired = this.#expired();
    const listed: ListedTopic[] = [];
    for (let at = 0; at < rows.length; at += AT_ONCE) {
      const some = rows.slice(at, at + AT_ONCE);
      const ends = this.#endsOf(some.map(({ topic }) => topic));
      for (const { topic, name, frames } of some) {
        const count = frames + this.#parts.topics.newer(topic) - (expired.get(topic) ?? 0);
        const { first, last } = ends(topic);
        if (!first || !last || count <= 0) continue;
        // The name has no checksum, and the line has one.
        const sound = first.isDamaged ? last : first;
        listed.push({
          topic: sound.isDamaged ? name : sound.topic,
          frames: count,
          first: first.id,
          last: last.id,
        });
      }
    }
    return listed;
  }

  /** Finds the oldest and the newest frame of each topic. */
  #endsOf(topics: readonly number[]) {
    const { search, now } = this.#parts;
    const time = now();
    const rows = this.#sql.ends.all(JSON.stringify(topics), time) as EndsRow[];
    const ends = new Map(rows.map((row) => [row.topic, row]));
    return (topic: number): { first: End | undefined; last: End | undefined } => {
      const row = ends.get(topic);
      const [first, last] = [this.#end(row?.first), this.#end(row?.last)];
      if (!search.hasLate) return { first, last };
      const late = this.#sql.lateEnds.get(topic, time) as EndsRow;
      const [lateFirst, lateLast] = [this.#end(late.first), this.#end(late.last)];
      return {
        first: lateFirst && first && lateFirst.id > first.id ? first : (lateFirst ?? first),
        last: lateLast && last && lateLast.id < last.id ? last : (lateLast ?? last),
      };
    };
  }

  /** The frame of a row; a damaged one has the id under which it is found. */
  #end(text: string | null | undefined): End | undefined {
    if (typeof text !== "string") return undefined;
    const behindSeq = text.indexOf(" ");
    const behindCrc = text.indexOf(" ", behindSeq + 1);
    const row = {
      seq: Number(text.slice(0, behindSeq)),
      crc: Number(text.slice(behindSeq, behindCrc)),
      line: text.slice(behindCrc + 1),
    };
    const isDamaged = !isSound(row);
    const id = isDamaged ? this.#parts.search.nameOf(row) : idInLine(row.line);
    return { id, topic: topicInLine(row.line), isDamaged };
  }

  /** How many frames of each topic have expired and still have rows: those of a second, where a server runs. */
  #expired(): Map<number, number> {
    const counts = new Map<number, number>();
    const now = this.#parts.now();
    const late = this.#parts.search.hasLate ? this.#sql.expiredLate.all(now) : [];
    const rows = [...this.#sql.expired.all(now), ...late] as { topic: number; frames: number }[];
    for (const { topic, frames } of rows) counts.set(topic, (counts.get(topic) ?? 0) + frames);
    return counts;
  }
}

/** The oldest or the newest frame of a topic. */
interface End {
  readonly id: string;
  readonly topic: string;
  readonly isDamaged: boolean;
}

/** The names among which are all that patterns select: by what is before the first `*` of each. */
function rangeOf(patterns: readonly string[] | undefined): { from: string; below: string } {
  const taken = (patterns ?? ["*"]).filter((pattern) => !pattern.startsWith("!"));
  const starts = taken.map((pattern) => pattern.split("*")[0] ?? "").sort();
  return { from: starts[0] ?? "", below: `${starts.at(-1) ?? ""}${HIGHEST}` };
}

function statements(db: Database) {
  const visible = (table: string) => `(${table}.expires IS NULL OR ${table}.expires > ?2)`;
  const row = (table: string) => `${table}.seq || ' ' || ${table}.crc || ' ' || ${table}.line`;
  const expired = (table: string) =>
    `SELECT topic, count(*) AS frames FROM ${table} WHERE expires <= ? GROUP BY topic`;
  // A damaged row of the index must not show a frame as one of another topic.
  const end = (order: "ASC" | "DESC") =>
    `(SELECT ${row("frames")} FROM by_topic
      CROSS JOIN frames ON frames.seq = by_topic.seq AND frames.topic = by_topic.topic
      WHERE by_topic.topic = wanted.value AND ${visible("frames")}
      ORDER BY by_topic.seq ${order} LIMIT 1)`;
  const lateEnd = (order: "ASC" | "DESC") =>
    `(SELECT ${row("late")} FROM late
      WHERE topic = ?1 AND ${visible("late")} ORDER BY id ${order} LIMIT 1)`;
  return {
    names: db.query(
      "SELECT topic, name, frames FROM topics WHERE name >= ? AND name < ? ORDER BY name LIMIT ?",
    ),
    ends: db.query(
      `SELECT wanted.value AS topic, ${end("ASC")} AS first, ${end("DESC")} AS last
        FROM json_each(?1) AS wanted`,
    ),
    lateEnds: db.query(
      `SELECT ?1 AS topic, ${lateEnd("ASC")} AS first, ${lateEnd("DESC")} AS last`,
    ),
    expired: db.query(expired("frames")),
    expiredLate: db.query(expired("late")),
  };
}
