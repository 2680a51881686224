import { XsError } from "../core/error.ts";
import { processorEvent } from "../core/topic.ts";
import type { ImportResult } from "../store/import.ts";
import type { Store } from "../store/store.ts";
import type { ImportFrame } from "../store/types.ts";
import type { ApiContext, Processor } from "./call.ts";

/** The effects of an import that may surprise its user. A response holds only those that occurred. */
export interface Unexpected {
  /** The number of frames whose content is not in the store. */
  missing?: number;
  /** The number of frames that were removed here, and that stay removed. */
  stay_removed?: number;
  /** The number of spawns that the import omitted, as requested. */
  left_out?: number;
  /** The imported processors that run from the next start on. */
  starts?: readonly Processor[];
  /** The number of appends for later that the import has brought: the next start makes those that are due by then. */
  scheduled?: number;
  /** The processors that an imported terminate ends at the next start. */
  ends?: readonly Processor[];
}

/** Notes which effects of an import the user has to know. */
export class ImportReport {
  readonly #store: Store;
  readonly #context: ApiContext;
  readonly #noProcessors: boolean;
  /** The processors that the next start would run without the import, if it brings any lifecycle frame. */
  #before: readonly Processor[] | undefined;
  /** The imported lifecycle frames that were not here, by their ids. */
  readonly #brought = new Map<string, ImportFrame>();
  #leftOut = 0;

  /** @param noProcessors omits the frames that would start a generator or handler */
  constructor(store: Store, context: ApiContext, noProcessors: boolean) {
    this.#store = store;
    this.#context = context;
    this.#noProcessors = noProcessors;
  }

  /** The frames that were omitted so far. */
  get leftOut(): number {
    return this.#leftOut;
  }

  /** Notes a frame of the import. Returns false if it is to be omitted. */
  takes(frame: ImportFrame): boolean {
    const { topic, id } = frame;
    const event = processorEvent(topic);
    if (event === undefined) return true;
    if (event === "spawn" && this.#noProcessors) {
      this.#leftOut++;
      return false;
    }
    // This server has already seen the frames that exist.
    if (!this.#isThere(id)) this.#brought.set(id, frame);
    return true;
  }

  /** Call it before the frames are stored. */
  async begins(): Promise<void> {
    if (this.#brought.size === 0) return;
    this.#before = await this.#expected();
    // A running server must not take them for requests.
    this.#context.imported?.([...this.#brought.values()]);
  }

  /** Returns the effects to report, when all frames are stored. */
  async unexpected({ missing, stayRemoved, scheduled }: ImportResult): Promise<Unexpected> {
    const before = this.#before;
    const after = before && (await this.#expected());
    const brought = after?.filter(({ spawn_id: id }) => this.#brought.has(id));
    const starts = brought?.filter((one) => !before?.some((other) => isSame(one, other, true)));
    const ends = before?.filter((one) => !after?.some((other) => isSame(one, other, false)));
    return {
      ...(missing > 0 && { missing }),
      ...(stayRemoved > 0 && { stay_removed: stayRemoved }),
      ...(this.#leftOut > 0 && { left_out: this.#leftOut }),
      ...(starts && starts.length > 0 && { starts: starts.map(named) }),
      ...(scheduled > 0 && { scheduled }),
      ...(ends && ends.length > 0 && { ends: ends.map(named) }),
    };
  }

  /** The processors of the next start; none if a frame is damaged: the import may repair it. */
  async #expected(): Promise<readonly Processor[]> {
    try {
      return (await this.#context.nextStart?.()) ?? [];
    } catch (error) {
      if (error instanceof XsError && error.code === "frame_damaged") return [];
      throw error;
    }
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

function isSame(one: Processor, other: Processor, spawn: boolean): boolean {
  const named = one.kind === other.kind && one.name === other.name;
  return named && (!spawn || one.spawn_id === other.spawn_id);
}
