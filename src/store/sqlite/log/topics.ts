import type { Database } from "bun:sqlite";
import { hasStarInside, splitList, TopicFilter } from "../../../core/pattern.ts";
import type { Facts } from "../facts.ts";
import { type NameCondition, nameCondition } from "./name-condition.ts";

/** The most names that are kept in memory. */
const MAX_CACHED = 10_000;

/** Frames that the table of topics does not count yet, at most: a store that opens counts them again. */
const MAX_UNCOUNTED = 256;

/** Patterns with a `*` inside that are each looked up by an index. With more, all names are read once. */
const MAX_STARRED = 8;

/** The topics that a filter takes, by their numbers, and how many frames they have, if they are several. */
export interface MatchingTopics {
  readonly topics: readonly number[];
  readonly frames: number;
}

/** What was found for a filter, for as long as it holds. */
interface Known {
  readonly found: MatchingTopics;
  /** The births and ends of topics that there had been. */
  readonly changes: number;
  /** The frames that had been added. */
  readonly added: number;
}

/** Filters whose topics are remembered, and numbers in all of them together. */
const MAX_KNOWN = 16;
const MAX_KNOWN_NUMBERS = 200_000;

/**
 * The numbers of topics, and how many frames each has. A name has a number as long as it has frames. The table counts
 * the frames up to one `seq`; those after it, and no more than some hundreds, are counted in memory: so a commit of one
 * frame need not write a page for its count. Call what writes inside a commit.
 */
export class Topics {
  readonly #facts: Facts;
  readonly #sql: ReturnType<typeof statements>;
  readonly #numbers = new Map<string, number>();
  /** The frames that came after {@link #counted}, by topic. */
  readonly #newer = new Map<number, number>();
  #uncounted = 0;
  #counted = 0;
  #next = 0;
  /** What was found lately, by filter, so that each page of a read need not look at all names. */
  readonly #known = new Map<string, Known>();
  #knownNumbers = 0;
  #changes = 0;
  #added = 0;
  readonly #db: Database;

  constructor(db: Database, facts: Facts) {
    this.#db = db;
    this.#facts = facts;
    this.#sql = statements(db);
  }

  /** Takes up what the tables have; {@link FrameTables} calls it. */
  reload(): void {
    this.#numbers.clear();
    this.#newer.clear();
    this.#uncounted = 0;
    this.#changes++;
    this.#next = (this.#sql.newest.get() as { topic: number | null }).topic ?? 0;
    this.#counted = this.#facts.counted;
    const rows = this.#sql.after.all(this.#counted) as { topic: number; frames: number }[];
    for (const { topic, frames } of rows) this.#addNewer(topic, frames);
  }

  /** The number of a name; undefined for one without frames. */
  find(name: string): number | undefined {
    const known = this.#numbers.get(name);
    if (known !== undefined) return known;
    const row = this.#sql.find.get(name) as { topic: number } | null;
    if (row) this.#remember(name, row.topic);
    return row?.topic;
  }

  /** The number of a name, which gets one if it has none. */
  number(name: string): number {
    const known = this.find(name);
    if (known !== undefined) return known;
    const topic = ++this.#next;
    this.#sql.insert.run(topic, name);
    this.#changes++;
    this.#remember(name, topic);
    return topic;
  }

  /** Counts a frame that came. @param seq of its row; below 0 for a late one */
  added(topic: number, seq: number): void {
    this.#added++;
    if (seq > 0) this.#addNewer(topic, 1);
    else this.#sql.count.run(1, topic);
  }

  /** Counts a frame that went. */
  removed(topic: number, seq: number): void {
    if (seq > this.#counted) this.#addNewer(topic, -1);
    else this.#sql.count.run(-1, topic);
    if (this.frames(topic) > 0) return;
    this.#sql.forget.run(topic);
    this.#newer.delete(topic);
    this.#numbers.clear();
    this.#changes++;
  }

  /** Writes the counts down, if many frames are not in the table. @param seq of the newest frame */
  flush(seq: number): void {
    if (this.#uncounted < MAX_UNCOUNTED) return;
    for (const [topic, frames] of this.#newer) this.#sql.count.run(frames, topic);
    this.#facts.setCounted(seq);
    this.#newer.clear();
    this.#uncounted = 0;
    this.#counted = seq;
  }

  /** How many frames a topic has. */
  frames(topic: number): number {
    const row = this.#sql.frames.get(topic) as { frames: number } | null;
    return (row?.frames ?? 0) + (this.#newer.get(topic) ?? 0);
  }

  /** How many frames of a topic came, and how many less went, since the table counted: add it to its row. */
  newer(topic: number): number {
    return this.#newer.get(topic) ?? 0;
  }

  /** How many frames there are. */
  total(): number {
    const { frames } = this.#sql.total.get() as { frames: number };
    return [...this.#newer.values()].reduce((sum, newer) => sum + newer, frames);
  }

  /** How many topics have frames. */
  count(): number {
    return (this.#sql.rows.get() as { topics: number }).topics;
  }

  /** The topics that a filter takes. @param list the filter, see `normalList` */
  matching(list: readonly string[]): MatchingTopics {
    const [only = ""] = list;
    if (list.length === 1 && !only.includes("*")) {
      const topic = this.find(only);
      return { topics: topic === undefined ? [] : [topic], frames: 0 };
    }
    const key = list.join();
    const known = this.#known.get(key);
    if (known && this.#holds(known)) return known.found;
    const found = this.#search(list);
    this.#keep(key, { found, changes: this.#changes, added: this.#added });
    return found;
  }

  /** Whether the topics are the same, and have nearly as many frames. */
  #holds({ found, changes, added }: Known): boolean {
    return changes === this.#changes && this.#added - added <= 100 + found.frames / 4;
  }

  #keep(key: string, known: Known): void {
    this.#drop(key);
    this.#known.set(key, known);
    this.#knownNumbers += known.found.topics.length;
    for (const oldest of this.#known.keys()) {
      const isMuch = this.#known.size > MAX_KNOWN || this.#knownNumbers > MAX_KNOWN_NUMBERS;
      if (!isMuch || oldest === key) return;
      this.#drop(oldest);
    }
  }

  #drop(key: string): void {
    this.#knownNumbers -= this.#known.get(key)?.found.topics.length ?? 0;
    this.#known.delete(key);
  }

  #search(list: readonly string[]): MatchingTopics {
    const { taken, away } = splitList(list);
    const starred = taken.filter(hasStarInside);
    const isSurely = starred.length === 0 && away.length === 0;
    const filter = new TopicFilter(list);
    const frames = new Map<number, number>();
    const patterns =
      starred.length > MAX_STARRED ? ["*", ...taken.filter((each) => !hasStarInside(each))] : taken;
    for (const pattern of patterns) {
      for (const row of this.#rows(nameCondition(pattern))) {
        if (isSurely || filter.takes(row.name)) frames.set(row.topic, row.frames);
      }
    }
    let total = 0;
    for (const [topic, counted] of frames) total += counted + (this.#newer.get(topic) ?? 0);
    return { topics: [...frames.keys()], frames: total };
  }

  #rows({ sql, values }: NameCondition): Iterable<{ topic: number; name: string; frames: number }> {
    const statement = this.#db.query(`SELECT topic, name, frames FROM topics WHERE ${sql}`);
    return statement.iterate(...values) as Iterable<never>;
  }

  #addNewer(topic: number, frames: number): void {
    this.#newer.set(topic, (this.#newer.get(topic) ?? 0) + frames);
    this.#uncounted += Math.max(0, frames);
  }

  #remember(name: string, topic: number): void {
    if (this.#numbers.size >= MAX_CACHED) this.#numbers.clear();
    this.#numbers.set(name, topic);
  }
}

function statements(db: Database) {
  return {
    newest: db.query("SELECT max(topic) AS topic FROM topics"),
    find: db.query("SELECT topic FROM topics WHERE name = ?"),
    insert: db.query("INSERT INTO topics (topic, name, frames) VALUES (?, ?, 0)"),
    count: db.query("UPDATE topics SET frames = frames + ? WHERE topic = ?"),
    forget: db.query("DELETE FROM topics WHERE topic = ?"),
    after: db.query("SELECT topic, count(*) AS frames FROM frames WHERE seq > ? GROUP BY topic"),
    frames: db.query("SELECT frames FROM topics WHERE topic = ?"),
    total: db.query("SELECT coalesce(sum(frames), 0) AS frames FROM topics"),
    rows: db.query("SELECT count(*) AS topics FROM topics"),
  };
}
