import type { Database } from "bun:sqlite";
import type { FrameSearch } from "./frame-search.ts";
import type { Topics } from "./topics.ts";

/** What the list of topics uses. */
export interface TopicListParts {
  readonly search: FrameSearch;
  readonly topics: Topics;
  /** The time that decides what has expired, in ms. */
  now(): number;
}

/** The topics with their counts, without the frames that have expired and still have rows. */
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

  /** How many frames of each topic have expired and still have rows: those of a second, where a server runs. */
  #expired(): Map<number, number> {
    const counts = new Map<number, number>();
    const now = this.#parts.now();
    const tables = [
      this.#sql.expired,
      ...(this.#parts.search.hasLate ? [this.#sql.expiredLate] : []),
    ];
    for (const table of tables) {
      for (const { topic, frames } of table.all(now) as { topic: number; frames: number }[]) {
        counts.set(topic, (counts.get(topic) ?? 0) + frames);
      }
    }
    return counts;
  }
}

function statements(db: Database) {
  const expired = (table: string) =>
    `SELECT topic, count(*) AS frames FROM ${table} WHERE expires <= ? GROUP BY topic`;
  return {
    expired: db.query(expired("frames")),
    expiredLate: db.query(expired("late")),
  };
}
