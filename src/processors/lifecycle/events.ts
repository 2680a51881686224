import type { Json } from "../../core/json.ts";
import { processorEvent } from "../../core/topic.ts";
import type { Change } from "../../store/types.ts";
import { type Answer, RERUN_TTL } from "./answers.ts";
import type { Kind } from "./registry.ts";

/** What a frame of the runtime reports about a processor, for the person who runs the server. */
export interface LifecycleEvent {
  readonly kind: Kind;
  readonly name: string;
  readonly event: Answer;
  /** The program ran before, and runs again by itself. */
  readonly isRerun: boolean;
  /** Why: of `invalid`, `restarting` and `failed`. */
  readonly reason?: string;
  /** Of `restarting`: the wait before the next run, in ms. */
  readonly delayMs?: number;
}

/** Receives each event of a processor once it is in the store. */
export type Hears = (event: LifecycleEvent) => void;

/** The events of processors that changes append. */
export function eventsIn(changes: readonly Change[]): LifecycleEvent[] {
  return changes.flatMap((change) => {
    const append = "append" in change ? change.append : undefined;
    const event = append && processorEvent(append.topic);
    if (!append || event === undefined) return [];
    const meta = JSON.parse(append.meta) as { [key: string]: Json };
    // A spawn without a name has none.
    const name = typeof meta.topic === "string" ? meta.topic : "(no name)";
    return [
      {
        kind: append.topic.startsWith("stream.cross.handler.") ? "handler" : "generator",
        name,
        event: event as Answer,
        isRerun: event === "active" && append.ttl === RERUN_TTL,
        ...(typeof meta.reason === "string" && { reason: meta.reason }),
        ...(typeof meta.delay_ms === "number" && { delayMs: meta.delay_ms }),
      } satisfies LifecycleEvent,
    ];
  });
}
