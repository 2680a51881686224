import { firstIdAt } from "./id.ts";
import type { ReadOptions } from "./read-options.ts";

/** The ids between which a read takes frames, whatever its order. No frame need have them. */
export interface IdBounds {
  /** Inclusive. */
  readonly from?: string | undefined;
  /** Exclusive. */
  readonly below?: string | undefined;
}

/** The ids between the times of a read; undefined where it names none. */
export function idBoundsOf({
  since,
  until,
}: Pick<ReadOptions, "since" | "until">): IdBounds | undefined {
  if (since === undefined && until === undefined) return undefined;
  return {
    ...(since !== undefined && { from: firstIdAt(since) }),
    ...(until !== undefined && { below: firstIdAt(until) }),
  };
}
