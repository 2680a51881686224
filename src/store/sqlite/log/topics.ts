import type { Database } from "bun:sqlite";
import type { Facts } from "../facts.ts";

/** The most names that are kept in memory. */
const MAX_CACHED = 10_000;

/** Frames that the table of topics does not count yet, at most: a store that opens counts them again. */
const MAX_UNCOUNTED = 256;

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
  #changes = 0;
  #added = 0;

  constructor(db: Database, facts: Facts) {
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

  /** How often topics have come and gone: while it is the same, so are the topics. */
  get changes(): number {
    return this.#changes;
  }

  /** How many frames have come. */
  get arrivals(): number {
    return this.#added;
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
