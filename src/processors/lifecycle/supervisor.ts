import type { Frame } from "../../core/frame.ts";
import { HTTP_REQUEST } from "../../core/http.ts";
import { Drain } from "../../lib/drain.ts";
import type { Store } from "../../store/store.ts";
import type { Change } from "../../store/types.ts";
import { outlasting } from "../child/lack.ts";
import type { ScriptPlace } from "../child/runtime.ts";
import { Generator } from "../generator/generator.ts";
import { Handler } from "../handler/handler.ts";
import { answer, recordKey, retryWhileDiskFull, type Subject, shortReason } from "./answers.ts";
import { Complaints } from "./complaints.ts";
import { checkName, Invalid, parseSpawnOptions } from "./options.ts";
import type { Processor, ProcessorHost, Spawn } from "./processor.ts";
import { isDuplex, type Kind } from "./registry.ts";
import type { Requests, Taker } from "./requests.ts";
import { type End, Running } from "./running.ts";
import { idleStatus, type ProcessorStatus } from "./status.ts";

/** What a supervisor has around it. */
export interface SupervisorHost {
  readonly store: Store;
  readonly place: ScriptPlace;
  readonly signal: AbortSignal;
  /** Resolves when every spawn up to an id has come to its supervisor. */
  upTo(id: string): Promise<void>;
  /** Runs something when few others are loading. */
  loading<T>(load: () => Promise<T>): Promise<T>;
  /** What becomes of requests from outside. */
  readonly requests: Requests;
}

/** A request that waits for its turn; `recovered` was active before the server started. */
interface Request {
  readonly action: "spawn" | "terminate";
  readonly frame: Frame;
  readonly recovered?: boolean;
}

/** All that has one kind and name: what runs, and what is asked for next, one after the other. */
export class Supervisor {
  readonly kind: Kind;
  readonly name: string;
  readonly #host: SupervisorHost;
  readonly #spawnIds = new Set<string>();
  /** Later spawns that do not replace what runs. */
  readonly #passedOver = new Set<string>();
  #queue: Request[] = [];
  readonly #work = new Drain(() => {
    const next = this.#queue.shift();
    return next && this.#carryOut(next);
  });
  readonly #complaints = new Complaints();
  #current: Running | undefined;
  #loading: { subject: Subject; recovered: boolean; abort: AbortController } | undefined;

  constructor(host: SupervisorHost, kind: Kind, name: string) {
    this.#host = host;
    this.kind = kind;
    this.name = name;
  }

  /** Notes a spawn of an earlier time, which replaces nothing unless it is asked for again. */
  remember(spawnId: string): void {
    this.#spawnIds.add(spawnId);
    this.#passedOver.add(spawnId);
  }

  /** Takes a request, in the order of the log. */
  request(action: "spawn" | "terminate", frame: Frame, recovered = false): void {
    if (action === "spawn") {
      this.#spawnIds.add(frame.id);
      this.#passedOver.delete(frame.id);
    }
    this.#queue.push({ action, frame, recovered });
    // What is about to be loaded is not wanted any more, or not for long. But what ran before the
    // server stopped has frames to handle up to the new spawn.
    if (action === "terminate" || !this.#loading?.recovered) this.#loading?.abort.abort();
    if (action === "terminate") this.#current?.abandon();
    this.#work.start();
  }

  /** Whether frames of a topic are taken here, now or once what is asked for is loaded. */
  async takes(topic: string): Promise<boolean> {
    if (!this.#takesNow(topic)) await this.#work.running;
    return this.#takesNow(topic);
  }

  #takesNow(topic: string): boolean {
    const current = this.#current;
    return current !== undefined && !current.isStopping && current.processor.takes(topic);
  }

  /** What handles a request of this id, now or when its turn comes. */
  takerOf(id: string): Taker | undefined {
    const processor = this.#current?.processor;
    return processor?.takes(HTTP_REQUEST) && processor.isFor(id) ? processor.subject : undefined;
  }

  status(): ProcessorStatus[] {
    const rows: ProcessorStatus[] = [];
    if (this.#current) rows.push(this.#current.status(this.#loading !== undefined));
    if (this.#loading && !this.#current) {
      rows.push(idleStatus(this.#loading.subject, "loading"));
    }
    return rows;
  }

  /** Ends what runs, because the server stops: it runs again after the next start. */
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
      else await this.#terminate();
    } catch (error) {
      if (this.#host.signal.aborted) this.#queue = [];
      else process.stderr.write(`xs: ${this.kind} ${this.name}: ${(error as Error).message}\n`);
    }
  }

  async #spawn({ frame, recovered }: Request): Promise<void> {
    const subject = { kind: this.kind, name: this.name, spawnId: frame.id };
    const superseding = this.#queue.find(({ action }) => action === "spawn");
    // What the server ran before it stopped goes on first, so that nothing is left out.
    if (superseding && !recovered) {
      this.#passOver(frame.id);
      await this.#answer([answer(subject, "replaced", { by: superseding.frame.id })]);
      return;
    }
    const loaded = await this.#load(subject, frame, recovered ?? false);
    if (!loaded) return;
    const { processor, spawn } = loaded;
    const changes: Change[] = [];
    const before = this.#current;
    if (before) {
      const goesOnAfter = await before.handOver(frame.id);
      processor.startAfter(goesOnAfter);
      changes.push(answer(before.subject, "replaced", { by: frame.id }));
    }
    changes.push(...processor.activation(), answer(subject, "active"));
    await this.#answer(changes);
    const running = new Running(this.#host.store, processor, spawn);
    this.#current = running;
    void running.run().then((end) => this.#ended(running, end));
  }

  /** Loads what is to run; undefined where it does not load, or is not wanted any more. */
  async #load(
    subject: Subject,
    frame: Frame,
    recovered: boolean,
  ): Promise<{ processor: Processor; spawn: Spawn } | undefined> {
    const abort = new AbortController();
    this.#loading = { subject, recovered, abort };
    const signal = AbortSignal.any([abort.signal, this.#host.signal]);
    try {
      const load = () => this.#host.loading(() => this.#loadOnce(subject, frame, signal));
      return await outlasting(`${this.kind} ${this.name}`, signal, load);
    } catch (error) {
      if (this.#host.signal.aborted) return undefined;
      if (abort.signal.aborted) {
        this.#passOver(frame.id);
        const next = this.#queue.find(({ action }) => action === "spawn");
        const by = next ? { by: next.frame.id } : {};
        await this.#answer([answer(subject, next ? "replaced" : "terminated", by)]);
        return undefined;
      }
      const { message } = error as Error;
      const reason = shortReason(
        error instanceof Invalid ? message : `it did not load: ${message}`,
      );
      this.#passOver(frame.id);
      await this.#answer([answer(subject, "invalid", { reason })]);
      return undefined;
    } finally {
      this.#loading = undefined;
    }
  }

  async #loadOnce(
    subject: Subject,
    frame: Frame,
    signal: AbortSignal,
  ): Promise<{ processor: Processor; spawn: Spawn }> {
    signal.throwIfAborted();
    const spawn = await this.#read(subject, frame);
    const around = this.#around(frame.id);
    const processor =
      subject.kind === "handler" ? new Handler(around, spawn) : new Generator(around, spawn);
    try {
      await processor.load(signal);
      return { processor, spawn };
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
    return { subject, meta, options, script: await content.bytes(), duplex: isDuplex(frame) };
  }

  #around(spawnId: string): ProcessorHost {
    return {
      store: this.#host.store,
      place: this.#host.place,
      signal: this.#host.signal,
      spawnIds: this.#spawnIds,
      successorUpTo: async (id) => {
        await this.#host.upTo(id);
        for (const later of this.#spawnIds) {
          if (later > spawnId && later <= id && !this.#passedOver.has(later)) return later;
        }
        return undefined;
      },
      passedOver: (id) => void this.#passedOver.add(id),
      skipped: ({ frame_id, reason }) => {
        const subject = { kind: this.kind, name: this.name, spawnId };
        const short = shortReason(reason);
        this.#host.requests.failedOn(frame_id, subject, short);
        this.#complaints.skipped(subject, short);
      },
      isPassedOver: (id) => this.#passedOver.has(id),
    };
  }

  #passOver(spawnId: string): void {
    this.#passedOver.add(spawnId);
    this.#current?.processor.goOn(spawnId);
  }

  async #terminate(): Promise<void> {
    const current = this.#current;
    if (!current) {
      if (await this.#host.store.kv.get(recordKey(this))) await this.#answer(this.#forget());
      return;
    }
    await current.stop();
    // It may have come to an end of its own meanwhile.
    if (this.#current !== current) return;
    this.#current = undefined;
    await this.#answer([answer(current.subject, "terminated"), ...this.#forget()]);
    this.#release(current.processor, false);
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
      this.#complaints.failed(running.subject, String(reason));
      if (typeof frameId === "string")
        this.#host.requests.failedOn(frameId, running.subject, String(reason));
    }
    this.#release(running.processor, failed);
  }

  /** Requests that wait for a handler which has ended wait no more. */
  #release(processor: Processor, failed: boolean): void {
    if (!processor.takes(HTTP_REQUEST)) return;
    const wasFor = (id: string) => processor.isFor(id) && !processor.hasDone(id);
    this.#host.requests.ended(processor.subject, failed, wasFor);
  }

  /** What is remembered of a processor goes when it is terminated. */
  #forget(): Change[] {
    return [{ delete: recordKey(this) }];
  }

  async #answer(changes: readonly Change[]): Promise<void> {
    try {
      await retryWhileDiskFull(() => this.#host.store.apply(changes));
    } catch (error) {
      // A store that is closed or has failed says so itself.
      if (!["store_closed", "store_failed"].includes((error as { code?: string }).code ?? ""))
        throw error;
    }
  }
}
