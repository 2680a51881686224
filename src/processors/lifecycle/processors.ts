import { type Frame, framesIn, idInLine } from "../../core/frame.ts";
import { topicInLine } from "../../core/index-keys.ts";
import type { Json } from "../../core/json.ts";
import { type Place, placeOf, positionAt } from "../../core/place.ts";
import { READ_ALL } from "../../core/read-options.ts";
import { FOREVER } from "../../core/ttl.ts";
import { Signal } from "../../lib/signal.ts";
import type { FrameReader } from "../../store/frame-reader.ts";
import type { Store } from "../../store/store.ts";
import type { ImportFrame } from "../../store/types.ts";
import { placeIn, removeScripts, type ScriptPlace } from "../child/runtime.ts";
import { type Clock, SYSTEM_CLOCK } from "../schedule/clock.ts";
import { Shells } from "../shell/shells.ts";
import { answer, readRecord, removeRecordBefore } from "./answers.ts";
import { eventsIn, type Hears } from "./events.ts";
import { LIFECYCLE_TOPICS } from "./expected.ts";
import {
  type Entry,
  type Kind,
  Registry,
  requestIn,
  type Terminating,
  unnamedSpawn,
} from "./registry.ts";
import { Requests, type Unanswered } from "./requests.ts";
import type { ProcessorStatus } from "./status.ts";
import { Supervisor } from "./supervisor.ts";

/** The topics by which a client asks to start or end a processor. */
const REQUEST_TOPICS = ["duplex", "generator", "handler"].flatMap((kind) => [
  `stream.cross.${kind}.spawn`,
  `stream.cross.${kind}.terminate`,
]);

/** Processors that may load at the same time: more would overload the machine when a server with many starts. */
const MAX_LOADS = 8;

/** Runs the generators and handlers that the log of a store asks for. */
export class Processors {
  readonly #store: Store;
  readonly #place: ScriptPlace;
  readonly #shells: Shells;
  readonly #supervisors = new Map<string, Supervisor>();
  readonly #abort = new AbortController();
  readonly #ending = new AbortController();
  #over: Promise<void> | undefined;
  #reader: FrameReader | undefined;
  #reading: Promise<void> = Promise.resolve();
  /** Resolves when every processor that ran before has a supervisor. */
  readonly #started = Promise.withResolvers<void>();
  /** The supervisors have every request up to this place. */
  #position: Place = "";
  /** The id at which these processors began. */
  #began = "";
  readonly #moved = new Signal();
  /** Frames that imports brought since the start: they count from the next start. */
  readonly #imported = new Set<string>();
  readonly #requests = new Requests((id) =>
    [...this.#supervisors.values()].flatMap((supervisor) => supervisor.takerOf(id) ?? []),
  );
  /** This server runs no processor before its next start. */
  isPaused = false;
  #loads = 0;
  #waiting: (() => void)[] = [];

  readonly #hears: Hears;
  readonly #clock: Clock;

  /**
   * @param scriptEnv the names of the environment variables that scripts get; all where it is undefined
   * @param hears receives what becomes of the processors
   * @param clock the clock of their schedules
   */
  constructor(
    store: Store,
    scriptEnv?: readonly string[],
    hears: Hears = () => {},
    clock: Clock = SYSTEM_CLOCK,
  ) {
    this.#hears = hears;
    this.#clock = clock;
    this.#store = store;
    const ending = this.#ending.signal;
    this.#place = placeIn(store, scriptEnv, ending);
    this.#shells = new Shells({ ...this.#place.env, XS_ADDR: this.#place.address }, ending);
  }

  /** Whether a handler takes frames of a topic. A handler that loads or restarts counts too: frames wait for it. */
  async takes(topic: string): Promise<boolean> {
    await this.#started.promise;
    const supervisors = [...this.#supervisors.values()].filter(({ kind }) => kind === "handler");
    const answers = await Promise.all(supervisors.map((supervisor) => supervisor.takes(topic)));
    return answers.includes(true);
  }

  /**
   * Makes this server ignore frames of an import, apart from what handlers of that name have written. Call it before
   * they are in the log.
   */
  imported(frames: readonly ImportFrame[]): void {
    for (const { topic, id, meta } of frames) {
      this.#imported.add(id);
      const request = requestIn({ topic, meta: JSON.parse(meta) as Json });
      if (request?.action === "spawn") this.#supervisor(request.kind, request.name).remember(id);
    }
  }

  /** Starts no processor: spawns and HTTP requests wait for the next start. */
  pause(): void {
    this.isPaused = true;
    this.#started.resolve();
  }

  /** Whether a handler of HTTP requests has failed for good, and none has replaced it. */
  get someFailed(): boolean {
    return this.#requests.someFailed;
  }

  /** `over` resolves once no handler will answer a request. Call `forget` when nobody waits for that any more. */
  unanswered(id: string): { over: Promise<Unanswered>; forget(): void } {
    return this.#requests.unanswered(id);
  }

  /**
   * Of some requests, those that no handler will answer, with the errors of the handlers that tried. None while handlers
   * load.
   */
  async unansweredAmong(ids: readonly string[]): Promise<{ [id: string]: readonly string[] }> {
    await this.#started.promise;
    const found: { [id: string]: readonly string[] } = {};
    const handlers = [...this.#supervisors.values()].filter(({ kind }) => kind === "handler");
    if (handlers.some(({ isBusy }) => isBusy)) return found;
    for (const id of ids) {
      if (id < this.#began) await this.#recallFailures(id);
      const outcome = this.#requests.outcomeOf(id);
      if (outcome) found[id] = outcome.reasons;
    }
    return found;
  }

  /** Looks up whether handlers failed on a request before these processors ran, perhaps on another machine. */
  async #recallFailures(id: string): Promise<void> {
    for (const taker of this.#requests.openOf(id)) {
      const reader = this.#store.read({ ...READ_ALL, topics: [`${taker.name}.error`], after: id });
      for (let bytes = await reader.next(); bytes; bytes = await reader.next()) {
        for (const { meta } of framesIn(bytes)) {
          const { frame_id: frameId, reason } = (meta ?? {}) as { [key: string]: Json };
          if (frameId === id) this.#requests.failedOn(id, taker, String(reason));
        }
      }
    }
  }

  /** Starts the processors that ran when the last server stopped, and then follows the log for requests. */
  async start(): Promise<void> {
    removeScripts(this.#place);
    const reader = this.#store.read({ ...READ_ALL, topics: [...LIFECYCLE_TOPICS], follow: true });
    this.#reader = reader;
    const registry = new Registry();
    const requests = new Map<string, Frame>();
    for (;;) {
      const bytes = await reader.next();
      if (!bytes) return;
      const frames = framesIn(bytes);
      const [first] = frames;
      if (first?.topic === "stream.cross.threshold") {
        this.#position = first.id;
        this.#began = first.id;
        break;
      }
      for (const frame of frames) {
        if (this.#imported.has(frame.id)) continue;
        registry.apply(frame);
        this.#requests.note(frame, (id) => this.#topicOf(id));
        const request = requestIn(frame);
        if (request?.action !== "spawn") continue;
        requests.set(frame.id, frame);
        this.#supervisor(request.kind, request.name).remember(frame.id);
      }
    }
    for (const frame of registry.unnamed()) await this.#refuse(frame);
    for (const { kind, name, spawn, how } of registry.ended()) {
      if (how === "stopped") this.#supervisor(kind, name).wasStopped(spawn);
    }
    // Whoever took them may have died before that, and no server may have run.
    for (const { kind, name, id } of registry.removed())
      await removeRecordBefore(this.#store, { kind, name }, id);
    for (const entry of registry.entries())
      await this.#recover(entry, registry.unended(entry.kind, entry.name), requests);
    this.#started.resolve();
    this.#reading = this.#follow(reader).catch((error: Error) => {
      if (!this.#abort.signal.aborted) process.stderr.write(`xs: processors: ${error.message}\n`);
    });
  }

  /** Lists the processors that run, or load, as soon as those are found that ran before the start. */
  async status(): Promise<ProcessorStatus[]> {
    await this.#started.promise;
    return [...this.#supervisors.values()].flatMap((supervisor) => supervisor.status());
  }

  /** Ends all processors. They run again after the next start. */
  stop(): Promise<void> {
    this.#over ??= this.#stop();
    return this.#over;
  }

  /**
   * Ends all processors at once, and says nothing about it: the store takes nothing of theirs any more, because another
   * machine runs them.
   */
  end(): Promise<void> {
    if (!this.#ending.signal.aborted) {
      this.#ending.abort();
      this.#abort.abort();
      for (const supervisor of this.#supervisors.values()) supervisor.end();
    }
    return this.stop();
  }

  async #stop(): Promise<void> {
    this.#abort.abort();
    this.#started.resolve();
    this.#reader?.close();
    await this.#reading;
    // Requests reach no supervisor any more: wakes a handler that waits for one.
    this.#moved.wake();
    await Promise.all([...this.#supervisors.values()].map((supervisor) => supervisor.stop()));
    await this.#shells.stop();
  }

  async #recover(
    { kind, name, good, pending, terminating }: Entry,
    unended: readonly string[],
    frames: ReadonlyMap<string, Frame>,
  ): Promise<void> {
    if (terminating) await this.#answerTerminate({ kind, name, terminating });
    const supervisor = this.#supervisor(kind, name);
    const mine = await this.#ranHere(kind, name, unended);
    for (const id of [mine, good, pending]) {
      const frame = id === undefined ? undefined : frames.get(id);
      if (frame) supervisor.request({ action: "spawn" }, frame, id === (mine ?? good));
    }
  }

  /** Answers a terminate that an earlier server took, and did not live to answer. */
  async #answerTerminate({
    kind,
    name,
    terminating: { spawns, keep },
  }: Pick<Entry, "kind" | "name"> & { terminating: Terminating }): Promise<void> {
    const changes = spawns.map((spawnId) =>
      answer({ kind, name, spawnId }, keep ? "stopped" : "terminated", keep && { keep }),
    );
    await this.#store.apply(changes);
    eventsIn(changes).forEach(this.#hears);
  }

  /**
   * Of spawns that were active, the one that has the record of their name: frames wait for it that arrived before an
   * import brought its successor, which was active elsewhere.
   */
  async #ranHere(kind: Kind, name: string, spawns: readonly string[]): Promise<string | undefined> {
    for (const spawnId of spawns) {
      if ((await readRecord(this.#store, { kind, name, spawnId })).own) return spawnId;
    }
    return undefined;
  }

  async #follow(reader: FrameReader): Promise<void> {
    for (let bytes = await reader.next(); bytes; bytes = await reader.next()) {
      for (const frame of framesIn(bytes)) {
        await this.#take(frame);
        this.#position = placeOf(frame.id, reader.position);
      }
      this.#moved.wake();
    }
  }

  #topicOf(id: string): string | undefined {
    const line = this.#store.get(id);
    return line && topicInLine(line);
  }

  async #take(frame: Frame): Promise<void> {
    if (this.#imported.has(frame.id)) return;
    this.#requests.note(frame, (id) => this.#topicOf(id));
    const request = requestIn(frame);
    if (request) this.#supervisor(request.kind, request.name).request(request, frame);
    else await this.#refuse(frame);
  }

  /** Answers a spawn without a name with `.invalid`; ignores every other frame. */
  async #refuse(frame: Frame): Promise<void> {
    const kind = unnamedSpawn(frame);
    if (!kind) return;
    const reason =
      'meta.topic is missing: it names the processor, as in --meta \'{"topic":"ping"}\'';
    const meta = JSON.stringify({ topic: null, spawn_id: frame.id, reason });
    const topic = `stream.cross.${kind}.invalid`;
    const append = { topic, meta, ttl: FOREVER, content: null };
    await this.#store.append(append);
    eventsIn([{ append }]).forEach(this.#hears);
  }

  #supervisor(kind: Kind, name: string): Supervisor {
    const host = {
      store: this.#store,
      place: this.#place,
      clock: this.#clock,
      shells: this.#shells,
      signal: this.#abort.signal,
      upTo: (place: Place) => this.#upTo(place),
      loading: <T>(load: () => Promise<T>) => this.#loading(load),
      requests: this.#requests,
      hears: this.#hears,
    };
    const make = () => new Supervisor(host, kind, name);
    return this.#supervisors.getOrInsertComputed(`${kind} ${name}`, make);
  }

  async #upTo(place: Place): Promise<void> {
    for (;;) {
      if (this.#position >= place || this.#abort.signal.aborted) return;
      const next = this.#nextRequest();
      if (next === undefined || next > place) return;
      await this.#moved.wait();
    }
  }

  /** The id of the next request that no supervisor has yet. Requests of imports, late ones among them, do not count. */
  #nextRequest(): string | undefined {
    let id = positionAt(this.#position);
    do {
      const line = this.#store.neighbour(id, "next", REQUEST_TOPICS);
      if (line === undefined) return undefined;
      id = idInLine(line);
    } while (this.#imported.has(id));
    return id;
  }

  async #loading<T>(load: () => Promise<T>): Promise<T> {
    while (this.#loads >= MAX_LOADS)
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
    this.#loads++;
    try {
      return await load();
    } finally {
      this.#loads--;
      this.#waiting.shift()?.();
    }
  }
}
