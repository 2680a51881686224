import type { Frame } from "../../core/frame.ts";
import type { Json } from "../../core/json.ts";

/** The two kinds of processors. */
export type Kind = "generator" | "handler";

/** A frame by which a client asks to start or end a processor. */
export interface Request {
  readonly kind: Kind;
  readonly name: string;
  readonly action: "spawn" | "terminate";
  /** Of a terminate: the processor can go on later where it was, by a spawn with `resume`. */
  readonly keep?: true;
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
  terminating?: Terminating | undefined;
}

/** A terminate without an answer. */
export interface Terminating {
  readonly id: string;
  readonly spawns: readonly string[];
  /** They only stop: their progress stays. */
  readonly keep?: true;
}

/** The newest spawn of a name that has ended and was not removed. */
export interface Ended {
  readonly kind: Kind;
  readonly name: string;
  readonly spawn: string;
  /** `stopped`: a terminate with `keep` ended it. */
  readonly how: "stopped" | "finished" | "failed" | "invalid";
  /** The frame that says so: its id has the time. */
  readonly id: string;
  readonly reason?: string;
  readonly exit?: number;
  readonly signal?: string;
}

/** The newest terminate of a name that removes its progress. */
export interface Removed {
  readonly kind: Kind;
  readonly name: string;
  readonly id: string;
}

const TOPIC = /^stream\.cross\.(generator|duplex|handler)\.([a-z]+)$/;
/** Answers after which a spawn does not run again by itself. */
const ENDS: ReadonlySet<string> = new Set(["invalid", "finished", "failed", "terminated"]);
const ENDED_HOWS: ReadonlySet<string> = new Set<Ended["how"]>(["finished", "failed", "invalid"]);

/** Reads the request in a frame; undefined for any other frame, and for a request without a name. */
export function requestIn({ topic, meta }: Pick<Frame, "topic" | "meta">): Request | undefined {
  const [, subject, action] = TOPIC.exec(topic) ?? [];
  const name = textIn(meta, "topic");
  if (name === undefined || (action !== "spawn" && action !== "terminate")) return undefined;
  const keep = action === "terminate" && keepsIn(meta);
  return { kind: kindOf(subject), name, action, ...(keep && { keep }) };
}

/** Whether the meta of a terminate asks to keep the progress. What is no boolean counts as true: it loses nothing. */
function keepsIn(meta: Json): boolean {
  const { keep } = Object(meta) as { keep?: Json };
  return keep !== undefined && keep !== null && keep !== false;
}

/** Whether a spawn goes on where the processor of its name was. */
export function resumes({ meta }: Pick<Frame, "meta">): boolean {
  return (Object(meta) as { resume?: Json }).resume === true;
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
  readonly #ended = new Map<string, Ended>();
  readonly #removed = new Map<string, Removed>();

  /** The names that were removed, each with its newest terminate. Later spawns may have them. */
  removed(): Removed[] {
    return [...this.#removed.values()];
  }

  /** The spawns that have ended, unless a later one of their name was active or a terminate removed it. */
  ended(): Ended[] {
    return [...this.#ended.values()];
  }

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
    const step = { action, id, spawn: textIn(meta, "spawn_id"), keep: keepsIn(meta) };
    if (action === "terminate" && !step.keep) this.#removed.set(key, { kind, name, id });
    const before = this.#ended.get(key);
    const ended = endedBy(step, entry, before);
    if (ended === "none") this.#ended.delete(key);
    else if (ended) this.#ended.set(key, { kind, name, ...ended, ...detailsIn(meta) });
    change(entry, earlier, step, before);
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
  /** Of a terminate. */
  readonly keep: boolean;
}

/** What a frame says about the end of the newest spawn: how it ended, or `none`; undefined where nothing changes. */
function endedBy(
  { action, id, spawn, keep }: LifecycleFrame,
  { good, pending }: Entry,
  before: Ended | undefined,
): Pick<Ended, "spawn" | "how" | "id"> | "none" | undefined {
  const now = good ?? pending;
  if (action === "terminate" && !keep) return "none";
  if (action === "terminate")
    return now === undefined ? undefined : { spawn: now, how: "stopped", id };
  if (spawn === undefined) return undefined;
  // Of a replacement that did not load it is still said when its predecessor runs again.
  if (action === "active") return spawn !== good || spawn === before?.spawn ? "none" : undefined;
  if (!ENDED_HOWS.has(action)) return undefined;
  const how = action as Ended["how"];
  return [good, pending, before?.spawn].includes(spawn) ? { spawn, how, id } : undefined;
}

/** Why a spawn has ended, as far as the frame says so. */
function detailsIn(meta: Json): Pick<Ended, "reason" | "exit" | "signal"> {
  const { exit } = Object(meta) as { exit?: Json };
  const [reason, signal] = [textIn(meta, "reason"), textIn(meta, "signal")];
  return {
    ...(reason !== undefined && { reason }),
    ...(typeof exit === "number" && { exit }),
    ...(signal !== undefined && { signal }),
  };
}

/** @param ended the newest spawn, if it had ended before this step */
function change(
  entry: Entry,
  earlier: Earlier,
  step: LifecycleFrame,
  ended: Ended | undefined,
): void {
  const { action, id, spawn, keep } = step;
  const { passed, unended } = earlier;
  if (action === "spawn") {
    if (entry.pending !== undefined) passed.add(entry.pending);
    entry.pending = id;
  } else if (action === "terminate") {
    const spawns = [entry.good, entry.pending].filter((each) => each !== undefined);
    // What was stopped has its progress: that is to be removed.
    if (spawns.length === 0 && !keep && ended?.how === "stopped") spawns.push(ended.spawn);
    // A terminate of nothing gets no answer.
    if (spawns.length > 0) entry.terminating = { id, spawns, ...(keep && { keep }) };
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
  } else if (action === "stopped" && spawn !== undefined) {
    const { terminating } = entry;
    if (terminating?.keep && terminating.spawns.includes(spawn)) entry.terminating = undefined;
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
