import { type Frame, framesIn, idInLine } from "../frame/frame.ts";
import { READ_ALL } from "../frame/read-options.ts";
import { FOREVER } from "../frame/ttl.ts";
import type { Reader } from "../store/reader.ts";
import type { Store } from "../store/store.ts";
import { answer } from "./lifecycle.ts";
import { type Entry, type Kind, Registry, requestIn, unnamedSpawn } from "./registry.ts";
import { removeScripts } from "./runtime.ts";
import { Slot } from "./slot.ts";
import { idleStatus, type ProcessorStatus } from "./status.ts";

/** All topics that tell of processors. */
const LIFECYCLE_TOPICS = [
  "stream.cross.duplex.*",
  "stream.cross.generator.*",
  "stream.cross.handler.*",
] as const;
/** Those by which something is asked for. */
const REQUEST_TOPICS = ["duplex", "generator", "handler"].flatMap((kind) => [
  `stream.cross.${kind}.spawn`,
  `stream.cross.${kind}.terminate`,
]);

/** Processors that load at the same time, so that a start with many does not overrun the machine. */
const LOADS = 8;

/** Runs the generators and handlers that the log of a store asks for. */
export class Processors {
  readonly #store: Store;
  readonly #slots = new Map<string, Slot>();
  readonly #abort = new AbortController();
  #reader: Reader | undefined;
  #reading: Promise<void> = Promise.resolve();
  /** What was running has come to its slots. */
  readonly #started = Promise.withResolvers<void>();
  /** Every request up to this id has come to its slot. */
  #position = "";
  #moved = Promise.withResolvers<void>();
  #loads = 0;
  #waiting: (() => void)[] = [];

  constructor(store: Store) {
    this.#store = store;
  }

  /**
   * Whether a handler takes frames of a topic, also one that is about to run or runs again in a
   * moment: frames wait for it.
   */
  async takes(topic: string): Promise<boolean> {
    await this.#started.promise;
    const slots = [...this.#slots.values()].filter(({ kind }) => kind === "handler");
    return (await Promise.all(slots.map((slot) => slot.takes(topic)))).includes(true);
  }

  /** Starts what was running, and then follows what is asked for. */
  async start(): Promise<void> {
    removeScripts(this.#store);
    const reader = this.#store.read({ ...READ_ALL, topics: [...LIFECYCLE_TOPICS], follow: true });
    this.#reader = reader;
    const registry = new Registry();
    const requests = new Map<string, Frame>();
    for (;;) {
      const bytes = await reader.next();
      if (!bytes) return;
      const frames = framesIn(bytes);
      if (frames[0]?.topic === "stream.cross.threshold") break;
      for (const frame of frames) {
        this.#position = frame.id;
        registry.apply(frame);
        const request = requestIn(frame);
        if (request?.action !== "spawn") continue;
        requests.set(frame.id, frame);
        this.#slot(request.kind, request.name).remember(frame.id);
      }
    }
    for (const frame of registry.unnamed()) await this.#refuse(frame);
    for (const entry of registry.entries()) await this.#recover(entry, requests);
    this.#started.resolve();
    this.#reading = this.#follow(reader).catch((error: Error) => {
      if (!this.#abort.signal.aborted) process.stderr.write(`xs: processors: ${error.message}\n`);
    });
  }

  status(): ProcessorStatus[] {
    return [...this.#slots.values()].flatMap((slot) => slot.status());
  }

  /** Ends all of them. They run again after the next start. */
  async stop(): Promise<void> {
    this.#abort.abort();
    this.#started.resolve();
    this.#reader?.close();
    await this.#reading;
    // Nothing comes to its slot any more, so a handler must not wait for that.
    this.#moved.resolve();
    await Promise.all([...this.#slots.values()].map((slot) => slot.stop()));
  }

  async #recover(
    { kind, name, good, pending, terminating }: Entry,
    frames: ReadonlyMap<string, Frame>,
  ): Promise<void> {
    if (terminating) {
      await this.#store.apply(
        terminating.spawns.map((spawnId) => answer({ kind, name, spawnId }, "terminated")),
      );
    }
    const slot = this.#slot(kind, name);
    for (const id of [good, pending]) {
      const frame = id === undefined ? undefined : frames.get(id);
      if (frame) slot.request("spawn", frame, id === good);
    }
  }

  async #follow(reader: Reader): Promise<void> {
    for (let bytes = await reader.next(); bytes; bytes = await reader.next()) {
      for (const frame of framesIn(bytes)) {
        await this.#take(frame);
        this.#position = frame.id;
      }
      this.#moved.resolve();
      this.#moved = Promise.withResolvers();
    }
  }

  async #take(frame: Frame): Promise<void> {
    const request = requestIn(frame);
    if (request) this.#slot(request.kind, request.name).request(request.action, frame);
    else await this.#refuse(frame);
  }

  /** Answers a spawn that names nothing. */
  async #refuse(frame: Frame): Promise<void> {
    const kind = unnamedSpawn(frame);
    if (!kind) return;
    const reason =
      'meta.topic is missing: it names what is spawned, as in --meta \'{"topic":"ping"}\'';
    const meta = JSON.stringify({ topic: null, spawn_id: frame.id, reason });
    const topic = `stream.cross.${kind}.invalid`;
    await this.#store.append({ topic, meta, ttl: FOREVER, content: null });
  }

  #slot(kind: Kind, name: string): Slot {
    const key = `${kind} ${name}`;
    const known = this.#slots.get(key);
    if (known) return known;
    const slot = new Slot(
      {
        store: this.#store,
        signal: this.#abort.signal,
        upTo: (id) => this.#upTo(id),
        loading: (load) => this.#loading(load),
      },
      kind,
      name,
    );
    this.#slots.set(key, slot);
    return slot;
  }

  async #upTo(id: string): Promise<void> {
    for (;;) {
      if (this.#position >= id || this.#abort.signal.aborted) return;
      const next = this.#store.neighbour(this.#position, "next", REQUEST_TOPICS);
      if (next === undefined || idInLine(next) > id) return;
      await this.#moved.promise;
    }
  }

  async #loading<T>(load: () => Promise<T>): Promise<T> {
    while (this.#loads >= LOADS) await new Promise<void>((resolve) => this.#waiting.push(resolve));
    this.#loads++;
    try {
      return await load();
    } finally {
      this.#loads--;
      this.#waiting.shift()?.();
    }
  }
}

/** What would run if a store were served: without a server, nothing does. */
export async function stoppedProcessors(store: Store): Promise<ProcessorStatus[]> {
  const registry = new Registry();
  const reader = store.read({ ...READ_ALL, topics: [...LIFECYCLE_TOPICS] });
  for (let bytes = await reader.next(); bytes; bytes = await reader.next()) {
    for (const frame of framesIn(bytes)) registry.apply(frame);
  }
  return registry.entries().flatMap(({ kind, name, good, pending }) => {
    const spawnId = good ?? pending;
    return spawnId === undefined ? [] : [idleStatus({ kind, name, spawnId }, "stopped")];
  });
}
