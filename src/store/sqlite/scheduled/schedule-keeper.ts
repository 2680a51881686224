import { XsError } from "../../../core/error.ts";
import { timestampOf } from "../../../core/id.ts";
import { idInKey, SCHEDULED_PREFIX, scheduledKey } from "../../../core/scheduled.ts";
import { parseTtl } from "../../../core/ttl.ts";
import type { ScheduledAppend, Schedules } from "../../scheduled.ts";
import type { Appends } from "../appends.ts";
import type { Background } from "../background.ts";
import type { Transaction } from "../commit/transaction.ts";
import type { Writer } from "../commit/writer.ts";
import type { ContentStore } from "../content/content.ts";
import type { ExpiryClock } from "../expiry-clock.ts";
import type { Health } from "../health.ts";
import type { ScheduledRow, ScheduledRows } from "./scheduled-rows.ts";

/** The rows of a page of a list. */
const ROWS_A_PAGE = 100;
/** The most appends of one commit: writers need not wait for all that came due during a stop. */
const APPENDS_A_COMMIT = 200;
/**
 * The longest wait, in ms. Timers do not count the time in which a machine sleeps, nor follow a clock that is set: so
 * the clock is looked at again and again.
 */
const MAX_WAIT_MS = 1000;

/** What the schedules use. */
export interface ScheduleUses {
  readonly rows: ScheduledRows;
  readonly appends: Appends;
  readonly content: ContentStore;
  readonly writer: Writer;
  readonly health: Health;
  readonly background: Background;
  readonly clock: ExpiryClock;
}

/** Keeps the appends that are scheduled and, where a server serves, appends them when they are due. */
export class ScheduleKeeper implements Schedules {
  readonly #uses: ScheduleUses;

  constructor(uses: ScheduleUses) {
    this.#uses = uses;
  }

  async page(after?: string): Promise<ScheduledAppend[]> {
    const { rows, writer, health } = this.#uses;
    const from = after === undefined ? SCHEDULED_PREFIX : scheduledKey(after);
    const read = () => rows.list(from, ROWS_A_PAGE);
    // A page tells only of what is durable: a write resolves when all that it saw is.
    const found = writer.counts
      ? await writer.local((transaction) => {
          transaction.settle();
          return read();
        })
      : health.guard(read);
    return found.map(({ key, value, frame }) => ({
      id: key.slice(SCHEDULED_PREFIX.length),
      line: frame && new TextDecoder().decode(value),
    }));
  }

  remove(id: string): Promise<boolean> {
    const { rows, writer } = this.#uses;
    return writer.write((transaction) => rows.remove(transaction, id));
  }

  /** Appends from now on what is due, and first what came due before. */
  start(): void {
    this.#after(0);
  }

  #after(ms: number): void {
    this.#uses.background.after("due", ms, () => this.#run());
  }

  async #run(): Promise<void> {
    const { health, writer } = this.#uses;
    let wait = MAX_WAIT_MS;
    try {
      while (writer.decides && (await this.#appendDue()));
      if (writer.decides) wait = Math.min(MAX_WAIT_MS, this.#untilNext());
    } catch (error) {
      // A full disk passes, and they stay until then; what does not pass stops the store.
      if (!(health.translate(error as Error) instanceof XsError)) health.stop(error as Error);
    }
    if (!health.failed) this.#after(wait);
  }

  /** Appends some of those that are due. Returns whether there may be more. */
  async #appendDue(): Promise<boolean> {
    const { rows, writer, clock, health } = this.#uses;
    const isDue = (now: number) =>
      health.guard(() => rows.list(SCHEDULED_PREFIX, 1, now)).length > 0;
    if (!isDue(clock.real())) return false;
    return writer.write((transaction) => {
      transaction.settle();
      let after = SCHEDULED_PREFIX;
      let appended = 0;
      for (;;) {
        const found = rows.list(after, APPENDS_A_COMMIT - appended, clock.real());
        for (const row of found) if (this.#append(transaction, row)) appended++;
        const last = found.at(-1);
        if (!last || appended >= APPENDS_A_COMMIT) return last !== undefined;
        after = last.key;
      }
    });
  }

  /** Appends one, and takes it out of the schedule in the same commit. Returns false for a damaged one, which stays. */
  #append(transaction: Transaction, { key, frame }: ScheduledRow): boolean {
    if (!frame) return false;
    const { rows, appends, content } = this.#uses;
    const { topic, hash, meta, ttl } = frame;
    const known = hash === null ? null : { hash, size: content.sizeOf(hash) ?? 0, known: true };
    appends.appendNow(transaction, { topic, meta, ttl: parseTtl(ttl), content: known });
    rows.take(transaction, key);
    return true;
  }

  /** How long until the next one is due, in ms; Infinity where there is none. */
  #untilNext(): number {
    const { rows, clock, health } = this.#uses;
    const now = clock.real();
    // Those that are due and still there are damaged.
    const passed = health.guard(() => rows.list(SCHEDULED_PREFIX, ROWS_A_PAGE, now)).at(-1);
    const next = health.guard(() => rows.firstAfter(passed?.key ?? SCHEDULED_PREFIX));
    return next === undefined ? Infinity : Math.max(1, dueAt(next) - clock.real());
  }
}

function dueAt(key: string): number {
  return timestampOf(idInKey(key));
}
