import type { Frame } from "../../core/frame.ts";
import { HTTP_REQUEST } from "../../core/http.ts";
import type { Place } from "../../core/place.ts";
import { Drain } from "../../lib/drain.ts";
import type { Store } from "../../store/store.ts";
import type { Change } from "../../store/types.ts";
import { outlasting } from "../child/lack.ts";
import type { ScriptPlace } from "../child/runtime.ts";
import { Generator } from "../generator/generator.ts";
import { Handler } from "../handler/handler.ts";
import { OwnOutput } from "../handler/own-output.ts";
import type { Clock } from "../schedule/clock.ts";
import type { Shells } from "../shell/shells.ts";
import {
  type Answer,
  answer,
  recordKey,
  retryWhileDiskFull,
  type Subject,
  shortReason,
} from "./answers.ts";
import { Complaints } from "./complaints.ts";
import { eventsIn, type Hears } from "./events.ts";
import { checkName, Invalid, nothingToResume, parseSpawnOptions } from "./options.ts";
import type { Processor, ProcessorHost, Spawn } from "./processor.ts";
import { type Request as Asked, isDuplex, type Kind } from "./registry.ts";
import type { Requests, Taker } from "./requests.ts";
import { type End, Running } from "./running.ts";
import { idleStatus, type ProcessorStatus } from "./status.ts";

/** The services that a supervisor uses. */
export interface SupervisorHost {
  readonly store: Store;
  readonly place: ScriptPlace;
  readonly clock: Clock;
  readonly shells: Shells;
  readonly signal: AbortSignal;
  /** Resolves when the supervisors have every spawn up to a place. */
  upTo(place: Place): Promise<void>;
  /** Runs `load` once few enough other processors are loading. */
  loading<T>(load: () => Promise<T>): Promise<T>;
  /** Notes failures on HTTP requests. */
  readonly requests: Requests;
  readonly hears: Hears;
}

/** A request that waits for its turn; `recovered` was active before the server started. */
interface Request {
  readonly action: "spawn" | "terminate";
  /** Of a terminate. */
  readonly keep: boolean;
  readonly frame: Frame;
  readonly recovered?: boolean;
}

/** Runs the processors of one kind and name, and carries out the requests for it one after the other. */
export class Supervisor {
  readonly kind: Kind;
  readonly name: string;
  readonly #host: SupervisorHost;
  /** The places of all spawns of this name, by their ids. */
  readonly #spawns = new Map<string, Place>();
  readonly #own: OwnOutput;
  /** Later spawns that do not replace the running processor. */
  readonly #passedOver = new Set<string>();
  #queue: Request[] = [];
  readonly #work = new Drain(() => {
    const next = this.#queue.shift();
    return next && this.#carryOut(next);
  });
  readonly #complaints = new Complaints();
  #current: Running | undefined;
  /** What a terminate stopped without removing it. */
  #kept: Subject | undefined;
  /** The spawn that is carried out, from its turn to its answer. */
  #spawning: Subject | undefined;
  #loading: { subject: Subject; recovered: boolean; abort: AbortController } | undefined;

  constructor(host: SupervisorHost, kind: Kind, name: string) {
    this.#host = host;
    this.kind = kind;
    this.name = name;
    this.#own = new OwnOutput(host.store, name, (id) => this.#spawns.has(id));
  }

  /** Notes a spawn that replaces nothing unless `request` gets it too: from before the start, or of an import. */
  remember(spawnId: string): void {
    this.#spawns.set(spawnId, this.#host.store.placeOf(spawnId));
    this.#passedOver.add(spawnId);
  }

  /** Queues a request. Call it in the order of the log. @param recovered it was active before the server started */
  request({ action, keep }: Pick<Asked, "action" | "keep">, frame: Frame, recovered = false): void {
    if (action === "spawn") {
      this.#spawns.set(frame.id, this.#host.store.placeOf(frame.id));
      this.#passedOver.delete(frame.id);
    }
    this.#queue.push({ action, keep: keep === true, frame, recovered });
    // A processor that still loads would be replaced at once, so its load ends here. Not one that ran before the
    // server stopped: it has frames to handle up to the new spawn.
    if (action === "terminate" || !this.#loading?.recovered) this.#loading?.abort.abort();
    if (action === "terminate") this.#current?.abandon();
    this.#work.start();
  }

  /** Ends the processor at once: the store takes nothing of it any more. Only `stop` waits for that. */
  end(): void {
    this.#queue = [];
    this.#loading?.abort.abort();
    void this.#current?.stop();
  }

  /** Whether a request is being carried out. */
  get isBusy(): boolean {
    return this.#work.running !== undefined;
  }

  /** Whether the processor takes frames of a topic, now or once its requests are carried out. */
  async takes(topic: string): Promise<boolean> {
    if (!this.#takesNow(topic)) await this.#work.running;
    return this.#takesNow(topic);
  }

  #takesNow(topic: string): boolean {
    const current = this.#current;
    return current !== undefined && !current.isStopping && !!current.processor.takes?.(topic);
  }

  /** The handler of the HTTP request with this id, now or later; undefined where it is none. */
  takerOf(id: string): Taker | undefined {
    const processor = this.#current?.processor;
    return processor?.takes?.(HTTP_REQUEST) && processor.isFor?.(id)
      ? processor.subject
      : undefined;
  }

  status(): ProcessorStatus[] {
    if (this.#current) return [this.#current.status(this.#loading !== undefined)];
    const subject = this.#spawning ?? this.#nextSpawn();
    return subject ? [idleStatus(subject, "loading")] : [];
  }

  #nextSpawn(): Subject | undefined {
    const next = this.#queue.find(({ action }) => action === "spawn");
    return next && { kind: this.kind, name: this.name, spawnId: next.frame.id };
  }

  /** Ends the processor because the server stops: it runs again after the next start. */
  async stop(): Promise<void> {
    this.#queue = [];
    this.#loading?.abort.abort();
    this.#current?.abandon();
    await this.#work.running;
    const current = this.#current;
    if (!current) return;
    this.#current = undefined;
    await current.stop();
    await this.#answer([answer(current.subject, "stopped")]);
  }

  async #carryOut(request: Request): Promise<void> {
    try {
      if (request.action === "spawn") await this.#spawn(request);
      else await this.#terminate(request.keep);
    } catch (error) {
      if (this.#host.signal.aborted) this.#queue = [];
      else process.stderr.write(`xs: ${this.kind} ${this.name}: ${(error as Error).message}\n`);
    } finally {
      this.#spawning = undefined;
    }
  }

  async #spawn({ frame, recovered }: Request): Promise<void> {
    const subject = { kind: this.kind, name: this.name, spawnId: frame.id };
    this.#spawning = subject;
    const superseding = this.#queue.find(({ action }) => action === "spawn");
    // A processor that ran before the server stopped still goes on: it has frames to handle up to the next spawn.
    if (superseding && !recovered) {
      return this.#passOver(subject, "replaced", { by: superseding.frame.id });
    }
    const processor = await this.#load(subject, frame, recovered ?? false);
    if (!processor) return;
    const changes: Change[] = [];
    const before = this.#current;
    if (before) {
      const goesOnAfter = await before.handOver(this.#host.store.placeOf(frame.id));
      await processor.startAfter(goesOnAfter);
      changes.push(answer(before.subject, "replaced", { by: frame.id }));
    }
    changes.push(...processor.activation(), answer(subject, "active"));
    await this.#answer(changes);
    const running = new Running(this.#host.store, processor, this.#host.hears);
    this.#current = running;
    this.#kept = undefined;
    void running.run().then((end) => this.#ended(running, end));
  }

  /** Loads a processor; undefined where it does not load, or a later request ends the load. Answers that spawn then. */
  async #load(subject: Subject, frame: Frame, recovered: boolean): Promise<Processor | undefined> {
    const abort = new AbortController();
    this.#loading = { subject, recovered, abort };
    const signal = AbortSignal.any([abort.signal, this.#host.signal]);
    try {
      const load = () => this.#host.loading(() => this.#loadOnce(subject, frame, signal));
      return await outlasting(`${this.kind} ${this.name}`, signal, load);
    } catch (error) {
      if (this.#host.signal.aborted) return undefined;
      const next = this.#queue.find(({ action }) => action === "spawn");
      if (!abort.signal.aborted) {
        const { message } = error as Error;
        const reason = error instanceof Invalid ? message : `it did not load: ${message}`;
        await this.#passOver(subject, "invalid", { reason: shortReason(reason) });
      } else if (next) await this.#passOver(subject, "replaced", { by: next.frame.id });
      else {
        const keep = this.#queue.find(({ action }) => action === "terminate")?.keep;
        if (keep) this.#kept = subject;
        await this.#passOver(subject, keep ? "stopped" : "terminated", keep && { keep });
      }
      return undefined;
    } finally {
      this.#loading = undefined;
    }
  }

  async #loadOnce(subject: Subject, frame: Frame, signal: AbortSignal): Promise<Processor> {
    signal.throwIfAborted();
    const spawn = await this.#read(subject, frame);
    const host = this.#hostOf(frame.id);
    const processor =
      subject.kind === "handler" ? new Handler(host, spawn) : new Generator(host, spawn);
    try {
      await processor.load(signal);
      return processor;
    } catch (error) {
      await processor.stop();
      processor.dispose();
      throw error;
    }
  }

  async #read(subject: Subject, frame: Frame): Promise<Spawn> {
    checkName(subject.kind, subject.name);
    const options = parseSpawnOptions(frame.meta, this.kind);
    if (frame.hash === null)
      throw new Invalid("there is no script: it is the content of the spawn");
    const content = await this.#host.store.content.open(frame.hash);
    if (!content) throw new Invalid(`the content ${frame.hash} of the spawn is not in the store`);
    const { meta } = frame;
    // A generator that reads nothing has no progress: it only runs again.
    if (options.resume && this.kind === "generator" && this.#spawns.size < 2)
      throw nothingToResume(this.kind, this.name);
    return { subject, meta, options, script: await content.bytes(), duplex: isDuplex(frame) };
  }

  #hostOf(spawnId: string): ProcessorHost {
    const { store, place, clock, shells, signal } = this.#host;
    return {
      store,
      place,
      clock,
      shells,
      signal,
      isOwn: (line, id) => this.#own.has(line, id),
      successorUpTo: async (place) => {
        await this.#host.upTo(place);
        return this.#successor(this.#spawns.get(spawnId) ?? spawnId, place);
      },
      passedOver: (id) => void this.#passedOver.add(id),
      skipped: ({ frame_id, reason }) => {
        const subject = { kind: this.kind, name: this.name, spawnId };
        const short = shortReason(reason);
        this.#host.requests.failedOn(frame_id, subject, short);
        this.#complaints.skipped(subject, short);
      },
      retrying: (retry) => {
        const subject = { kind: this.kind, name: this.name, spawnId };
        this.#complaints.retrying(subject, retry);
      },
      isPassedOver: (id) => this.#passedOver.has(id),
    };
  }

  /** The first spawn after a place, up to another, that replaces the one before it. */
  #successor(after: Place, upTo: Place): Place | undefined {
    let first: Place | undefined;
    for (const [id, place] of this.#spawns) {
      if (place <= after || place > (first ?? upTo) || this.#passedOver.has(id)) continue;
      first = place;
    }
    return first;
  }

  /** Answers a spawn that does not become active; the processor before it goes on. */
  async #passOver(subject: Subject, event: Answer, more = {}): Promise<void> {
    this.#passedOver.add(subject.spawnId);
    this.#current?.processor.goOn?.(subject.spawnId);
    await this.#answer([answer(subject, event, more)]);
  }

  /** @param keep its progress stays: a spawn with `resume` goes on there */
  async #terminate(keep: boolean): Promise<void> {
    const current = this.#current;
    const forgotten = { delete: recordKey(this), writer: this.name };
    if (!current) {
      if (keep) return;
      const changes = this.#kept ? [answer(this.#kept, "terminated")] : [];
      this.#kept = undefined;
      if (await this.#host.store.kv.get(recordKey(this))) changes.push(forgotten);
      if (changes.length > 0) await this.#answer(changes);
      return;
    }
    await current.stop();
    // It may have ended by itself meanwhile.
    if (this.#current !== current) return;
    this.#current = undefined;
    const { subject } = current;
    if (keep) {
      this.#kept = subject;
      await this.#answer([answer(subject, "stopped", { keep })]);
    } else await this.#answer([answer(subject, "terminated"), forgotten]);
    this.#release(current.processor, false);
  }

  /** Notes what a terminate stopped before the server started, without removing it. */
  wasStopped(spawnId: string): void {
    this.#kept = { kind: this.kind, name: this.name, spawnId };
  }

  async #ended(running: Running, end: End): Promise<void> {
    if (this.#current !== running || end === "stopped") return;
    this.#current = undefined;
    running.processor.dispose();
    const remains = running.processor.remains();
    await this.#answer([answer(running.subject, end.how, end.meta), ...remains]);
    const { frame_id: frameId, reason } = end.meta;
    const failed = end.how === "failed";
    if (failed) {
      if (typeof frameId === "string")
        this.#host.requests.failedOn(frameId, running.subject, String(reason));
    }
    this.#release(running.processor, failed);
  }

  /** Ends the wait of HTTP requests for a handler that has ended. */
  #release(processor: Processor, failed: boolean): void {
    if (!processor.takes?.(HTTP_REQUEST)) return;
    const wasFor = (id: string) => !!processor.isFor?.(id) && !processor.hasDone?.(id);
    this.#host.requests.ended(processor.subject, failed, wasFor);
  }

  async #answer(changes: readonly Change[]): Promise<void> {
    try {
      await retryWhileDiskFull(() => this.#host.store.apply(changes));
      eventsIn(changes).forEach(this.#host.hears);
    } catch (error) {
      // A store that is closed or has failed reports that itself, and so does a node that does not lead any more.
      const { code = "" } = error as { code?: string };
      if (!["store_closed", "store_failed", "not_leader"].includes(code)) throw error;
    }
  }
}
