import { idInLine } from "../../core/frame.ts";
import { timestampOf } from "../../core/id.ts";
import type { Store } from "../../store/store.ts";

/** How far a cursor is behind the newest frame of some topics, or of all topics, in ms. */
export function behindMs(
  store: Store,
  cursor: string,
  topics: readonly string[] | undefined,
): number {
  const newest = store.neighbour("~", "previous", topics);
  if (newest === undefined) return 0;
  const id = idInLine(newest);
  if (id <= cursor) return 0;
  const first = cursor === "" ? store.neighbour("", "next") : undefined;
  return Math.max(0, timestampOf(id) - timestampOf(first === undefined ? cursor : idInLine(first)));
}
