/** A processor, as `GET /ps?all=true` lists it. */
export interface Processor {
  readonly kind: "handler" | "generator";
  readonly name: string;
  readonly state: string;
  /** The id of the frame that registered it. */
  readonly spawn_id: string;
  readonly runtime: string | null;
  readonly pid: number | null;
  readonly uptime_ms: number | null;
  readonly restarts: number;
  readonly last_exit: { readonly code: number | null; readonly signal: string | null } | null;
  /** How far it is behind the newest frame of its topics, in ms. */
  readonly behind_ms: number | null;
  /** The wait for the frame on which it has failed. */
  readonly retry: {
    readonly frame_id: string;
    readonly failures: number;
    readonly retries: number;
    readonly at: string;
    readonly reason: string | null;
  } | null;
  /** When a generator runs; null where it runs all the time. */
  readonly every: string | null;
  /** The time zone of that. */
  readonly tz: string | null;
  /** When its next run begins. */
  readonly next: string | null;
  /** Why it does not run, and since when. */
  readonly reason: string | null;
  readonly ended: string | null;
}

/** The name of a processor that no other one has; a replacement that does not load has that of the one that runs. */
export function idOf({ kind, name }: Pick<Processor, "kind" | "name">): string {
  return `${kind}/${name}`;
}

/** What became of its last program, in words. */
export function exitText({ code, signal }: NonNullable<Processor["last_exit"]>): string {
  if (signal !== null) return `ended by ${signal}`;
  return code === null ? "of an unknown code" : `code ${code}`;
}

/** Whether a processor has what a person looks for: each word in its name, kind, runtime, state or reason. */
export function isFound(row: Processor, words: string): boolean {
  const { kind, name, runtime, state, reason } = row;
  const text = `${name} ${kind} ${runtime ?? ""} ${state} ${reason ?? ""}`.toLowerCase();
  return words
    .toLowerCase()
    .split(/\s+/)
    .every((word) => text.includes(word));
}
