import { timestampOf } from "../../core/id.ts";
import { formatTime } from "../../core/time.ts";
import type { Store } from "../../store/store.ts";
import { expected } from "./expected.ts";
import { idleRow } from "./idle-row.ts";
import type { Ended } from "./registry.ts";
import type { ListedProcessor, ProcessorStatus } from "./status.ts";

/**
 * Rows of `xs ps --all`: the given ones, and the processors that failed, finished, are invalid or were stopped.
 *
 * @param reason why the given ones do not run; null where they do
 */
export async function allProcessors(
  store: Store,
  rows: readonly ProcessorStatus[],
  reason: string | null,
): Promise<ListedProcessor[]> {
  const given = new Set(rows.map(({ spawn_id }) => spawn_id));
  const ended = (await expected(store)).ended().filter(({ spawn }) => !given.has(spawn));
  return [
    ...rows.map((row) => ({ ...row, reason, ended: null })),
    ...ended.map((each) => rowOf(store, each)),
  ];
}

function rowOf(
  store: Store,
  { kind, name, spawn, how, id, reason, exit, signal }: Ended,
): ListedProcessor {
  const hasExit = exit !== undefined || signal !== undefined;
  return {
    ...idleRow(store, { kind, name, spawnId: spawn }, how),
    last_exit: hasExit ? { code: exit ?? null, signal: signal ?? null } : null,
    reason: reason ?? (how === "stopped" ? `xs ${kind} start ${name} goes on where it was` : null),
    ended: formatTime(timestampOf(id)),
  };
}
