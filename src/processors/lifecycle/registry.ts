import type { Frame } from "../../core/frame.ts";
import type { Json } from "../../core/json.ts";

/** The two kinds of processors. */
export type Kind = "generator" | "handler";

/** A frame by which a client asks to start or end a processor. */
export interface Request {
  readonly kind: Kind;
  readonly name: string;
  readonly action: "spawn" | "terminate";
}

/** The spawns that should run under a name. Generators and handlers have separate names. */
export interface Entry {
  readonly kind: Kind;
  readonly name: string;
  /** The newest spawn, which has not been active yet. */
  pending?: string | undefined;
  /** The spawn that was active last, and has not ended for good. */
  good?: string | undefined;
  /** A terminate without an answer, and the spawns that it ends. */
  terminating?: { readonly id: string; readonly spawns: readonly string[] } | undefined;
}

const TOPIC = /^stream\.cross\.(generator|duplex|handler)\.([a-z]+)$/;
/** Answers after which a spawn does not run again by itself. */
const ENDS: ReadonlySet<string> = new Set(["invalid", "finished", "failed", "terminated"]);

/** Reads the request in a frame; undefined for any other frame, and for a request without a name. */
export function requestIn({ topic, meta }: Pick<Frame, "topic" | "meta">): Request | undefined {
  const [, subject, action] = TOPIC.exec(topic) ?? [];
  const name = textIn(meta, "topic");
  if (name === undefined || (action !== "spawn" && action !== "terminate")) return undefined;
  return { kind: kindOf(subject), name, action };
}

/** The kind of a spawn without a name; undefined for any other frame. */
export function unnamedSpawn({ topic, meta }: Frame): Kind | undefined {
  const [, subject, action] = TOPIC.exec(topic) ?? [];
  return action === "spawn" && textIn(meta, "topic") === undefined ? kindOf(subject) : undefined;
}

/** Whether a spawn asks for a duplex generator, whose program reads frames. */
export function isDuplex({ topic, meta }: Frame): boolean {
  return topic === "stream.cross.duplex.spawn" || (meta as { duplex?: Json }).duplex === true;
}

/** The earlier spawns of a name. */
class Earlier {
  /**
   * Those that a later spawn followed before they had an answer. Where an import brought the later one, their answer is
   * still to come.
   */
  readonly passed = new Set<string>();
  /**
   * Those that were active and have neither ended nor been replaced: an import brought the later one with its `.active`,
   * from a store where it ran.
   */
  readonly unended = new Set<string>();
  /** The one that was replaced last. */
  replaced: string | undefined;
}

/**
 * Finds the processors that should run, as a fold over the frames of the runtime in the order of the log. After the
 * whole log, a restart runs `pending` or, if that does not load, `good`.
 */
export class Registry {
  readonly #entries = new Map<string, Entry>();
  readonly #unnamed = new Map<string, Frame>();
  readonly #earlier = new Map<string, Earlier>();

  /** The names with something to run or to answer, in the order of their first frames. */
  entries(): Entry[] {
    return [...this.#entries.values()];
  }

  /** Spawns without a name and without an answer. */
  unnamed(): Frame[] {
    return [...this.#unnamed.values()];
  }

  get(kind: Kind, name: string): Entry | undefined {
    return this.#entries.get(`${kind} ${name}`);
  }

  /** The spawns before `good` that were active and have neither ended nor been replaced. */
  unended(kind: Kind, name: string): string[] {
    return [...(this.#earlier.get(`${kind} ${name}`)?.unended ?? [])];
  }

  apply(frame: Frame): void {
    const { topic, id, meta } = frame;
    const [, subject, action] = TOPIC.exec(topic) ?? [];
    const name = textIn(meta, "topic");
    if (action === undefined) return;
    if (name === undefined) {
      if (action === "spawn") this.#unnamed.set(id, frame);
      else this.#unnamed.delete(textIn(meta, "spawn_id") ?? "");
      return;
    }
    const kind = kindOf(subject);
    const key = `${kind} ${name}`;
    const entry = this.#entries.get(key) ?? { kind, name };
    const earlier = this.#earlier.getOrInsertComputed(key, () => new Earlier());
    change(entry, earlier, { action, id, spawn: textIn(meta, "spawn_id") });
    if (entry.pending ?? entry.good ?? entry.terminating) this.#entries.set(key, entry);
    else this.#entries.delete(key);
  }
}

/** The members of a frame of the runtime about one processor. */
interface LifecycleFrame {
  readonly action: string;
  readonly id: string;
  /** The id of the spawn that the frame reports about; undefined for a request. */
  readonly spawn: string | undefined;
}

function change(entry: Entry, earlier: Earlier, { action, id, spawn }: LifecycleFrame): void {
  const { passed, unended } = earlier;
  if (action === "spawn") {
    if (entry.pending !== undefined) passed.add(entry.pending);
    entry.pending = id;
  } else if (action === "terminate") {
    const spawns = [entry.good, entry.pending].filter((each) => each !== undefined);
    // A terminate of nothing gets no answer.
    if (spawns.length > 0) entry.terminating = { id, spawns };
    entry.pending = undefined;
    entry.good = undefined;
    unended.clear();
    passed.clear();
  } else if (action === "active" && spawn !== undefined && spawn === entry.pending) {
    becomesActive(entry, spawn, earlier);
    entry.pending = undefined;
    passed.clear();
  } else if (action === "active" && spawn !== undefined && passed.has(spawn)) {
    becomesActive(entry, spawn, earlier);
    passed.clear();
  } else if (action === "replaced" && spawn !== undefined) {
    earlier.replaced = spawn;
    unended.delete(spawn);
    passed.delete(spawn);
  } else if (ENDS.has(action) && spawn !== undefined) {
    passed.delete(spawn);
    unended.delete(spawn);
    if (spawn === entry.pending) entry.pending = undefined;
    if (spawn === entry.good) entry.good = undefined;
    if (entry.terminating?.spawns.includes(spawn)) entry.terminating = undefined;
  }
}

function becomesActive(entry: Entry, spawn: string, { unended, replaced }: Earlier): void {
  if (entry.good !== undefined && entry.good !== replaced) unended.add(entry.good);
  entry.good = spawn;
}

function kindOf(subject: string | undefined): Kind {
  return subject === "handler" ? "handler" : "generator";
}

function textIn(meta: Json, key: string): string | undefined {
  if (typeof meta !== "object" || meta === null || Array.isArray(meta)) return undefined;
  const value = meta[key];
  return typeof value === "string" ? value : undefined;
}
