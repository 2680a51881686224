import type { Database } from "bun:sqlite";

/** The most names that are kept in memory. */
const MAX_CACHED = 10_000;

/**
 * The numbers of topics, and how many frames each has. A name has a number as long as it has frames. Call what writes
 * inside a commit.
 */
export class Topics {
  readonly #sql: ReturnType<typeof statements>;
  readonly #numbers = new Map<string, number>();
  /** The changes of counts that the table does not have yet. */
  readonly #changes = new Map<number, number>();
  #next = 0;

  constructor(db: Database) {
    this.#sql = statements(db);
    this.reload();
  }

  /** Takes up what the table has, at the start and after a commit that failed. */
  reload(): void {
    this.#numbers.clear();
    this.#changes.clear();
    this.#next = (this.#sql.newest.get() as { topic: number | null }).topic ?? 0;
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
    this.#remember(name, topic);
    return topic;
  }

  /** Counts frames that came, or went. The table has it after {@link flush}. */
  count(topic: number, change: number): void {
    this.#changes.set(topic, (this.#changes.get(topic) ?? 0) + change);
  }

  /** Writes the counts down. A topic whose last frame went loses its number. */
  flush(): void {
    for (const [topic, change] of this.#changes) {
      if (change !== 0) this.#sql.count.run(change, topic);
      if (change < 0 && this.#sql.forget.run(topic).changes > 0) this.#numbers.clear();
    }
    this.#changes.clear();
  }

  /** How many frames a topic has. */
  frames(topic: number): number {
    const row = this.#sql.frames.get(topic) as { frames: number } | null;
    return row?.frames ?? 0;
  }

  /** How many frames there are. */
  total(): number {
    return (this.#sql.total.get() as { frames: number }).frames;
  }

  /** The numbers of the topics that match any of these patterns, and how many frames they have together. */
  matching(patterns: readonly string[]): { topics: number[]; frames: number } {
    const found = { topics: [] as number[], frames: 0 };
    const add = (rows: { topic: number; frames: number }[]) => {
      for (const { topic, frames } of rows) {
        found.topics.push(topic);
        found.frames += frames;
      }
    };
    for (const pattern of patterns) {
      if (!pattern.endsWith(".*")) {
        const topic = this.find(pattern);
        if (topic !== undefined) add([{ topic, frames: this.frames(topic) }]);
        continue;
      }
      const prefix = pattern.slice(0, -1);
      // The character after the dot in ASCII ends the range.
      add(this.#sql.below.all(prefix, `${prefix.slice(0, -1)}/`) as never);
    }
    return found;
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
    forget: db.query("DELETE FROM topics WHERE topic = ? AND frames <= 0"),
    frames: db.query("SELECT frames FROM topics WHERE topic = ?"),
    total: db.query("SELECT coalesce(sum(frames), 0) AS frames FROM topics"),
    below: db.query("SELECT topic, frames FROM topics WHERE name > ? AND name < ?"),
  };
}
