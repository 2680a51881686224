import type { Frame } from "../../core/frame.ts";
import { requestIn, resumes } from "../lifecycle/registry.ts";

/** The handler that a name had at a moment of history. */
export interface PastHandler {
  /** The spawn whose script handled the frame. */
  readonly spawn: Frame;
  /** The spawn with which its state began: it or one that resumed it. */
  readonly root: Frame;
  /** The terminate that ended the spawn, unless a later one resumed it. */
  readonly end: string | undefined;
  /** All spawns of the name. */
  readonly ids: ReadonlySet<string>;
}

/**
 * Finds the spawn of a handler that ran when a frame came, or else the newest that ran.
 *
 * @param frames the frames `stream.cross.handler.*`, in the order of arrival
 * @param id of the frame
 * @returns undefined where no handler of that name was active; the reason where its state cannot be found again
 */
export function handlerAt(
  frames: readonly Frame[],
  name: string,
  id: string,
): PastHandler | string | undefined {
  const active = new Set<string>();
  const spawns: Frame[] = [];
  const terminates: string[] = [];
  for (const frame of frames) {
    const { topic, meta } = frame;
    const { topic: of, spawn_id: spawnId } = Object(meta) as {
      topic?: unknown;
      spawn_id?: unknown;
    };
    if (of !== name) continue;
    if (topic === "stream.cross.handler.active") active.add(String(spawnId));
    const action = requestIn(frame)?.action;
    if (action === "spawn") spawns.push(frame);
    else if (action === "terminate") terminates.push(frame.id);
  }
  const ran = spawns.filter((spawn) => active.has(spawn.id));
  const before = ran.findLastIndex((spawn) => spawn.id < id);
  const at = before < 0 ? ran.length - 1 : before;
  const spawn = ran[at];
  if (!spawn) return undefined;
  let from = at;
  while (from > 0 && resumes(ran[from] as Frame)) from--;
  const root = ran[from] as Frame;
  const chain = ran.slice(from, at + 1);
  if (resumes(root)) return `the spawn that ${root.id} resumed is not in the store`;
  const other = chain.find(({ hash }) => hash !== spawn.hash);
  if (other) return `${spawn.id} goes on with the state of another script, that of ${other.id}`;
  const next = ran[at + 1];
  const end = next && resumes(next) ? undefined : terminates.find((each) => each > spawn.id);
  return { spawn, root, end, ids: new Set(spawns.map((each) => each.id)) };
}
