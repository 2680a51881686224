import type { Frame } from "../../lib/frame.ts";

/** The place of an id among frames in the order of ids or, where it is not there, the one that it would have. */
export function placeOf(frames: readonly Frame[], id: string): number {
  let low = 0;
  let high = frames.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((frames[middle]?.id ?? "") < id) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** Puts frames, in whatever order, among others that are in the order of ids: each frame once. */
export function merged(frames: readonly Frame[], more: readonly Frame[]): readonly Frame[] {
  if (more.length === 0) return frames;
  const newest = frames.at(-1)?.id ?? "";
  const isOrdered = more.every(({ id }, at) => id > (more[at - 1]?.id ?? ""));
  if (isOrdered && (more[0]?.id ?? "") > newest) return [...frames, ...more];
  const byId = new Map<string, Frame>();
  for (const frame of frames) byId.set(frame.id, frame);
  for (const frame of more) if (!byId.has(frame.id)) byId.set(frame.id, frame);
  return [...byId.values()].sort((a, b) => (a.id < b.id ? -1 : 1));
}

/** Leaves frames out. */
export function without(frames: readonly Frame[], ids: ReadonlySet<string>): readonly Frame[] {
  return frames.filter(({ id }) => !ids.has(id));
}
