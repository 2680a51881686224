import { XsError } from "../core/error.ts";
import { processorEvent, RUNTIME_PREFIX } from "../core/topic.ts";
import type { KvEntry } from "../store/sqlite/kv/kv.ts";
import type { Store } from "../store/store.ts";
import type { ImportFrame } from "../store/types.ts";
import type { ApiContext, Expected, Processor } from "./call.ts";

/** The options of an import. */
export interface ImportOptions {
  /** Accepts ids that are far ahead of the clock. */
  readonly ahead: boolean;
  /** Omits the frames that would start a generator or handler. */
  readonly noProcessors: boolean;
}

/** The effects of an import that may surprise its user. A response holds only those that occurred. */
export interface Unexpected {
  /** The number of frames whose content is not in the store. */
  missing?: number;
  /** The number of spawns that the import omitted, as requested. */
  left_out?: number;
  /** The imported processors that run from the next start on. */
  starts?: readonly Processor[];
  /** The processors that an imported terminate ends at the next start. */
  ends?: readonly Processor[];
}

/** Imports frames step by step, and notes the effects that the user has to know. */
export class FrameImport {
  readonly #store: Store;
  readonly #context: ApiContext;
  readonly options: ImportOptions;
  /** The processors that the next start would run without the import; set before the first lifecycle frame comes in. */
  #before: readonly Expected[] | undefined;
  /** The spawns that the next start runs, after all frames are imported. */
  #running: ReadonlySet<string> | undefined;
  /** The ids of the imported lifecycle frames. */
  readonly #brought = new Set<string>();
  #missing = 0;
  #leftOut = 0;

  constructor(store: Store, context: ApiContext, options: ImportOptions) {
    this.#store = store;
    this.#context = context;
    this.options = options;
  }

  /**
   * Imports frames, all or none, without the spawns that the options leave out. Returns the number of new ones.
   *
   * @throws XsError as `Store.import`
   */
  async step(given: readonly ImportFrame[]): Promise<number> {
    const isLeftOut = ({ topic }: ImportFrame) =>
      this.options.noProcessors && processorEvent(topic) === "spawn";
    const frames = given.filter((frame) => !isLeftOut(frame));
    this.#leftOut += given.length - frames.length;
    // This server has already seen the frames that exist.
    const lifecycle = frames.filter(
      ({ topic, id }) => processorEvent(topic) !== undefined && !this.#isThere(id),
    );
    if (lifecycle.length > 0) {
      this.#before ??= await this.#expected();
      // Called before they are stored: a running server must not take them for requests.
      this.#context.imported?.(lifecycle);
      for (const { id } of lifecycle) this.#brought.add(id);
    }
    const { added } = await this.#store.import(frames, this.options);
    for (const frame of frames) if (this.#isMissing(frame)) this.#missing++;
    return added;
  }

  /** Returns the effects to report. Call it after the last {@link step}. */
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
   * Selects the entries to import, after all frames are imported. The record of a processor in this store
   * must not be overwritten by that of another processor with the same name.
   */
  async entries(entries: readonly KvEntry[]): Promise<KvEntry[]> {
    const taken: KvEntry[] = [];
    for (const entry of entries) if (!(await this.#isForeign(entry))) taken.push(entry);
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

  /** The processors of the next start; none if a frame is damaged: the import may repair it. */
  async #expected(): Promise<readonly Expected[]> {
    try {
      return (await this.#context.nextStart?.()) ?? [];
    } catch (error) {
      if (error instanceof XsError && error.code === "frame_damaged") return [];
      throw error;
    }
  }

  #isMissing({ id, hash }: ImportFrame): boolean {
    // The store may have dropped the frame because of its ttl.
    return hash !== null && !this.#store.content.has(hash) && this.#isThere(id);
  }

  #isThere(id: string): boolean {
    try {
      return this.#store.get(id) !== undefined;
    } catch {
      // A damaged frame exists.
      return true;
    }
  }
}

function named({ kind, name, spawn_id }: Processor): Processor {
  return { kind, name, spawn_id };
}

/** The id of the spawn in the record of a processor. */
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
