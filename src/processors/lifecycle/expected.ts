// What the log of a store says about its processors, read by itself: a command without a server needs no more.
import { framesIn } from "../../core/frame.ts";
import { READ_ALL } from "../../core/read-options.ts";
import type { Store } from "../../store/store.ts";
import { idleRow } from "./idle-row.ts";
import { type Kind, Registry } from "./registry.ts";
import type { ProcessorStatus } from "./status.ts";

/** The topics of the frames about processors. */
export const LIFECYCLE_TOPICS = [
  "stream.cross.duplex.*",
  "stream.cross.generator.*",
  "stream.cross.handler.*",
] as const;

/** Rows of `xs ps` for the processors that would run after the next start. @param state of each row */
export async function idleProcessors(
  store: Store,
  state: "stopped" | "paused" | "unknown",
): Promise<ProcessorStatus[]> {
  const entries = (await expected(store)).entries();
  return entries.flatMap(({ kind, name, good, pending }) => {
    const spawnId = good ?? pending;
    return spawnId === undefined ? [] : [idleRow(store, { kind, name, spawnId }, state)];
  });
}

/** The processors that the next start would run. @returns for each, the newest spawn and all spawns it would try */
export async function nextStart(
  store: Store,
): Promise<{ kind: Kind; name: string; spawn_id: string; spawns: string[] }[]> {
  const registry = await expected(store);
  return registry.entries().flatMap(({ kind, name, good, pending }) => {
    const unended = registry.unended(kind, name);
    const spawns = [pending, good, ...unended].filter((id) => id !== undefined);
    const [spawn_id] = spawns;
    return spawn_id === undefined ? [] : [{ kind, name, spawn_id, spawns }];
  });
}

/**
 * The frames that must stay for a processor that runs, or would after the next start, or was stopped, to be as it is: its
 * spawns, and the requests to end it that have no answer, or that stopped it.
 */
export async function neededFrames(store: Store): Promise<ReadonlySet<string>> {
  const registry = await expected(store);
  const ids = new Set(registry.unnamed().map(({ id }) => id));
  for (const { kind, name, good, pending, terminating } of registry.entries()) {
    const spawns = [...(terminating?.spawns ?? []), ...registry.unended(kind, name)];
    for (const id of [good, pending, terminating?.id, ...spawns]) if (id !== undefined) ids.add(id);
  }
  for (const { how, spawn, id } of registry.ended()) {
    if (how === "stopped") ids.add(spawn).add(id);
  }
  return ids;
}

/** Folds the log of a store: the processors that should run, and those that ended. */
export async function expected(store: Store): Promise<Registry> {
  const registry = new Registry();
  const reader = store.read({ ...READ_ALL, topics: [...LIFECYCLE_TOPICS] });
  for (let bytes = await reader.next(); bytes; bytes = await reader.next()) {
    for (const frame of framesIn(bytes)) registry.apply(frame);
  }
  return registry;
}
