import { formatTime } from "../../core/time.ts";
import type { Store } from "../../store/store.ts";
import type { Change } from "../../store/types.ts";
import { recordKey, type Subject } from "../lifecycle/answers.ts";
import type { ScheduleOptions } from "../lifecycle/options.ts";
import type { Clock } from "./clock.ts";
import { parseSchedule, type Schedule } from "./schedule.ts";

/** A timer does not see that the machine slept or that its clock was set, so no wait is longer than this. */
const LONGEST_WAIT_MS = 30_000;
/**
 * After a step of the clock back, no slot runs again until the clock is where it was. After a longer step the time
 * before it was wrong: a schedule must not wait for a year that somebody set by mistake. Cron draws the same line.
 */
const LONGEST_STEP_MS = 3 * 3_600_000;

/** What the store keeps of a schedule, to go on after a restart. All times are in ms since 1970. */
interface Progress {
  /** Durations count from here. */
  readonly anchor: number;
  /** Every slot up to this time has run, or was passed over. */
  readonly until: number;
}

/** The slots of a generator with a schedule: which one comes next, and which have run. */
export class Slots {
  readonly #clock: Clock;
  readonly #subject: Subject;
  readonly #options: ScheduleOptions;
  readonly #schedule: Schedule;
  readonly #anchor: number;
  #until: number;
  #next: number;
  #isRunning = false;

  /** @param until the time up to which no slot is left to run, in ms since 1970 */
  private constructor(
    clock: Clock,
    subject: Subject,
    options: ScheduleOptions,
    schedule: Schedule,
    { anchor, until }: Progress,
  ) {
    this.#clock = clock;
    this.#subject = subject;
    this.#options = options;
    this.#schedule = schedule;
    this.#anchor = anchor;
    this.#until = until;
    this.#next = schedule.after(until);
  }

  /**
   * Sets a schedule, or goes on with one where it was.
   *
   * @param spawnedAt the time from which durations count, in ms since 1970
   * @param resume the spawn goes on where the schedule of its name was
   * @throws Invalid where it is no schedule
   */
  static async open(
    { store, clock }: { store: Store; clock: Clock },
    subject: Subject,
    options: ScheduleOptions,
    spawnedAt: number,
    resume = false,
  ): Promise<Slots> {
    const before = await readProgress(store, subject, options, resume);
    const progress = before ?? { anchor: spawnedAt, until: clock.now() };
    const schedule = await parseSchedule(options, progress.anchor);
    return new Slots(clock, subject, options, schedule, progress);
  }

  /** The schedule as the spawn gives it. */
  get options(): ScheduleOptions {
    return this.#options;
  }

  /** When the next run begins, in ms since 1970, if none is going on by then; `Infinity` where none comes. */
  get next(): number {
    const now = this.#clock.now();
    return this.#isRunning && this.#next <= now ? this.#schedule.after(now) : this.#next;
  }

  /** How long it is until then, in ms. */
  get wait(): number {
    return Math.max(0, this.next - this.#clock.now());
  }

  /** Resolves when a run is due, or when the signal is aborted. */
  async due(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      const now = this.#clock.now();
      if (this.#until - now > LONGEST_STEP_MS) this.#moveTo(now);
      const wait = this.#next - now;
      if (wait <= 0) return;
      await this.#clock.sleep(Math.min(wait, LONGEST_WAIT_MS), signal);
    }
  }

  /**
   * Notes that the run of the slots up to now begins. The store has to keep the change before the program starts:
   * after a kill no slot runs twice.
   */
  begin(): Change {
    this.#isRunning = true;
    this.#moveTo(Math.max(this.#next, this.#clock.now()));
    return this.record();
  }

  /** Notes the end of a run, and passes over the slots that came while it went on. @returns the changes, if any came */
  end(): Change[] {
    this.#isRunning = false;
    const now = this.#clock.now();
    if (this.#next > now) return [];
    this.#moveTo(now);
    return [this.record()];
  }

  /** The change that stores how far the schedule is. */
  record(): Change {
    const { name, spawnId } = this.#subject;
    const record = {
      spawn_id: spawnId,
      // Every record of the runtime has a cursor. This processor reads no frames.
      cursor: spawnId,
      ...this.#options,
      anchor: formatTime(this.#anchor),
      until: formatTime(this.#until),
    };
    const value = Buffer.from(JSON.stringify(record));
    return {
      put: { key: recordKey(this.#subject), type: "application/json", value },
      writer: name,
    };
  }

  #moveTo(until: number): void {
    this.#until = until;
    this.#next = this.#schedule.after(until);
  }
}

/** Reads how far this spawn's schedule is; undefined where it has not been set yet. */
async function readProgress(
  store: Store,
  subject: Subject,
  { every, tz }: ScheduleOptions,
  resume: boolean,
): Promise<Progress | undefined> {
  const entry = await store.kv.get(recordKey(subject));
  if (!entry) return undefined;
  try {
    const record = JSON.parse(new TextDecoder().decode(entry.value)) as Record<string, unknown>;
    const isOwn = resume || record.spawn_id === subject.spawnId;
    if (!isOwn || record.every !== every || record.tz !== tz) return undefined;
    const anchor = Date.parse(String(record.anchor));
    const until = Date.parse(String(record.until));
    return Number.isNaN(anchor) || Number.isNaN(until) ? undefined : { anchor, until };
  } catch {
    // An import may bring any value: the schedule begins anew.
    return undefined;
  }
}
