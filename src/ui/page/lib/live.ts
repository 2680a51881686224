import { signal } from "@preact/signals";
import { pause } from "../../../lib/pause.ts";
import { ask, isAbort, messageOf, Problem } from "./ask.ts";
import { linesOf } from "./lines.ts";
import { shareOfConnections } from "./share.ts";

/**
 * How the following read of the page is; `refused`: as it is asked for, it is never live; `none`: the place has none, as
 * a time that is over; `full`: other tabs have the connections of the browser.
 */
export type LiveState = "none" | "connecting" | "live" | "away" | "refused" | "full";

/** The state of the one following read, for the head of the page. */
export const liveState = signal<LiveState>("none");
/** Why it is away, for the person. */
export const liveProblem = signal("");

/** The interval of heartbeats that it asks for, and the silence after which the connection is taken for lost, in ms. */
const PULSE_MS = 5000;
const SILENCE_MS = 15_000;
const FIRST_WAIT_MS = 100;
const LONGEST_WAIT_MS = 5000;

/** A following read. */
export interface Follow {
  /** The path that begins the read, with its query. */
  readonly path: string;
  /**
   * The path for a new connection after a loss: it continues after the newest line that was taken, or begins again.
   */
  resume(): string;
  /** Takes lines as they arrive. It may take its time: the read waits for it. */
  take(lines: string[]): void | Promise<void>;
  /** Hears that the server refuses the read: it does not come back by itself. */
  refused?(problem: Problem): void;
}

let current: AbortController | undefined;

/**
 * Begins the one following read of the page: one before ends. It comes back by itself after a loss, and takes up where
 * it was.
 *
 * @returns a function that ends it
 */
export function follow(read: Follow): () => void {
  current?.abort();
  const ending = new AbortController();
  current = ending;
  void run(read, ending.signal);
  return () => {
    ending.abort();
    if (current === ending) liveState.value = "none";
  };
}

async function run(read: Follow, end: AbortSignal): Promise<void> {
  let path = read.path;
  let wait = FIRST_WAIT_MS;
  liveState.value = "connecting";
  await shareOfConnections(end, () => {
    liveProblem.value = "this browser has too many tabs of this page";
    liveState.value = "full";
  });
  while (!end.aborted) {
    try {
      await once(withPulse(path), read, end, () => {
        liveState.value = "live";
        wait = FIRST_WAIT_MS;
      });
      liveProblem.value = "the server ended the connection";
    } catch (error) {
      if (end.aborted) return;
      liveProblem.value = isAbort(error) ? "the server is silent" : messageOf(error);
      // A request that is wrong does not get right by itself.
      if (error instanceof Problem && error.status >= 400 && error.status < 500) {
        liveState.value = "refused";
        read.refused?.(error);
        return;
      }
    }
    if (end.aborted) return;
    liveState.value = "away";
    await pause(wait, end);
    wait = Math.min(wait * 2, LONGEST_WAIT_MS);
    path = read.resume();
  }
}

/** Reads one connection to its end. */
async function once(
  path: string,
  { take }: Follow,
  end: AbortSignal,
  opened: () => void,
): Promise<void> {
  const lost = new AbortController();
  const signal = AbortSignal.any([end, lost.signal]);
  let timer = setTimeout(() => lost.abort(), SILENCE_MS);
  try {
    const response = await ask(path, { signal });
    opened();
    for await (const lines of linesOf(response)) {
      clearTimeout(timer);
      await take(lines);
      timer = setTimeout(() => lost.abort(), SILENCE_MS);
    }
  } finally {
    clearTimeout(timer);
    lost.abort();
  }
}

function withPulse(path: string): string {
  return `${path}${path.includes("?") ? "&" : "?"}follow=${PULSE_MS}`;
}
