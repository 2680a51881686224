import { XsError } from "../core/error.ts";
import { processorEvent, RUNTIME_PREFIX } from "../core/topic.ts";
import type { KvEntry } from "../store/sqlite/kv/kv.ts";
import type { Store } from "../store/store.ts";
import type { ImportFrame } from "../store/types.ts";
import type { ApiContext, Expected, Processor } from "./call.ts";

/** How an import is to be done. */
export interface ImportOptions {
  /** Takes ids however far ahead of the clock they are. */
  readonly ahead: boolean;
  /** Leaves out what would start a generator or handler. */
  readonly noProcessors: boolean;
}

/** What an import did that nobody may expect. Only what there is of it is in an answer. */
export interface Unexpected {
  /** Frames whose content is not in the store. */
  missing?: number;
  /** Spawns that were left out, as was asked for. */
  left_out?: number;
  /** What the import brought that runs from the next start on. */
  starts?: readonly Processor[];
  /** What runs now and, by a terminate that the import brought, does not after the next start. */
  ends?: readonly Processor[];
}

/** Brings frames in, step by step, and notes what the person who imports has to know. */
export class FrameImport {
  readonly #store: Store;
  readonly #context: ApiContext;
  readonly #options: ImportOptions;
  /** What the next start would have run; set once the import touches anything of that. */
  #before: readonly Expected[] | undefined;
  /** The spawns that the next start runs, once all frames are in. */
  #running: ReadonlySet<string> | undefined;
  /** The frames of it that tell of processors. */
  readonly #brought = new Set<string>();
  #missing = 0;
  #leftOut = 0;

  constructor(store: Store, context: ApiContext, options: ImportOptions) {
    this.#store = store;
    this.#context = context;
    this.#options = options;
  }

  /** Whether a frame is to come in; one that is not is counted. */
  takes({ topic }: Pick<ImportFrame, "topic">): boolean {
    if (!this.#options.noProcessors || processorEvent(topic) !== "spawn") return true;
    this.#leftOut++;
    return false;
  }

  /** Brings frames in, all or none, and gives how many are new. @throws XsError as `Store.import` */
  async step(frames: readonly ImportFrame[]): Promise<number> {
    // What is there already was asked of this server as well.
    const lifecycle = frames.filter(
      ({ topic, id }) => processorEvent(topic) !== undefined && !this.#isThere(id),
    );
    if (lifecycle.length > 0) {
      this.#before ??= await this.#expected();
      // Before they are there: a server that runs must not take them for requests to it.
      this.#context.imported?.(lifecycle.map(({ id }) => id));
      for (const { id } of lifecycle) this.#brought.add(id);
    }
    const { added } = await this.#store.import(frames, this.#options.ahead);
    for (const frame of frames) if (this.#isMissing(frame)) this.#missing++;
    return added;
  }

  async unexpected(): Promise<Unexpected> {
    const before = this.#before;
    const after = before && (await this.#expected());
    const brought = after?.filter(({ spawn_id: id }) => this.#brought.has(id));
    const starts = brought?.filter((one) => !before?.some((other) => isSame(one, other, true)));
    const ends = before?.filter((one) => !after?.some((other) => isSame(one, other, false)));
    return {
      ...(this.#missing > 0 && { missing: this.#missing }),
      ...(this.#leftOut > 0 && { left_out: this.#leftOut }),
      ...(starts && starts.length > 0 && { starts: starts.map(named) }),
      ...(ends && ends.length > 0 && { ends: ends.map(named) }),
    };
  }

  /**
   * The pairs that may come in, once all frames are in. What a processor of this store remembers of
   * itself does not make way for what another of its name remembers.
   */
  async pairs(pairs: readonly KvEntry[]): Promise<KvEntry[]> {
    const taken: KvEntry[] = [];
    for (const pair of pairs) if (!(await this.#isForeign(pair))) taken.push(pair);
    return taken;
  }

  async #isForeign({ key, value }: KvEntry): Promise<boolean> {
    if (!key.startsWith(RUNTIME_PREFIX)) return false;
    const mine = await this.#store.kv.get(key).catch(() => undefined);
    if (!mine) return false;
    this.#running ??= new Set((await this.#expected()).flatMap(({ spawns }) => spawns));
    const spawn = spawnIn(mine.value);
    return spawn !== undefined && this.#running.has(spawn) && spawn !== spawnIn(value);
  }

  /** What the next start runs; nothing where that cannot be read: an import may be what mends it. */
  async #expected(): Promise<readonly Expected[]> {
    try {
      return (await this.#context.nextStart?.()) ?? [];
    } catch (error) {
      if (error instanceof XsError && error.code === "frame_damaged") return [];
      throw error;
    }
  }

  #isMissing({ id, hash }: ImportFrame): boolean {
    // Its ttl may have ruled it out.
    return hash !== null && !this.#store.content.has(hash) && this.#isThere(id);
  }

  #isThere(id: string): boolean {
    try {
      return this.#store.get(id) !== undefined;
    } catch {
      // It is damaged.
      return true;
    }
  }
}

function named({ kind, name, spawn_id }: Processor): Processor {
  return { kind, name, spawn_id };
}

/** The spawn that a record of a processor is of. */
function spawnIn(value: Uint8Array): string | undefined {
  try {
    const { spawn_id } = JSON.parse(new TextDecoder().decode(value)) as { spawn_id?: string };
    return spawn_id;
  } catch {
    return undefined;
  }
}

function isSame(one: Processor, other: Processor, spawn: boolean): boolean {
  const named = one.kind === other.kind && one.name === other.name;
  return named && (!spawn || one.spawn_id === other.spawn_id);
}
