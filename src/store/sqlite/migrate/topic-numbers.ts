import type { Database } from "bun:sqlite";

/** The most names that are kept in memory. */
const MAX_CACHED = 100_000;

/** Numbers topics by their first appearance, and counts their frames. */
export class TopicNumbers {
  readonly #find: ReturnType<Database["query"]>;
  readonly #insert: ReturnType<Database["query"]>;
  readonly #add: ReturnType<Database["query"]>;
  readonly #numbers = new Map<string, number>();
  /** The frames of each topic that the table does not count yet. */
  readonly #counts = new Map<number, number>();
  #newest: number;

  constructor(db: Database) {
    this.#find = db.query("SELECT topic FROM topics WHERE name = ?");
    this.#insert = db.query("INSERT INTO topics (topic, name, frames) VALUES (?, ?, 0)");
    this.#add = db.query("UPDATE topics SET frames = frames + ? WHERE topic = ?");
    const row = db.query("SELECT coalesce(max(topic), 0) AS topic FROM topics").get();
    this.#newest = (row as { topic: number }).topic;
  }

  /** Counts a frame of a topic, and returns the number of the topic. */
  count(name: string): number {
    const topic = this.#numbers.get(name) ?? this.#number(name);
    this.#counts.set(topic, (this.#counts.get(topic) ?? 0) + 1);
    return topic;
  }

  /** Writes the counts down. */
  flush(): void {
    for (const [topic, frames] of this.#counts) this.#add.run(frames, topic);
    this.#counts.clear();
  }

  #number(name: string): number {
    const row = this.#find.get(name) as { topic: number } | null;
    const topic = row?.topic ?? ++this.#newest;
    if (!row) this.#insert.run(topic, name);
    if (this.#numbers.size >= MAX_CACHED) this.#numbers.clear();
    this.#numbers.set(name, topic);
    return topic;
  }
}
