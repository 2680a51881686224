import { HTTP_REQUEST } from "../../core/http.ts";
import { topicInLine } from "../../core/index-keys.ts";
import { TopicFilter } from "../../core/pattern.ts";
import { idAt, later, type Place } from "../../core/place.ts";
import { Signal } from "../../lib/signal.ts";
import type { Change } from "../../store/types.ts";
import { howItEnded } from "../child/exit.ts";
import { type Prepared, prepare } from "../child/runtime.ts";
import { readRecord, type Subject, shortReason, writeRecord } from "../lifecycle/answers.ts";
import { waitBefore } from "../lifecycle/backoff.ts";
import { type HandlerOptions, nothingToResume, passesOver } from "../lifecycle/options.ts";
import type { Attempt, Failure, Processor, ProcessorHost, Spawn } from "../lifecycle/processor.ts";
import type { RetryStatus } from "../lifecycle/status.ts";
import { behindMs } from "./behind.ts";
import { Feed } from "./feed.ts";
import { InFlight } from "./in-flight.ts";
import { Poison } from "./poison.ts";
import { waitFor } from "./retry.ts";
import { type HandlerParts, StepCommits } from "./step-commits.ts";
import type { Step, Workers } from "./worker.ts";
import { startWorkers } from "./worker-pool.ts";

/** A handler that commits nothing for so long, in ms, does not hold its successor up any more. */
const STALL_MS = 10_000;
const DIED = "its process died three times in a row on this frame";

/**
 * A handler: frames go to its worker, and what comes of them is committed together with how far it
 * is and its state. Whatever ends the worker, the next one goes on from there.
 */
export class Handler implements Processor {
  readonly subject: Subject;
  readonly spawn: Spawn;
  readonly #host: ProcessorHost;
  #prepared: Prepared | undefined;
  #options: HandlerOptions | undefined;
  /** Where it began: what comes after that is for it. */
  #begin: Place = "";

  #worker: Workers | undefined;
  readonly #inFlight = new InFlight();
  readonly #poison = new Poison();
  readonly #progress = new Signal();
  readonly #commits: StepCommits;
  readonly #feed: Feed;
  /** The place of the last request that counts as what made the worker break the protocol after it was done. */
  #blamed = "";
  #stopping = false;
  /** It waits until the frame comes again on which it has failed. */
  #waiting = false;
  #drained = Promise.withResolvers<boolean>();

  constructor(host: ProcessorHost, spawn: Spawn) {
    this.#host = host;
    this.spawn = spawn;
    this.subject = spawn.subject;
    const parts: HandlerParts = {
      inFlight: this.#inFlight,
      poison: this.#poison,
      progress: this.#progress,
      options: () => this.#options,
      worker: () => this.#worker,
      isStopping: () => this.#stopping,
    };
    this.#commits = new StepCommits(host, spawn, parts);
    this.#feed = new Feed(host, parts, this.#commits);
  }

  async load(signal: AbortSignal): Promise<void> {
    const { subject, script, options } = this.spawn;
    this.#prepared = prepare(this.#host.place, subject, script, options);
    this.#worker = await this.#startWorkers(signal);
    this.#options = this.#worker.options;
    if (options.resume) return await this.#resume();
    const { own, before } = await readRecord(this.#host.store, subject);
    const { start } = this.#options;
    const { store } = this.#host;
    const tail = () => later(store.placeOf(subject.spawnId), before);
    this.#begin = start === "tail" ? tail() : start === "first" ? "" : store.placeOf(start);
    this.#commits.cursor = own ? own.cursor : this.#begin;
    this.#commits.state = own ? own.state : this.#initialState();
    this.#commits.retry = own?.retry;
  }

  /**
   * Takes over the cursor and the state of its name; a frame that waits for a retry comes at once.
   *
   * @throws Invalid where there are none
   */
  async #resume(): Promise<void> {
    const { kind, name } = this.subject;
    const { own } = await readRecord(this.#host.store, this.subject, true);
    if (!own) throw nothingToResume(kind, name);
    this.#commits.cursor = own.cursor;
    this.#commits.state = own.state ?? this.#initialState();
    this.#commits.retry = own.spawn_id === this.subject.spawnId ? own.retry : undefined;
    const isNew = own.spawn_id !== this.subject.spawnId;
    this.#begin = isNew ? own.cursor : this.#host.store.placeOf(this.subject.spawnId);
  }

  #initialState(): string | undefined {
    const { initial } = this.#options ?? {};
    return initial === undefined ? undefined : JSON.stringify(initial);
  }

  takes(topic: string): boolean {
    return new TopicFilter(this.#options?.topics).takes(topic);
  }

  isFor(id: string): boolean {
    return id > this.#begin;
  }

  hasDone(id: string): boolean {
    return id <= this.#commits.cursor;
  }

  async startAfter(place: Place): Promise<void> {
    // Its predecessor went on until now.
    if (this.spawn.options.resume) await this.#resume();
    else if (this.#options?.start === "tail") this.#begin = this.#commits.cursor = place;
  }

  activation(): Change[] {
    const { cursor, state, retry } = this.#commits;
    return [writeRecord(this.subject, cursor, state, retry)];
  }

  remains(): Change[] {
    return this.activation();
  }

  get runtime(): string | undefined {
    return this.#prepared?.runtime;
  }

  get pid(): number | undefined {
    return this.#worker?.pid;
  }

  get behindMs(): number {
    if (this.#inFlight.isEmpty && this.#commits.isIdle && this.#feed.isCaughtUp) return 0;
    return behindMs(this.#host.store, this.#commits.cursor, this.#options?.topics);
  }

  get retrying(): RetryStatus | undefined {
    const { retry } = this.#commits;
    if (!this.#waiting || !retry) return undefined;
    const { frameId, failures, at, reason = null } = retry;
    const retries = this.#options?.retries ?? 0;
    return { frame_id: frameId, failures, retries, at: new Date(at).toISOString(), reason };
  }

  /** Runs until the worker is gone, the handler has failed, or its successor takes over. */
  async attempt(): Promise<Attempt> {
    for (;;) {
      await this.#untilRetry();
      const attempt = await this.#attemptOnce();
      if (attempt) return attempt;
    }
  }

  /** @returns undefined where the next attempt follows at once, or at the time of a retry */
  async #attemptOnce(): Promise<Attempt | undefined> {
    const worker = this.#worker ?? (await this.#startWorkers(this.#host.signal));
    this.#worker = worker;
    if (this.#stopping) worker.stop();
    this.#inFlight.clear();
    this.#commits.begin();
    if (this.#commits.state !== undefined && worker.options.concurrency === 1)
      await worker.sendState(this.#commits.state);
    const feeding = this.#feed.run(worker).then(
      (drained) => {
        if (drained) this.#drained.resolve(true);
      },
      (error) => {
        this.#commits.failure ??= { reason: (error as Error).message };
        worker.stop();
      },
    );
    let exit: Awaited<Workers["ended"]> | undefined;
    let broken: Failure | undefined;
    try {
      exit = await worker.ended;
    } catch (error) {
      broken = { reason: (error as Error).message };
    }
    this.#worker = undefined;
    this.#feed.close();
    this.#progress.wake();
    await feeding;
    // What it did before is kept, however it ended.
    await this.#commits.running;
    if (this.#commits.disorder) {
      broken ??= this.#commits.disorder;
      exit = undefined;
      this.#commits.disorder = undefined;
    }
    const goesOn = !this.#stopping && !this.#commits.failure;
    if (goesOn && (this.#commits.goneAstray || (broken && (await this.#passedOver(broken)))))
      return undefined;
    if (!this.#stopping) this.#commits.failure ??= broken;
    this.#drained.resolve(false);
    const reason =
      exit && shortReason([howItEnded(exit), worker.complaint].filter(Boolean).join(": "));
    const poison =
      goesOn && exit && this.#poison.died(this.#inFlight.placesAfter(this.#commits.cursor));
    if (poison) await this.#commits.failOn(poison, `${DIED}: ${reason}`);
    const { failure } = this.#commits;
    if (failure) return { failed: { ...failure, reason: shortReason(failure.reason) } };
    return exit && reason ? { exit, reason, passedOver: !!poison } : { stopped: true };
  }

  /** What broke the protocol may have come of a request: that one is found, and passed over. */
  async #passedOver({ reason }: Failure): Promise<boolean> {
    const places = this.#inFlight.placesAfter(this.#commits.cursor);
    const [first, last] = [places[0], places.at(-1)];
    const fromOutside = (at: Place) => this.#inFlight.topicOf(idAt(at)) === HTTP_REQUEST;
    if (!passesOver(this.#options, HTTP_REQUEST)) return false;
    if (!first || !last || !places.some(fromOutside)) return this.#cameAfterDone(reason);
    // What was done just before may have made it write that: so it is seen whether it does so again.
    if (this.#poison.suspect(last)) return true;
    if (!fromOutside(first)) return false;
    await this.#commits.failOn(first, reason);
    return !this.#commits.failure;
  }

  /** A request that is done already may have made the worker write more; once for each request. */
  async #cameAfterDone(reason: string): Promise<boolean> {
    const place = this.#commits.cursor;
    const id = idAt(place);
    const line = place === this.#blamed ? undefined : this.#host.store.get(id);
    if (!line || topicInLine(line) !== HTTP_REQUEST) return false;
    this.#blamed = place;
    await this.#commits.addFailure({ frame_id: id, reason }, HTTP_REQUEST);
    return true;
  }

  /** Waits until the frame on which the handler has failed is to come again. A stop and a successor end the wait. */
  async #untilRetry(): Promise<void> {
    const { retry } = this.#commits;
    if (!retry) return;
    this.#waiting = true;
    for (;;) {
      const isReplaced = this.#feed.endAt !== undefined;
      // It would hold its successor up, perhaps for hours. That gets the frame.
      if (isReplaced) this.#drained.resolve(false);
      const wait = isReplaced ? waitBefore(1) : waitFor(retry);
      if (this.#stopping || wait <= 0) break;
      const timer = Promise.withResolvers<void>();
      const timeout = setTimeout(timer.resolve, wait);
      await Promise.race([timer.promise, this.#progress.wait()]);
      clearTimeout(timeout);
    }
    this.#waiting = false;
  }

  async handOver(successor: Place): Promise<Place> {
    this.#feed.endAt = successor;
    this.#commits.lastProgress = performance.now();
    if (!this.#worker) this.#drained.resolve(false);
    // A quiet reader has to look what there is before the spawn, and no further.
    this.#feed.close();
    this.#progress.wake();
    const watch = setInterval(() => {
      if (performance.now() - this.#commits.lastProgress > STALL_MS) this.#drained.resolve(false);
    }, 100);
    const drained = await this.#drained.promise;
    clearInterval(watch);
    await this.stop();
    // The spawn of a successor that an import brought may lie before what this one has done.
    return drained ? later(successor, this.#commits.cursor) : this.#commits.cursor;
  }

  goOn(successor: string): void {
    this.#host.passedOver(successor);
    this.#progress.wake();
  }

  async stop(): Promise<void> {
    this.#stopping = true;
    this.#feed.close();
    this.#worker?.stop();
    this.#progress.wake();
    this.#drained.resolve(false);
    await this.#worker?.ended.catch(() => {});
    await this.#commits.running;
  }

  dispose(): void {
    if (this.runtime === "sh") void this.#host.shells.release(this.subject.spawnId);
    this.#prepared?.dispose();
  }

  #startWorkers(signal: AbortSignal): Promise<Workers> {
    if (!this.#prepared) throw new Error("the handler is not loaded");
    return startWorkers(this.#prepared, { ...this.#host, signal }, this.spawn, {
      step: (step: Step) => this.#commits.take(step),
      placeOf: (id) => this.#inFlight.placeOf(id),
    });
  }
}
