/** Which way a trace goes from a frame: to what it came of, or to what came of it. */
export type TraceDirection = "causes" | "effects";

/** What a trace returns, and how. */
export interface TraceOptions {
  /** At most this many steps away. */
  readonly depth?: number | undefined;
  /** At most this many frames. */
  readonly limit?: number | undefined;
  /** Go on behind the frame with this id, in the same order. */
  readonly after?: string | undefined;
  readonly withTimestamp?: boolean;
  /** Adds to each frame how many steps away it is. */
  readonly withDepth?: boolean;
  /** Whether the frames of a topic are there; absent where all are. A trace does not go through what is not there. */
  readonly sees?: (topic: string) => boolean;
}
