import type { Database } from "bun:sqlite";
import { quoted, XsError } from "../../../core/error.ts";
import { idInLine } from "../../../core/frame.ts";
import type { AnswerEffect, SweepEffect } from "../commit/record.ts";
import type { Transaction } from "../commit/transaction.ts";

/** How long the store keeps an answer, in ms. */
export const KEPT_MS = 24 * 60 * 60 * 1000;
/** The most answers that one sweep removes. */
const SWEEP_ROWS = 1000;

/**
 * The answers of writes that came with an Idempotency-Key, as in the draft of the IETF
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
   * Returns the lines that the first write with this key gave, or else calls `write` and keeps its lines for a retry.
   *
   * @param request tells apart what is asked for
   * @throws XsError `idempotency_key_reused` where the first asked for something else
   */
  once(transaction: Transaction, key: string, request: string, write: () => string[]): string[] {
    // Only then: appends that settle one by one cost twice as much as those that come into the tables together.
    if (transaction.answers(key)) transaction.settle();
    const known = this.#sql.get.get(key, this.#now()) as { request: string; frames: string } | null;
    if (known && known.request !== request) {
      throw new XsError(
        "idempotency_key_reused",
        `the Idempotency-Key ${quoted(key)} belongs to another write of the last 24 hours: use a new key for each`,
      );
    }
    if (known) return known.frames === "" ? [] : known.frames.split("\n");
    const frames = write();
    transaction.answer({ key, expires: this.#now() + KEPT_MS, request, frames });
    return frames;
  }

  /** Whether an answer was stored while the clock was ahead of its present time. */
  wasAhead(): boolean {
    return this.#sql.newest.get(this.#now() + KEPT_MS) !== null;
  }

  hasExpired(): boolean {
    return this.#sql.expired.get(this.#now()) !== null;
  }

  /** The keys of the answers that have a frame which is gone. */
  keysOfGone(isThere: (id: string) => boolean): string[] {
    const rows = this.#sql.all.all() as { key: string; frames: string }[];
    return rows
      .filter(({ frames }) =>
        frames.split("\n").some((line) => line !== "" && !isThere(idInLine(line))),
      )
      .map(({ key }) => key);
  }

  /** Applies an answer to the table. */
  put({ key, expires, request, frames }: AnswerEffect): void {
    this.#sql.put.run(key, expires, request, frames.join("\n"));
  }

  /** Applies what a sweep says of answers. */
  sweep({ answers, shortenAnswers: end }: SweepEffect): void {
    if (answers !== undefined) this.#sql.sweep.run(answers);
    if (end !== undefined) this.#sql.shorten.run(end, end);
  }
}

function statements(db: Database) {
  return {
    get: db.query("SELECT request, frames FROM answers WHERE key = ? AND expires > ?"),
    all: db.query("SELECT key, frames FROM answers"),
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
