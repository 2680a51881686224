import { signal } from "@preact/signals";
import { ask, isAbort } from "../../lib/ask.ts";
import { jsonLines } from "../../lib/lines.ts";
import { follow } from "../../lib/live.ts";

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
  readonly retry: {
    readonly frame_id: string;
    readonly failures: number;
    readonly at: string;
  } | null;
  /** When a generator runs; null where it runs all the time. */
  readonly every: string | null;
  /** When its next run begins. */
  readonly next: string | null;
  /** Why it does not run, and since when. */
  readonly reason: string | null;
  readonly ended: string | null;
}

/** How far a processor was behind, over time: seconds since 1970, and ms. */
export type Lag = readonly (readonly [at: number, ms: number])[];

const POLL_MS = 2000;
/** The most points of one line: an hour of them. */
const MAX_POINTS = 1800;

/** The name of a processor that no other one has. */
export function idOf({ kind, name }: Pick<Processor, "kind" | "name">): string {
  return `${kind}/${name}`;
}

/** The processors, asked for again and again, and at once when the runtime says something of one. */
export class Processors {
  readonly shown = signal<readonly Processor[] | undefined>(undefined);
  readonly error = signal<unknown>(undefined);
  readonly #lags = new Map<string, [number, number][]>();
  readonly #ending = new AbortController();
  readonly #unfollow: () => void;
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor() {
    const path = `/?${new URLSearchParams({ tail: "true", topic: "stream.cross.*" })}`;
    this.#unfollow = follow({
      path,
      resume: () => path,
      take: () => this.#soon(100),
    });
    void this.#load();
  }

  lag(id: string): Lag {
    return this.#lags.get(id) ?? [];
  }

  close(): void {
    this.#ending.abort();
    this.#unfollow();
    clearTimeout(this.#timer);
  }

  #soon(ms: number): void {
    clearTimeout(this.#timer);
    if (!this.#ending.signal.aborted) this.#timer = setTimeout(() => void this.#load(), ms);
  }

  async #load(): Promise<void> {
    const { signal } = this.#ending;
    try {
      if (!document.hidden) {
        const rows = await jsonLines<Processor>(await ask("/ps?all=true", { signal }));
        this.#note(rows);
        this.shown.value = rows;
        this.error.value = undefined;
      }
    } catch (error) {
      if (!isAbort(error)) this.error.value = error;
    }
    this.#soon(POLL_MS);
  }

  #note(rows: readonly Processor[]): void {
    for (const row of rows) {
      if (row.behind_ms === null) continue;
      const points = this.#lags.get(idOf(row)) ?? [];
      points.push([Date.now() / 1000, row.behind_ms]);
      if (points.length > MAX_POINTS) points.shift();
      this.#lags.set(idOf(row), points);
    }
  }
}
