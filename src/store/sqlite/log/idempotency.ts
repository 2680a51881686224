import type { Database } from "bun:sqlite";
import { quoted, XsError } from "../../../core/error.ts";
import { hashOf } from "../../../core/hash.ts";
import type { AppendRequest } from "../../types.ts";

/** How long the store keeps an answer, in ms. */
const KEPT_MS = 24 * 60 * 60 * 1000;
/** The most answers that one sweep removes. */
const SWEEP_ROWS = 1000;

/**
 * The answers of appends that came with an Idempotency-Key, as in the draft of the IETF
 * (https://datatracker.ietf.org/doc/draft-ietf-httpapi-idempotency-key-header/).
 */
export class Idempotency {
  readonly #now: () => number;
  readonly #sql: ReturnType<typeof statements>;

  constructor(db: Database, now: () => number) {
    this.#now = now;
    this.#sql = statements(db);
  }

  /**
   * Returns the frames of the first append with this key, or else calls `append` and keeps its frames for a retry.
   * Call it inside a write.
   *
   * @throws XsError `idempotency_key_reused` where the first asked for something else
   */
  once(key: string, requests: readonly AppendRequest[], append: () => string[]): string[] {
    const request = fingerprint(requests);
    const known = this.#sql.get.get(key, this.#now()) as { request: string; frames: string } | null;
    if (known && known.request !== request) {
      throw new XsError(
        "idempotency_key_reused",
        `the Idempotency-Key ${quoted(key)} belongs to another append of the last 24 hours: use a new key for each`,
      );
    }
    if (known) return known.frames.split("\n");
    const frames = append();
    this.#sql.put.run(key, this.#now() + KEPT_MS, request, frames.join("\n"));
    return frames;
  }

  /** Whether an answer was stored while the clock was ahead of its present time. */
  wasAhead(): boolean {
    return this.#sql.newest.get(this.#now() + KEPT_MS) !== null;
  }

  /** The clock was ahead until now: no answer is kept for longer than from now on. Inside a write. */
  clockBack(): void {
    const end = this.#now() + KEPT_MS;
    this.#sql.shorten.run(end, end);
  }

  hasExpired(): boolean {
    return this.#sql.expired.get(this.#now()) !== null;
  }

  /** Forgets answers that are too old; inside a write. */
  sweep(): void {
    this.#sql.sweep.run(this.#now());
  }
}

function fingerprint(requests: readonly AppendRequest[]): string {
  const parts = requests.map(({ topic, meta, ttl, content }) => [
    topic,
    meta,
    ttl.text,
    content?.hash ?? null,
  ]);
  return hashOf(Buffer.from(JSON.stringify(parts)));
}

function statements(db: Database) {
  return {
    get: db.query("SELECT request, frames FROM answers WHERE key = ? AND expires > ?"),
    put: db.query(
      "INSERT OR REPLACE INTO answers (key, expires, request, frames) VALUES (?, ?, ?, ?)",
    ),
    newest: db.query("SELECT 1 FROM answers WHERE expires > ? LIMIT 1"),
    shorten: db.query("UPDATE answers SET expires = ? WHERE expires > ?"),
    expired: db.query("SELECT 1 FROM answers WHERE expires <= ? LIMIT 1"),
    sweep: db.query(
      `DELETE FROM answers WHERE key IN (SELECT key FROM answers WHERE expires <= ? LIMIT ${SWEEP_ROWS})`,
    ),
  };
}
