import type { Json } from "../../core/json.ts";
import type { Place } from "../../core/place.ts";
import { formatTime } from "../../core/time.ts";
import type { Store } from "../../store/store.ts";
import type { Change } from "../../store/types.ts";
import type { Exit } from "../child/exit.ts";
import { outlasting } from "../child/lack.ts";
import type { Slots } from "../schedule/slots.ts";
import { answer, RERUN_TTL, retryWhileDiskFull, type Subject, shortReason } from "./answers.ts";
import { Backoff } from "./backoff.ts";
import { eventsIn, type Hears } from "./events.ts";
import type { Attempt, Processor } from "./processor.ts";
import { idleStatus, type ProcessorStatus } from "./status.ts";

/** How a processor ended: by itself, or because it was stopped. */
export type End = { how: "finished" | "failed"; meta: { [key: string]: Json } } | "stopped";

/** A processor from its activation to its end, over all runs of its program. */
export class Running {
  readonly processor: Processor;
  readonly #store: Store;
  readonly #backoff = new Backoff();
  #state: ProcessorStatus["state"] = "active";
  #since = performance.now();
  #restarts = 0;
  #lastExit: ProcessorStatus["last_exit"] = null;
  readonly #stopped = Promise.withResolvers<void>();
  /** Ends the attempts to start the program where the system lacks something. */
  readonly #abort = new AbortController();
  #stopping = false;
  #over: Promise<unknown> | undefined;

  readonly #hears: Hears;

  constructor(store: Store, processor: Processor, hears: Hears) {
    this.#store = store;
    this.#hears = hears;
    this.processor = processor;
  }

  get subject(): Subject {
    return this.processor.subject;
  }

  /** Runs the program, and restarts it by its restart policy. Resolves when it does not run again; never rejects. */
  run(): Promise<End> {
    const over = this.#run().catch((error: Error): End => {
      if (this.#stopping) return "stopped";
      return { how: "failed", meta: { reason: shortReason(error.message) } };
    });
    this.#over = over;
    return over;
  }

  /** Ends it for a successor. @returns the place after which the successor starts, as `Processor.handOver` does */
  async handOver(successor: Place): Promise<Place> {
    this.#stopping = true;
    this.#state = "replacing";
    const goesOnAfter = await this.processor.handOver(successor);
    await this.stop();
    return goesOnAfter;
  }

  /** Whether it is ending without a successor. */
  get isStopping(): boolean {
    return this.#state === "stopping";
  }

  /** Stops a processor that is handing over: its successor does not wait any longer. */
  abandon(): void {
    if (this.#state === "replacing") void this.processor.stop();
  }

  async stop(): Promise<void> {
    this.#stopping = true;
    this.#state = "stopping";
    this.#stopped.resolve();
    this.#abort.abort();
    await this.processor.stop();
    await this.#over;
    this.processor.dispose();
  }

  status(replacing: boolean): ProcessorStatus {
    const { runtime, pid, behindMs, retrying, slots } = this.processor;
    const state = retrying && this.#state === "active" ? "retrying" : this.#state;
    return {
      ...idleStatus(this.subject, replacing ? "replacing" : state),
      runtime: runtime ?? null,
      pid: pid ?? null,
      uptime_ms: this.#state === "active" ? Math.round(performance.now() - this.#since) : null,
      restarts: this.#restarts,
      last_exit: this.#lastExit,
      behind_ms: behindMs ?? null,
      retry: retrying ?? null,
      ...(slots && scheduleOf(slots)),
    };
  }

  async #run(): Promise<End> {
    const { slots } = this.processor;
    if (slots) return await this.#runAt(slots);
    for (;;) {
      this.#since = performance.now();
      const attempt = await this.#attempt();
      if (this.#stopping || "stopped" in attempt) return "stopped";
      if ("failed" in attempt) return { how: "failed", meta: { ...attempt.failed } };
      const { exit, reason, passedOver } = attempt;
      const { code, signal } = exit;
      this.#lastExit = { code, signal };
      const { restart } = this.processor.spawn.options;
      const well = code === 0;
      const ending = endingOf(exit);
      if (restart === "never" || (restart === "on-failure" && well)) {
        return well
          ? { how: "finished", meta: ending }
          : { how: "failed", meta: { reason, ...ending } };
      }
      const ran = performance.now() - this.#since;
      const delay = passedOver ? this.#backoff.anew() : this.#backoff.after(ran);
      this.#state = "restarting";
      await this.#record("restarting", { reason, ...ending, delay_ms: delay });
      await Promise.race([Bun.sleep(delay), this.#stopped.promise]);
      if (this.#stopping) return "stopped";
      this.#restarts++;
      this.#state = "active";
      await this.#record("active");
    }
  }

  /** Runs the program at each of its slots. Only of a run that fails a frame reports. */
  async #runAt(slots: Slots): Promise<End> {
    for (;;) {
      await slots.due(this.#abort.signal);
      if (this.#stopping) return "stopped";
      await this.#keep([slots.begin()]);
      const attempt = await this.#attempt();
      if (this.#stopping || "stopped" in attempt) return "stopped";
      await this.#keep(slots.end());
      const failure = "failed" in attempt ? attempt.failed : this.#failureOf(attempt);
      // Also of what ends another generator: the next run may do better, and nobody would look for a missing one.
      if (failure) await this.#record("restarting", { ...failure, delay_ms: slots.wait });
    }
  }

  /** Notes how a run ended, and returns the members of the frame that reports it; undefined where it ended well. */
  #failureOf({
    exit,
    reason,
  }: Extract<Attempt, { exit: Exit }>): { [key: string]: Json } | undefined {
    const { code, signal } = exit;
    this.#lastExit = { code, signal };
    return code === 0 ? undefined : { reason, ...endingOf(exit) };
  }

  /** Stores changes, or ends when the processor is stopped: the disk may stay full for long. */
  async #keep(changes: readonly Change[]): Promise<void> {
    if (changes.length === 0) return;
    const kept = retryWhileDiskFull(() => this.#store.apply(changes));
    await Promise.race([kept, this.#stopped.promise]);
  }

  async #attempt(): Promise<Attempt> {
    try {
      const { kind, name } = this.subject;
      const { signal } = this.#abort;
      return await outlasting(`${kind} ${name}`, signal, () => this.processor.attempt());
    } catch (error) {
      // The program loaded before, so the cause may pass: it counts as an end, and the policy decides.
      const { message: reason } = error as Error;
      return { exit: { code: null, signal: null, unread: 0 }, reason };
    }
  }

  async #record(event: "restarting" | "active", more = {}): Promise<void> {
    if (this.#stopping) return;
    const changes = [answer(this.subject, event, more, RERUN_TTL)];
    await retryWhileDiskFull(() => this.#store.apply(changes));
    eventsIn(changes).forEach(this.#hears);
  }
}

/** The members of a frame that tell how a program ended. */
function endingOf({ code, signal }: Exit): { [key: string]: Json } {
  return { ...(code !== null && { exit: code }), ...(signal !== null && { signal }) };
}

/** The part of a row about the schedule. */
function scheduleOf({
  options: { every, tz },
  next,
}: Slots): Pick<ProcessorStatus, "every" | "tz" | "next"> {
  return { every, tz: tz ?? null, next: Number.isFinite(next) ? formatTime(next) : null };
}
