import { idInLine, lastIdIn } from "../frame/frame.ts";
import { timestampOf } from "../frame/id.ts";
import { READ_ALL } from "../frame/read-options.ts";
import { scopesOf } from "../frame/topic.ts";
import type { Reader } from "../store/reader.ts";
import type { Change } from "../store/store.ts";
import { Drain } from "./drain.ts";
import { Lanes } from "./lanes.ts";
import { patiently, readRecord, type Subject, shortReason, writeRecord } from "./lifecycle.ts";
import type { HandlerOptions } from "./options.ts";
import { StderrWriter } from "./output.ts";
import { framesOf, type HandlerPage, OwnOutput } from "./own-output.ts";
import type { Attempt, Failure, Processor, ProcessorHost, Spawn } from "./processor.ts";
import { stateProblem } from "./protocol.ts";
import { type Prepared, prepare } from "./runtime.ts";
import { StepChanges } from "./step-changes.ts";
import { type Crew, howItEnded, type Step, Worker } from "./worker.ts";

/** Bytes of frames that may be with the worker and not done. */
const IN_FLIGHT_BYTES = 1024 * 1024;
/** Pages of them. */
const IN_FLIGHT_PAGES = 16;
/** Effects that wait for a commit before the worker's output is read on. */
const WAITING_EFFECTS = 4000;
/** Changes of one commit, so that other writers get their turn. */
const COMMIT_CHANGES = 2000;
/** While a handler folds history its commits are so far apart, in ms. */
const GATHER_MS = 100;
/** A handler that commits nothing for so long, in ms, does not hold its successor up any more. */
const STALL_MS = 10_000;

/** Frames that are with the worker. */
interface Page {
  readonly lastId: string;
  readonly size: number;
}

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
  /** As JSON text; undefined for a handler without state. */
  #state: string | undefined;

  #worker: Crew | undefined;
  #reader: Reader | undefined;
  #readUpTo = "";
  #inFlight: Page[] = [];
  #steps: Step[] = [];
  #waitingEffects = 0;
  readonly #commits = new Drain(() => {
    return this.#steps.length > 0 && !this.#failure ? this.#commitNext() : undefined;
  });
  /** Why the handler is over: it failed, or the store did. */
  #failure: Failure | undefined;
  #progress = Promise.withResolvers<void>();
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
    this.#worker = await this.#startCrew(signal);
    this.#options = this.#worker.options;
    const record = await readRecord(this.#host.store, subject);
    if (record) {
      this.#cursor = record.cursor;
      if (record.state !== undefined) this.#state = JSON.stringify(record.state);
    } else {
      const { start, initial } = this.#options;
      this.#cursor = start === "tail" ? subject.spawnId : start === "first" ? "" : start;
      if (initial !== undefined) this.#state = JSON.stringify(initial);
    }
  }

  takes(topic: string): boolean {
    const topics = this.#options?.topics;
    return topics === undefined || scopesOf(topic).some((scope) => topics.includes(scope));
  }

  startAfter(id: string): void {
    if (this.#options?.start === "tail") this.#cursor = id;
  }

  activation(): Change[] {
    return [this.#record()];
  }

  get runtime(): string | undefined {
    return this.#prepared?.runtime;
  }

  get pid(): number | undefined {
    return this.#worker?.pid;
  }

  /** How far it is behind the newest frame that it takes, in ms. */
  get behindMs(): number {
    const newest = this.#host.store.neighbour("~", "previous", this.#options?.topics);
    const idle = this.#inFlight.length === 0 && this.#steps.length === 0;
    if (newest === undefined || (idle && this.#reader?.isCaughtUp)) return 0;
    const id = idInLine(newest);
    if (id <= this.#cursor) return 0;
    const from = this.#cursor === "" ? this.#host.store.neighbour("", "next") : undefined;
    const cursor = from === undefined ? this.#cursor : idInLine(from);
    return Math.max(0, timestampOf(id) - timestampOf(cursor));
  }

  /** Runs until the worker is gone, the handler has failed, or its successor takes over. */
  async attempt(): Promise<Attempt> {
    const worker = this.#worker ?? (await this.#startCrew(this.#host.signal));
    this.#worker = worker;
    if (this.#stopping) worker.stop();
    this.#steps = [];
    this.#inFlight = [];
    this.#waitingEffects = 0;
    if (this.#state !== undefined && worker.options.concurrency === 1)
      await worker.sendState(this.#state);
    const feeding = this.#feed(worker).catch((error) => {
      this.#failure ??= { reason: (error as Error).message };
      worker.stop();
    });
    let exit: Awaited<Crew["ended"]> | undefined;
    let broken: Failure | undefined;
    try {
      exit = await worker.ended;
    } catch (error) {
      broken = { reason: (error as Error).message };
    }
    this.#worker = undefined;
    this.#reader?.close();
    this.#wake();
    await feeding;
    // What it did before is kept, however it ended.
    await this.#commits.running;
    if (!this.#stopping) this.#failure ??= broken;
    this.#drained.resolve(false);
    if (this.#failure) {
      return { failed: { ...this.#failure, reason: shortReason(this.#failure.reason) } };
    }
    if (!exit) return { stopped: true };
    const complaint = worker.complaint;
    const reason = shortReason(complaint ? `${howItEnded(exit)}: ${complaint}` : howItEnded(exit));
    return { exit, reason };
  }

  async handOver(successor: string): Promise<string> {
    this.#endAt = successor;
    this.#lastProgress = performance.now();
    if (!this.#worker) this.#drained.resolve(false);
    // A quiet reader has to look what there is before the spawn, and no further.
    this.#reader?.close();
    this.#wake();
    const watch = setInterval(() => {
      if (performance.now() - this.#lastProgress > STALL_MS) this.#drained.resolve(false);
    }, 100);
    const drained = await this.#drained.promise;
    clearInterval(watch);
    await this.stop();
    return drained ? successor : this.#cursor;
  }

  goOn(successor: string): void {
    this.#host.passedOver(successor);
    this.#wake();
  }

  async stop(): Promise<void> {
    this.#stopping = true;
    this.#reader?.close();
    this.#worker?.stop();
    this.#wake();
    this.#drained.resolve(false);
    await this.#worker?.ended.catch(() => {});
    await this.#commits.running;
  }

  dispose(): void {
    this.#prepared?.dispose();
  }

  async #startCrew(signal: AbortSignal): Promise<Crew> {
    if (!this.#prepared) throw new Error("the handler is not loaded");
    const prepared = this.#prepared;
    const { store } = this.#host;
    const { name, spawnId } = this.subject;
    const target = { store, topic: `${name}.stderr`, meta: { spawn_id: spawnId } };
    let lanes: Lanes | undefined;
    const start = async () => {
      let worker: Worker | undefined;
      const step = (step: Step) => (worker && lanes ? lanes.take(worker, step) : this.#take(step));
      const stderr = (stream: ReadableStream<Uint8Array>) => new StderrWriter(stream, target);
      worker = await Worker.start(prepared, this.#spawn.meta, { step, stderr }, signal);
      return worker;
    };
    const first = await start();
    const { concurrency } = first.options;
    // A script in TypeScript works on several frames by itself.
    if (concurrency === 1 || prepared.runtime === "ts") return first;
    lanes = await Lanes.start(first, concurrency, { step: (step) => this.#take(step) }, start);
    return lanes;
  }

  /** Reads frames and hands them to the worker, as far as it is not too far ahead. */
  async #feed(worker: Crew): Promise<void> {
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
    while (this.#inFlight.length > 0 && this.#worker === worker && !this.#stopping)
      await this.#wait();
    if (this.#inFlight.length === 0) this.#drained.resolve(true);
  }

  async #feedFrom(reader: Reader, worker: Crew): Promise<void> {
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
      while (!this.#hasRoom() && this.#worker === worker && !this.#stopping) await this.#wait();
      if (this.#worker !== worker || this.#stopping) return;
    }
  }

  async #give(page: HandlerPage, worker: Crew): Promise<void> {
    const oneByOne = worker.options.oneByOne && worker.options.concurrency === 1;
    const isOver = () => this.#worker !== worker || this.#stopping;
    for (const { bytes, lastId } of oneByOne ? framesOf(page) : [page]) {
      this.#inFlight.push({ lastId, size: bytes.length });
      await worker.send(bytes, lastId);
      while (oneByOne && this.#cursor < lastId && !isOver()) await this.#wait();
      if (isOver()) return;
    }
  }

  /** Whether to go on beyond the spawn of a successor, once that is known. */
  async #decision(successor: string, worker: Crew): Promise<boolean> {
    for (;;) {
      if (this.#stopping || this.#worker !== worker) return false;
      if (this.#host.isPassedOver(successor)) return true;
      if (this.#endAt !== undefined) return false;
      await this.#wait();
    }
  }

  #hasRoom(): boolean {
    const done = this.#steps.at(-1)?.done ?? this.#cursor;
    let size = 0;
    let pages = 0;
    for (const page of this.#inFlight) {
      if (page.lastId <= done) continue;
      size += page.size;
      pages++;
    }
    return size < IN_FLIGHT_BYTES && pages < IN_FLIGHT_PAGES;
  }

  #take(step: Step): Promise<void> | undefined {
    if (this.#failure) return undefined;
    this.#steps.push(step);
    this.#wake();
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
    if (!this.#failure) return;
    this.#steps = [];
    this.#worker?.stop();
  }

  /**
   * It folds a long history: whole pages are done with nothing to write but the state, and more are
   * on their way. A commit for each page would cost more than the fold.
   */
  #isFarBehind(): boolean {
    const done = this.#steps.at(-1)?.done ?? "";
    if (this.#waitingEffects > 0 || done >= (this.#inFlight.at(-1)?.lastId ?? "")) return false;
    return this.#inFlight.some(({ lastId }) => lastId === done);
  }

  async #gather(): Promise<void> {
    const end = performance.now() + GATHER_MS;
    while (this.#isFarBehind() && performance.now() < end) {
      await Promise.race([this.#wait(), Bun.sleep(GATHER_MS)]);
    }
  }

  async #commitSome(): Promise<void> {
    const changes: Change[] = [];
    let cursor = this.#cursor;
    let state = this.#state;
    let failure: Failure | undefined;
    let count = 0;
    for (const step of this.#steps) {
      if (changes.length > COMMIT_CHANGES) break;
      failure = this.#brokenBy(step, cursor);
      if (failure) break;
      const failed = await this.#changes.add(step, changes);
      if (failed && this.#options?.onError !== "skip") {
        // What the frames before it made is in `changes`; of its own there is nothing.
        failure = failed;
        break;
      }
      if (failed) changes.push(this.#changes.errorFrame(failed));
      cursor = step.done;
      if (step.state !== undefined) state = step.state;
      count++;
    }
    if (count > 0) {
      const made = this.#steps.splice(0, count);
      for (const step of made) this.#waitingEffects -= step.effects.length;
      changes.push(writeRecord(this.subject, cursor, state));
      await patiently(() => this.#host.store.apply(changes));
      this.#cursor = cursor;
      this.#state = state;
      while (this.#inFlight[0] && this.#inFlight[0].lastId <= cursor) this.#inFlight.shift();
      this.#lastProgress = performance.now();
      this.#wake();
      void this.#worker?.tellCommitted(cursor);
    }
    if (failure) this.#failure = failure;
  }

  /** How a step breaks the protocol, if it does: the worker is not to be trusted any more. */
  #brokenBy({ done, state }: Step, cursor: string): Failure | undefined {
    if (done <= cursor) return { reason: `it declared ${done} done, which it had done before` };
    if (done > this.#readUpTo)
      return { reason: `it declared ${done} done, which it was not given` };
    const problem = state === undefined ? undefined : stateProblem(state);
    return problem === undefined ? undefined : { reason: problem, frame_id: done };
  }

  #record(): Change {
    return writeRecord(this.subject, this.#cursor, this.#state);
  }

  #wait(): Promise<void> {
    return this.#progress.promise;
  }

  #wake(): void {
    this.#progress.resolve();
    this.#progress = Promise.withResolvers();
  }
}

const THRESHOLD = Buffer.from('{"topic":"stream.cross.threshold"');

function isThreshold(bytes: Uint8Array): boolean {
  return THRESHOLD.equals(bytes.subarray(0, THRESHOLD.length));
}
