import type { Subject } from "./answers.ts";
import type { Ended, Kind } from "./registry.ts";

/** A row of `xs ps`. */
export interface ProcessorStatus {
  kind: Kind;
  name: string;
  state:
    | "loading"
    | "active"
    | "retrying"
    | "restarting"
    | "replacing"
    | "stopping"
    | "stopped"
    | "paused"
    | "unknown"
    | Ended["how"];
  spawn_id: string;
  runtime: string | null;
  /** The pid of its program. */
  pid: number | null;
  /** How long it has been active since its last start. */
  uptime_ms: number | null;
  restarts: number;
  last_exit: { code: number | null; signal: string | null } | null;
  /** How far a handler is behind the newest frame of its topics. */
  behind_ms: number | null;
  /** While the handler waits until it gets the frame again on which it has failed. */
  retry: RetryStatus | null;
  /** When a generator runs: a duration or a cron line; null where it runs all the time. */
  every: string | null;
  /** The time zone of that cron line; null for the server's zone. */
  tz: string | null;
  /** When its next run begins, as RFC 3339. */
  next: string | null;
  /** Of a store on several machines: the one that runs it; null where that cannot be asked. */
  node?: string | null;
}

/** The wait of a handler for the frame on which it has failed. */
export interface RetryStatus {
  readonly frame_id: string;
  /** How often the handler has failed on it. */
  readonly failures: number;
  /** How often a frame comes again before the handler skips it. */
  readonly retries: number;
  /** When it comes again, as RFC 3339. */
  readonly at: string;
  /** Why the handler failed; null after a restart of the server. */
  readonly reason: string | null;
}

/** A row of `xs ps --all`. */
export interface ListedProcessor extends ProcessorStatus {
  /** Why it does not run. */
  reason: string | null;
  /** When it ended: RFC 3339. */
  ended: string | null;
}

/** The row of a processor without a program. */
export function idleStatus(
  { kind, name, spawnId }: Subject,
  state: ProcessorStatus["state"],
): ProcessorStatus {
  return {
    kind,
    name,
    state,
    spawn_id: spawnId,
    runtime: null,
    pid: null,
    uptime_ms: null,
    restarts: 0,
    last_exit: null,
    behind_ms: null,
    retry: null,
    every: null,
    tz: null,
    next: null,
  };
}
