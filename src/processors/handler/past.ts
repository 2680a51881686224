import type { Frame } from "../../core/frame.ts";
import { requestIn, resumes } from "../lifecycle/registry.ts";

/** A handler as it was when a frame came. */
export interface PastHandler {
  /** The spawn that ran then after those that it resumed, the first of which began the state. */
  readonly spawns: readonly PastSpawn[];
  /** The terminate that ended the last of them, unless a later one resumed it. */
  readonly ended: string | undefined;
  /** All spawns of the name. */
  readonly ids: ReadonlySet<string>;
}

/** One of the spawns that handled frames with one state. */
export interface PastSpawn {
  readonly frame: Frame;
  /** What comes from this id on is for the next of them. */
  readonly end: string | undefined;
}

/**
 * Finds the spawn of a handler that ran when a frame came, or else the newest that ran.
 *
 * @param frames the frames `stream.cross.handler.*`, in the order of arrival
 * @param id of the frame
 * @returns undefined where no handler of that name was active
 */
export function handlerAt(
  frames: readonly Frame[],
  name: string,
  id: string,
): PastHandler | undefined {
  const active = new Set<string>();
  const failures = new Map<string, string>();
  const spawns: Frame[] = [];
  const terminates: string[] = [];
  for (const frame of frames) {
    const { topic, meta } = frame;
    const {
      topic: of,
      spawn_id: spawnId,
      frame_id: frameId,
    } = Object(meta) as Partial<Frame> & Record<string, unknown>;
    if (of !== name) continue;
    if (topic === "stream.cross.handler.active") active.add(String(spawnId));
    if (topic === "stream.cross.handler.failed" && typeof frameId === "string")
      failures.set(String(spawnId), frameId);
    const action = requestIn(frame)?.action;
    if (action === "spawn") spawns.push(frame);
    else if (action === "terminate") terminates.push(frame.id);
  }
  const ran = spawns.filter((spawn) => active.has(spawn.id));
  /** The id from which on frames are not for a spawn, if there is one: it failed, was ended or replaced. */
  const endOf = (n: number): string | undefined => {
    const { id: own } = ran[n] as Frame;
    const ends = [failures.get(own), terminates.find((each) => each > own), ran[n + 1]?.id];
    return ends.filter((end) => end !== undefined).sort()[0];
  };
  const isResumed = (n: number): boolean => {
    const next = ran[n + 1];
    return next !== undefined && resumes(next);
  };
  const before = ran.findLastIndex((spawn) => spawn.id < id);
  let at = before < 0 ? ran.length - 1 : before;
  if (at < 0) return undefined;
  // What came after its end went to the spawn that resumed it.
  while (isResumed(at) && (endOf(at) ?? "") <= id) at++;
  let from = at;
  while (from > 0 && isResumed(from - 1)) from--;
  const chain = ran.slice(from, at + 1).map((frame, n): PastSpawn => {
    return { frame, end: from + n === at ? undefined : endOf(from + n) };
  });
  const own = ran[at]?.id ?? "";
  const ended = isResumed(at) ? undefined : terminates.find((each) => each > own);
  return { spawns: joined(chain), ended, ids: new Set(spawns.map((each) => each.id)) };
}

/** Joins spawns in a row that have the same script and options: one run does for them. */
function joined(chain: readonly PastSpawn[]): PastSpawn[] {
  const parts: PastSpawn[] = [];
  for (const each of chain) {
    const last = parts.at(-1);
    if (last && last.frame.hash === each.frame.hash && optionsOf(last) === optionsOf(each))
      parts[parts.length - 1] = { frame: last.frame, end: each.end };
    else parts.push(each);
  }
  return parts;
}

function optionsOf({ frame: { meta } }: PastSpawn): string {
  const {
    resume: _,
    handler_id: __,
    frame_id: ___,
    ...rest
  } = Object(meta) as Record<string, unknown>;
  return JSON.stringify(Object.entries(rest).sort(([a], [b]) => (a < b ? -1 : 1)));
}
