import type { Place } from "../../core/place.ts";
import { Drain } from "../../lib/drain.ts";
import type { Signal } from "../../lib/signal.ts";
import type { Change } from "../../store/types.ts";
import { retryWhileDiskFull, writeRecord } from "../lifecycle/answers.ts";
import { type HandlerOptions, passesOver } from "../lifecycle/options.ts";
import type { Failure, ProcessorHost, Spawn } from "../lifecycle/processor.ts";
import type { InFlight } from "./in-flight.ts";
import type { Poison } from "./poison.ts";
import { nextRetry, type Retry } from "./retry.ts";
import { isPlain, orderFailure, StepChanges, type StepFailure } from "./step-changes.ts";
import type { Step, Workers } from "./worker.ts";

/** Effects that wait for a commit before the worker's output is read on. */
const WAITING_EFFECTS = 4000;
/** Changes of one commit, so that other writers get their turn. */
const COMMIT_CHANGES = 2000;
/** While a handler folds history its commits are so far apart, in ms. */
const GATHER_MS = 100;

/** What the handler knows and its commits need. */
export interface HandlerParts {
  readonly inFlight: InFlight;
  readonly poison: Poison;
  /** Woken at each step and each commit. */
  readonly progress: Signal;
  /** Undefined until the handler is loaded. */
  options(): HandlerOptions | undefined;
  /** Undefined while none runs. */
  worker(): Workers | undefined;
  /** Nothing more is to be handed over. */
  isStopping(): boolean;
}

/** Commits the steps of a handler, each commit with the cursor and the state that they lead to. */
export class StepCommits {
  /** Everything up to this place is committed. */
  cursor: Place = "";
  /** Everything up to this place is done, committed or not. */
  done: Place = "";
  /** As JSON text; undefined for a handler without state. */
  state: string | undefined;
  /** The attempts on the frame after the cursor, where the handler has failed on that. */
  retry: Retry | undefined;
  /** The last frame that the worker was given, or that was left out before it. */
  given: Place = "";
  /** The worker has gone beyond what the store has: another one goes on from there. */
  goneAstray = false;
  /** The worker has broken the order of the protocol. */
  disorder: Failure | undefined;
  /** Why the handler is over: it failed, or the store did. */
  failure: Failure | undefined;
  /** When the last commit was, as `performance.now()` says it. */
  lastProgress = 0;
  readonly #host: ProcessorHost;
  readonly #spawn: Spawn;
  readonly #parts: HandlerParts;
  readonly #changes: StepChanges;
  #steps: Step[] = [];
  #waitingEffects = 0;
  /** Whether the waiting steps write nothing but the state, and nothing is wrong with them. */
  #arePlain = true;
  readonly #commits = new Drain(() => {
    return this.#steps.length > 0 && !this.failure ? this.#commitNext() : undefined;
  });

  constructor(host: ProcessorHost, spawn: Spawn, parts: HandlerParts) {
    this.#host = host;
    this.#spawn = spawn;
    this.#parts = parts;
    this.#changes = new StepChanges(host.store, spawn.subject, spawn.options.ttl);
  }

  /** Another worker begins, after the cursor. */
  begin(): void {
    this.#steps = [];
    this.#waitingEffects = 0;
    this.#arePlain = true;
    this.done = this.cursor;
    this.goneAstray = false;
  }

  /** No step waits for a commit. */
  get isIdle(): boolean {
    return this.#steps.length === 0;
  }

  /** The end of a commit that is under way. */
  get running(): Promise<void> | undefined {
    return this.#commits.running;
  }

  /** Takes a step. Where many effects wait, it returns a promise after which the next may come. */
  take(step: Step): Promise<void> | undefined {
    if (this.failure || this.goneAstray || this.disorder) return undefined;
    this.#arePlain &&= isPlain(step) && !orderFailure(step, this.done, this.given);
    this.#steps.push(step);
    this.done = step.done;
    // Many pages of a fold wait for one commit. Kept for so long, their memory is not used again, and new memory is slow.
    if (this.#arePlain) this.#parts.inFlight.release(step.done);
    this.#parts.progress.wake();
    this.#waitingEffects += step.effects.length;
    this.#commits.start();
    return this.#waitingEffects > WAITING_EFFECTS ? this.#commits.running : undefined;
  }

  /** Commits a frame as one on which the script has failed. */
  async failOn(place: Place, error: string): Promise<void> {
    void this.take({ done: place, effects: [], error });
    await this.#commits.running;
  }

  /** Writes that the script has failed on a frame which is done already. */
  async addFailure(failed: StepFailure, topic: string): Promise<void> {
    await retryWhileDiskFull(() =>
      this.#host.store.apply([this.#changes.errorFrame(failed, topic)]),
    );
    this.#host.skipped(failed);
  }

  async #commitNext(): Promise<void> {
    try {
      await this.#gather();
      await this.#commitSome();
    } catch (error) {
      this.failure ??= { reason: (error as Error).message };
    }
    if (!this.failure && !this.goneAstray && !this.disorder) return;
    this.#steps = [];
    this.#parts.worker()?.stop();
  }

  /**
   * Waits for more while the handler folds a long history: whole pages are done with nothing to write but
   * the state, and more are on their way. A commit for each page would cost more than the fold.
   */
  async #gather(): Promise<void> {
    const { inFlight, progress } = this.#parts;
    const end = performance.now() + GATHER_MS;
    while (this.#arePlain && inFlight.hasMoreAfter(this.done)) {
      if (performance.now() >= end) return;
      await Promise.race([progress.wait(), Bun.sleep(GATHER_MS)]);
    }
  }

  async #commitSome(): Promise<void> {
    const { inFlight } = this.#parts;
    const changes: Change[] = [];
    let { cursor, state, retry } = this;
    let failure: Failure | undefined;
    let disorder: Failure | undefined;
    const skipped: StepFailure[] = [];
    let count = 0;
    for (const step of this.#steps) {
      if (changes.length > COMMIT_CHANGES) break;
      disorder = orderFailure(step, cursor, this.given);
      if (disorder) break;
      const failed = await this.#changes.add(step, changes);
      if (failed) {
        const topic = inFlight.topicOf(failed.frame_id);
        const refused = step.error === undefined;
        const several = refused && inFlight.count(cursor, step.done) > 1;
        if (several && this.#parts.poison.suspect(step.done)) {
          // The other frames that it was made of are handled again, each alone.
          this.goneAstray = true;
          break;
        }
        const again = this.#nextRetry(failed);
        if (again) {
          retry = again;
          // What the worker has done since is of an attempt that the store does not keep.
          this.goneAstray = true;
          break;
        }
        if (!passesOver(this.#parts.options(), topic)) {
          // What the frames before it made is in `changes`; of this frame there is nothing.
          failure = failed;
          break;
        }
        changes.push(this.#changes.errorFrame(failed, topic, this.#failuresOn(failed)));
        skipped.push(failed);
        // The state that the worker has by now is that of a frame which is passed over.
        this.goneAstray = refused && (state ?? step.state) !== undefined;
      } else if (step.state !== undefined) {
        state = step.state;
      }
      cursor = step.done;
      retry = undefined;
      count++;
      if (this.goneAstray) break;
    }
    if (count > 0 || retry !== this.retry) {
      for (const step of this.#steps.splice(0, count)) this.#waitingEffects -= step.effects.length;
      if (this.#steps.length === 0) this.#arePlain = true;
      changes.push(writeRecord(this.#spawn.subject, cursor, state, retry));
      await retryWhileDiskFull(() => this.#host.store.apply(changes));
      this.cursor = cursor;
      this.state = state;
      this.retry = retry;
      inFlight.done(cursor);
      this.lastProgress = performance.now();
      this.#parts.progress.wake();
      void this.#parts.worker()?.tellCommitted(cursor);
      for (const each of skipped) this.#host.skipped(each);
      if (this.goneAstray && retry) this.#host.retrying(retry);
    }
    if (failure) this.failure = failure;
    this.disorder = disorder;
  }

  /** The next attempt on a frame on which the script has failed; undefined where there is none. */
  #nextRetry(failed: StepFailure): Retry | undefined {
    const options = this.#parts.options();
    return options?.onError === "retry"
      ? nextRetry(this.retry, failed, options.retries)
      : undefined;
  }

  /** How often the script has failed on a frame that it got again. */
  #failuresOn({ frame_id: id }: StepFailure): number | undefined {
    return this.retry?.frameId === id ? this.retry.failures + 1 : undefined;
  }
}
