import { lastIdIn } from "../../core/frame.ts";
import { HTTP_REQUEST } from "../../core/http.ts";
import { READ_ALL } from "../../core/read-options.ts";
import { scopesOf } from "../../core/topic.ts";
import { Drain } from "../../lib/drain.ts";
import { Signal } from "../../lib/signal.ts";
import type { Reader } from "../../store/reader.ts";
import type { Change } from "../../store/types.ts";
import { howItEnded } from "../child/exit.ts";
import { type Prepared, prepare } from "../child/runtime.ts";
import {
  later,
  readRecord,
  retryWhileDiskFull,
  type Subject,
  shortReason,
  writeRecord,
} from "../lifecycle/answers.ts";
import { type HandlerOptions, passesOver } from "../lifecycle/options.ts";
import type { Attempt, Failure, Processor, ProcessorHost, Spawn } from "../lifecycle/processor.ts";
import { behindMs } from "./behind.ts";
import { InFlight } from "./in-flight.ts";
import { framesOf, type HandlerPage, isThreshold, OwnOutput } from "./own-output.ts";
import { Poison } from "./poison.ts";
import { orderFailure, StepChanges, type StepFailure } from "./step-changes.ts";
import type { Step, Workers } from "./worker.ts";
import { startWorkers } from "./workers.ts";

/** Effects that wait for a commit before the worker's output is read on. */
const WAITING_EFFECTS = 4000;
/** Changes of one commit, so that other writers get their turn. */
const COMMIT_CHANGES = 2000;
/** While a handler folds history its commits are so far apart, in ms. */
const GATHER_MS = 100;
/** A handler that commits nothing for so long, in ms, does not hold its successor up any more. */
const STALL_MS = 10_000;
/** How long a program that is not told of batches may take, in ms, until a frame is not alone any more. */
const ALONE_MS = 1000;
const DIED = "its process died three times in a row on this frame";

/**
 * A handler: frames go to its worker, and what comes of them is committed together with how far it
 * is and its state. Whatever ends the worker, the next one goes on from there.
 */
export class Handler implements Processor {
  readonly subject: Subject;
  readonly #host: ProcessorHost;
  readonly #spawn: Spawn;
  readonly #own: OwnOutput;
  readonly #changes: StepChanges;
  #prepared: Prepared | undefined;
  #options: HandlerOptions | undefined;
  #cursor = "";
  /** Where it began: what comes after that is for it. */
  #begin = "";
  /** As JSON text; undefined for a handler without state. */
  #state: string | undefined;

  #worker: Workers | undefined;
  #reader: Reader | undefined;
  #readUpTo = "";
  readonly #inFlight = new InFlight();
  readonly #poison = new Poison();
  #steps: Step[] = [];
  #waitingEffects = 0;
  readonly #commits = new Drain(() => {
    return this.#steps.length > 0 && !this.#failure ? this.#commitNext() : undefined;
  });
  /** The worker has gone beyond what the store has: another one goes on from there. */
  #goneAstray = false;
  /** The worker has broken the order of the protocol. */
  #disorder: Failure | undefined;
  /** The last request that counts as what made the worker break the protocol after it was done. */
  #blamed = "";
  /** Why the handler is over: it failed, or the store did. */
  #failure: Failure | undefined;
  readonly #progress = new Signal();
  #lastProgress = 0;
  #stopping = false;
  /** The spawn of its successor: it handles nothing after that. */
  #endAt: string | undefined;
  #drained = Promise.withResolvers<boolean>();

  constructor(host: ProcessorHost, spawn: Spawn) {
    this.#host = host;
    this.#spawn = spawn;
    this.subject = spawn.subject;
    this.#own = new OwnOutput(host.spawnIds);
    this.#changes = new StepChanges(host.store, spawn.subject, spawn.options.ttl);
  }

  async load(signal: AbortSignal): Promise<void> {
    const { subject, script, options } = this.#spawn;
    this.#prepared = prepare(this.#host.place, subject, script, options);
    this.#worker = await this.#startWorkers(signal);
    this.#options = this.#worker.options;
    const { own, before } = await readRecord(this.#host.store, subject);
    if (own) {
      this.#cursor = own.cursor;
      this.#state = own.state;
    } else {
      const { start, initial } = this.#options;
      const tail = () => later(subject.spawnId, before);
      this.#cursor = start === "tail" ? tail() : start === "first" ? "" : start;
      if (initial !== undefined) this.#state = JSON.stringify(initial);
    }
    this.#begin = this.#cursor;
  }

  takes(topic: string): boolean {
    const topics = this.#options?.topics;
    return topics === undefined || scopesOf(topic).some((scope) => topics.includes(scope));
  }

  isFor(id: string): boolean {
    return id > this.#begin;
  }

  hasDone(id: string): boolean {
    return id <= this.#cursor;
  }

  startAfter(id: string): void {
    if (this.#options?.start === "tail") this.#begin = this.#cursor = id;
  }

  activation(): Change[] {
    return [writeRecord(this.subject, this.#cursor, this.#state)];
  }

  remains(): Change[] {
    return [writeRecord(this.subject, this.#cursor)];
  }

  get runtime(): string | undefined {
    return this.#prepared?.runtime;
  }

  get pid(): number | undefined {
    return this.#worker?.pid;
  }

  get behindMs(): number {
    const idle = this.#inFlight.isEmpty && this.#steps.length === 0;
    if (idle && this.#reader?.isCaughtUp) return 0;
    return behindMs(this.#host.store, this.#cursor, this.#options?.topics);
  }

  /** Runs until the worker is gone, the handler has failed, or its successor takes over. */
  async attempt(): Promise<Attempt> {
    const worker = this.#worker ?? (await this.#startWorkers(this.#host.signal));
    this.#worker = worker;
    if (this.#stopping) worker.stop();
    this.#steps = [];
    this.#inFlight.clear();
    this.#waitingEffects = 0;
    this.#goneAstray = false;
    if (this.#state !== undefined && worker.options.concurrency === 1)
      await worker.sendState(this.#state);
    const feeding = this.#feed(worker).catch((error) => {
      this.#failure ??= { reason: (error as Error).message };
      worker.stop();
    });
    let exit: Awaited<Workers["ended"]> | undefined;
    let broken: Failure | undefined;
    try {
      exit = await worker.ended;
    } catch (error) {
      broken = { reason: (error as Error).message };
    }
    this.#worker = undefined;
    this.#reader?.close();
    this.#progress.wake();
    await feeding;
    // What it did before is kept, however it ended.
    await this.#commits.running;
    if (this.#disorder) {
      broken ??= this.#disorder;
      exit = undefined;
      this.#disorder = undefined;
    }
    const goesOn = !this.#stopping && !this.#failure;
    if (goesOn && (this.#goneAstray || (broken && (await this.#passedOver(broken)))))
      return this.attempt();
    if (!this.#stopping) this.#failure ??= broken;
    this.#drained.resolve(false);
    const reason =
      exit && shortReason([howItEnded(exit), worker.complaint].filter(Boolean).join(": "));
    const poison = goesOn && exit && this.#poison.died(this.#inFlight.idsAfter(this.#cursor));
    if (poison) await this.#failOn(poison, `${DIED}: ${reason}`);
    if (this.#failure) {
      return { failed: { ...this.#failure, reason: shortReason(this.#failure.reason) } };
    }
    return exit && reason ? { exit, reason, passedOver: !!poison } : { stopped: true };
  }

  /** A frame counts as one on which the script has failed. */
  async #failOn(id: string, error: string): Promise<void> {
    void this.#take({ done: id, effects: [], error });
    await this.#commits.running;
  }

  /** What broke the protocol may have come of a request: that one is found, and passed over. */
  async #passedOver({ reason }: Failure): Promise<boolean> {
    const ids = this.#inFlight.idsAfter(this.#cursor);
    const [first, last] = [ids[0], ids.at(-1)];
    const fromOutside = (id: string) => this.#inFlight.topicOf(id) === HTTP_REQUEST;
    if (!passesOver(this.#options, HTTP_REQUEST)) return false;
    if (!first || !last || !ids.some(fromOutside)) return this.#cameAfterDone(reason);
    // What was done just before may have made it write that: so it is seen whether it does so again.
    if (this.#poison.suspect(last)) return true;
    if (!fromOutside(first)) return false;
    await this.#failOn(first, reason);
    return !this.#failure;
  }

  /** A request that is done already may have made the worker write more; once for each request. */
  async #cameAfterDone(reason: string): Promise<boolean> {
    const id = this.#cursor;
    if (id === this.#blamed || topicIn(this.#host.store.get(id)) !== HTTP_REQUEST) return false;
    this.#blamed = id;
    const failed = { frame_id: id, reason };
    await retryWhileDiskFull(() =>
      this.#host.store.apply([this.#changes.errorFrame(failed, HTTP_REQUEST)]),
    );
    this.#host.skipped(failed);
    return true;
  }

  async handOver(successor: string): Promise<string> {
    this.#endAt = successor;
    this.#lastProgress = performance.now();
    if (!this.#worker) this.#drained.resolve(false);
    // A quiet reader has to look what there is before the spawn, and no further.
    this.#reader?.close();
    this.#progress.wake();
    const watch = setInterval(() => {
      if (performance.now() - this.#lastProgress > STALL_MS) this.#drained.resolve(false);
    }, 100);
    const drained = await this.#drained.promise;
    clearInterval(watch);
    await this.stop();
    // The spawn of a successor that an import brought may lie before what this one has done.
    return drained ? later(successor, this.#cursor) : this.#cursor;
  }

  goOn(successor: string): void {
    this.#host.passedOver(successor);
    this.#progress.wake();
  }

  async stop(): Promise<void> {
    this.#stopping = true;
    this.#reader?.close();
    this.#worker?.stop();
    this.#progress.wake();
    this.#drained.resolve(false);
    await this.#worker?.ended.catch(() => {});
    await this.#commits.running;
  }

  dispose(): void {
    this.#prepared?.dispose();
  }

  #startWorkers(signal: AbortSignal): Promise<Workers> {
    if (!this.#prepared) throw new Error("the handler is not loaded");
    const take = (step: Step) => this.#take(step);
    return startWorkers(this.#prepared, this.#host.store, this.#spawn, take, signal);
  }

  /** Reads frames and hands them to the worker, as far as it is not too far ahead. */
  async #feed(worker: Workers): Promise<void> {
    const { topics, pulse } = worker.options;
    const { store } = this.#host;
    this.#readUpTo = this.#cursor;
    const options = { ...READ_ALL, ...(topics && { topics }) };
    const after = () => (this.#readUpTo === "" ? {} : { after: this.#readUpTo });
    if (this.#endAt === undefined) {
      const live = store.read({ ...options, ...after(), follow: true, ...(pulse && { pulse }) });
      this.#reader = live;
      await this.#feedFrom(live, worker);
      live.close();
    }
    if (this.#stopping || this.#worker !== worker) return;
    if (this.#endAt === undefined) {
      // The store ends all reads: the server stops.
      return;
    }
    const rest = store.read({ ...options, ...after() });
    await this.#feedFrom(rest, worker);
    rest.close();
    while (!this.#inFlight.isEmpty && this.#worker === worker && !this.#stopping)
      await this.#progress.wait();
    if (this.#inFlight.isEmpty) this.#drained.resolve(true);
  }

  async #feedFrom(reader: Reader, worker: Workers): Promise<void> {
    for (let bytes = await reader.next(); bytes; bytes = await reader.next()) {
      // The boundary between history and what comes live is nothing to a handler.
      if (isThreshold(bytes)) continue;
      const lastId = lastIdIn(bytes);
      // The spawns of several successors may be in one page, and some of those may not load.
      let from: string | undefined;
      for (;;) {
        const successor = await this.#host.successorUpTo(lastId);
        const page = this.#own.without(bytes, successor, from);
        this.#readUpTo = successor ?? lastId;
        if (page) await this.#give(page, worker);
        if (successor === undefined) break;
        if (!(await this.#decision(successor, worker))) return;
        // It does not load, so what comes after it is for this one after all.
        from = successor;
      }
      const done = () => this.#steps.at(-1)?.done ?? this.#cursor;
      while (!this.#inFlight.hasRoom(done()) && this.#worker === worker && !this.#stopping)
        await this.#progress.wait();
      if (this.#worker !== worker || this.#stopping) return;
    }
  }

  async #give(page: HandlerPage, worker: Workers): Promise<void> {
    const { oneByOne, concurrency, batches } = worker.options;
    const strict = oneByOne && concurrency === 1;
    const isOver = () => this.#worker !== worker || this.#stopping;
    const apart = strict || this.#poison.isAfter(this.#cursor);
    for (const each of apart ? framesOf(page) : [page]) {
      this.#inFlight.add(each);
      await worker.send(each.bytes, each.lastId);
      if (!strict && !this.#poison.isSuspect(each.lastId)) continue;
      // One that is not told of batches may wait for more before it says that it is done.
      const enough = strict || batches ? Infinity : performance.now() + ALONE_MS;
      while (this.#cursor < each.lastId && !isOver() && performance.now() < enough) {
        await (enough === Infinity
          ? this.#progress.wait()
          : Promise.race([this.#progress.wait(), Bun.sleep(ALONE_MS)]));
      }
      if (isOver()) return;
    }
  }

  /** Whether to go on beyond the spawn of a successor, once that is known. */
  async #decision(successor: string, worker: Workers): Promise<boolean> {
    for (;;) {
      if (this.#stopping || this.#worker !== worker) return false;
      if (this.#host.isPassedOver(successor)) return true;
      if (this.#endAt !== undefined) return false;
      await this.#progress.wait();
    }
  }

  #take(step: Step): Promise<void> | undefined {
    if (this.#failure || this.#goneAstray || this.#disorder) return undefined;
    this.#steps.push(step);
    this.#progress.wake();
    this.#waitingEffects += step.effects.length;
    this.#commits.start();
    return this.#waitingEffects > WAITING_EFFECTS ? this.#commits.running : undefined;
  }

  async #commitNext(): Promise<void> {
    try {
      await this.#gather();
      await this.#commitSome();
    } catch (error) {
      this.#failure ??= { reason: (error as Error).message };
    }
    if (!this.#failure && !this.#goneAstray && !this.#disorder) return;
    this.#steps = [];
    this.#worker?.stop();
  }

  /**
   * Waits for more while it folds a long history: whole pages are done with nothing to write but the
   * state, and more are on their way. A commit for each page would cost more than the fold.
   */
  async #gather(): Promise<void> {
    const end = performance.now() + GATHER_MS;
    const done = () => this.#steps.at(-1)?.done ?? "";
    while (this.#waitingEffects === 0 && this.#inFlight.hasMoreAfter(done())) {
      if (performance.now() >= end) return;
      await Promise.race([this.#progress.wait(), Bun.sleep(GATHER_MS)]);
    }
  }

  async #commitSome(): Promise<void> {
    const changes: Change[] = [];
    let cursor = this.#cursor;
    let state = this.#state;
    let failure: Failure | undefined;
    let disorder: Failure | undefined;
    const skipped: StepFailure[] = [];
    let count = 0;
    for (const step of this.#steps) {
      if (changes.length > COMMIT_CHANGES) break;
      disorder = orderFailure(step, cursor, this.#readUpTo);
      if (disorder) break;
      const failed = await this.#changes.add(step, changes);
      if (failed) {
        const topic = this.#inFlight.topicOf(failed.frame_id);
        const refused = step.error === undefined;
        if (
          refused &&
          this.#inFlight.count(cursor, step.done) > 1 &&
          this.#poison.suspect(step.done)
        ) {
          // The other frames that it was made of are handled again, each alone.
          this.#goneAstray = true;
          break;
        }
        if (!passesOver(this.#options, topic)) {
          // What the frames before it made is in `changes`; of its own there is nothing.
          failure = failed;
          break;
        }
        changes.push(this.#changes.errorFrame(failed, topic));
        skipped.push(failed);
        // The state that the worker has by now is that of a frame which is passed over.
        this.#goneAstray = refused && (state ?? step.state) !== undefined;
      } else if (step.state !== undefined) {
        state = step.state;
      }
      cursor = step.done;
      count++;
      if (this.#goneAstray) break;
    }
    if (count > 0) {
      const made = this.#steps.splice(0, count);
      for (const step of made) this.#waitingEffects -= step.effects.length;
      changes.push(writeRecord(this.subject, cursor, state));
      await retryWhileDiskFull(() => this.#host.store.apply(changes));
      this.#cursor = cursor;
      this.#state = state;
      this.#inFlight.done(cursor);
      this.#lastProgress = performance.now();
      this.#progress.wake();
      void this.#worker?.tellCommitted(cursor);
      for (const each of skipped) this.#host.skipped(each);
    }
    if (failure) this.#failure = failure;
    this.#disorder = disorder;
  }
}

/** The topic of a frame as the store has it; undefined where it has none. */
function topicIn(line: string | undefined): string | undefined {
  return line === undefined ? undefined : (JSON.parse(line) as { topic: string }).topic;
}
