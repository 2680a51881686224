import { idInLine } from "../../core/frame.ts";
import { timestampOf } from "../../core/id.ts";
import { type Place, positionAt } from "../../core/place.ts";
import type { Store } from "../../store/store.ts";

/** How far a cursor is behind the frame of some topics, or of all topics, that arrived last, in ms. */
export function behindMs(
  store: Store,
  cursor: Place,
  topics: readonly string[] | undefined,
): number {
  const newest = store.newestPlace(topics);
  if (newest === undefined || newest <= cursor) return 0;
  const first = cursor === "" ? store.neighbour("", "next") : undefined;
  const from = first === undefined ? positionAt(cursor) : idInLine(first);
  return Math.max(0, timestampOf(positionAt(newest)) - timestampOf(from));
}
