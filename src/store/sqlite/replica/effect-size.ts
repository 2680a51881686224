import type { Effect } from "../commit/record.ts";

/** What an effect takes in a record besides its texts and bytes, at most, in bytes. */
const OVERHEAD_BYTES = 128;

/** About how much an effect takes in a record, in bytes. */
export function effectSize(effect: Effect): number {
  switch (effect.kind) {
    case "frame":
      return effect.line.length + OVERHEAD_BYTES;
    case "content":
      return effect.bytes.length + OVERHEAD_BYTES;
    case "entry":
      return (effect.value?.length ?? 0) + effect.key.length + OVERHEAD_BYTES;
    case "answer":
      return effect.frames.reduce((sum, line) => sum + line.length, OVERHEAD_BYTES);
    case "candidates":
    case "freed":
      return effect.hashes.length * 64;
    default:
      return OVERHEAD_BYTES;
  }
}
