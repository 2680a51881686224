import { hrefOf } from "../../lib/place.ts";

/** The members of the address that are of one processor: the next one has none of them. */
export const OF_PROCESSOR = {
  at: undefined,
  file: undefined,
  show: undefined,
} as const;

/** The address of a frame in the stream. */
export function hrefOfFrame(id: string): string {
  return hrefOf({ frame: id }, new URLSearchParams());
}
