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

/**
 * Finds the processors that should run, as a fold over the frames of the runtime in the order of the log. After the
 * whole log, a restart runs `pending` or, if that does not load, `good`.
 */
export class Registry {
  readonly #entries = new Map<string, Entry>();
  readonly #unnamed = new Map<string, Frame>();
  /**
   * Spawns of a name that a later spawn followed before they had an answer. Where an import brought the later one,
   * their answer is still to come.
   */
  readonly #passed = new Map<string, Set<string>>();

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
    const passed = this.#passed.get(key) ?? new Set();
    change(entry, passed, { action, id, spawn: textIn(meta, "spawn_id") });
    if (passed.size > 0) this.#passed.set(key, passed);
    else this.#passed.delete(key);
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

function change(entry: Entry, passed: Set<string>, { action, id, spawn }: LifecycleFrame): void {
  if (action === "spawn") {
    if (entry.pending !== undefined) passed.add(entry.pending);
    entry.pending = id;
  } else if (action === "terminate") {
    const spawns = [entry.good, entry.pending].filter((each) => each !== undefined);
    // A terminate of nothing gets no answer.
    if (spawns.length > 0) entry.terminating = { id, spawns };
    entry.pending = undefined;
    entry.good = undefined;
    passed.clear();
  } else if (action === "active" && spawn !== undefined && spawn === entry.pending) {
    entry.good = spawn;
    entry.pending = undefined;
    passed.clear();
  } else if (action === "active" && spawn !== undefined && passed.has(spawn)) {
    entry.good = spawn;
    passed.clear();
  } else if (action === "replaced" && spawn !== undefined) {
    passed.delete(spawn);
  } else if (ENDS.has(action) && spawn !== undefined) {
    passed.delete(spawn);
    if (spawn === entry.pending) entry.pending = undefined;
    if (spawn === entry.good) entry.good = undefined;
    if (entry.terminating?.spawns.includes(spawn)) entry.terminating = undefined;
  }
}

function kindOf(subject: string | undefined): Kind {
  return subject === "handler" ? "handler" : "generator";
}

function textIn(meta: Json, key: string): string | undefined {
  if (typeof meta !== "object" || meta === null || Array.isArray(meta)) return undefined;
  const value = meta[key];
  return typeof value === "string" ? value : undefined;
}
