import type { Database } from "bun:sqlite";

/**
 * Counts, by topic, the frames that have expired and still have rows. After a mass expiry there may be millions, and a
 * sweep takes its time: so nothing is counted before somebody asks, and then no row twice.
 */
export class ExpiredCounts {
  readonly #sql: ReturnType<typeof statements>;
  readonly #counts = new Map<number, number>();
  /** What expires up to this time, in ms, is counted. */
  #upTo = -1;

  constructor(db: Database) {
    this.#sql = statements(db);
  }

  /** The counts of topics, by their numbers. @param now in ms */
  at(now: number): ReadonlyMap<number, number> {
    if (now < this.#upTo) this.reset();
    for (const table of [this.#sql.frames, this.#sql.late]) {
      for (const { topic, frames } of table.all(this.#upTo, now) as Counted[]) {
        this.#add(topic, frames);
      }
    }
    this.#upTo = now;
    return this.#counts;
  }

  /** A row came. @param expires in ms; null for never */
  added(topic: number, expires: number | null): void {
    if (expires !== null && expires <= this.#upTo) this.#add(topic, 1);
  }

  /** A row went. */
  removed(topic: number, expires: number | null): void {
    if (expires !== null && expires <= this.#upTo) this.#add(topic, -1);
  }

  /** Forgets all: rows have other times than they had, or a commit was rolled back. */
  reset(): void {
    this.#counts.clear();
    this.#upTo = -1;
  }

  #add(topic: number, frames: number): void {
    const count = (this.#counts.get(topic) ?? 0) + frames;
    if (count > 0) this.#counts.set(topic, count);
    else this.#counts.delete(topic);
  }
}

interface Counted {
  readonly topic: number;
  readonly frames: number;
}

function statements(db: Database) {
  const counted = (table: string) =>
    db.query(
      `SELECT topic, count(*) AS frames FROM ${table} WHERE expires > ? AND expires <= ? GROUP BY topic`,
    );
  return { frames: counted("frames"), late: counted("late") };
}
