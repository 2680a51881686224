import { signal } from "@preact/signals";
import { ask, isAbort } from "../../lib/ask.ts";
import { type Frame, isOfRuntime } from "../../lib/frame.ts";
import { jsonLines } from "../../lib/lines.ts";
import { follow } from "../../lib/live.ts";
import { addPoint, type Lag, type LagPoint } from "./lag.ts";
import { idOf, type Processor } from "./processor.ts";

const POLL_MS = 2000;
/** Where the answer takes long: at most this part of the time. */
const SHARE = 10;
/** How soon after a frame of the runtime it is asked again, in ms. */
const SOON_MS = 150;
/** The most points of one line: an hour of them; and of all. */
const MAX_POINTS = 1800;
const MAX_ALL_POINTS = 200_000;

/** What becomes of processors. The spawns are not among it: they would come with their scripts. */
const EVENTS =
  "stream.cross.handler.*,!stream.cross.handler.spawn,stream.cross.generator.*,!stream.cross.generator.spawn";

/** They outlive the view: a person who comes back finds the lines as they were. */
const lags = new Map<string, LagPoint[]>();

/** What else the following read of the view brings, for the log of one processor. */
export interface Listener {
  readonly topics: readonly string[];
  /** The frames after this one. */
  readonly after: string;
  take(frame: Frame): void;
}

/** The processors, asked for again and again, and soon after the runtime says something of one. */
export class Processors {
  readonly shown = signal<readonly Processor[] | undefined>(undefined);
  readonly error = signal<unknown>(undefined);
  readonly #ending = new AbortController();
  #unfollow = () => {};
  #timer: ReturnType<typeof setTimeout> | undefined;
  #isSoon = false;

  constructor() {
    this.listen(undefined);
    void this.#load();
    const { signal } = this.#ending;
    // A hidden page asks for nothing.
    document.addEventListener("visibilitychange", () => document.hidden || this.askSoon(), {
      signal,
    });
  }

  lag(id: string): Lag {
    return lags.get(id) ?? [];
  }

  /** Begins the following read of the view, with what a log wants; undefined where none is shown. */
  listen(listener: Listener | undefined): void {
    const topics = [EVENTS, ...(listener?.topics ?? [])].join(",");
    let newest = listener?.after;
    const path = () => {
      const query = new URLSearchParams({ topic: topics, content: "inline" });
      if (newest === undefined) query.set("tail", "true");
      else query.set("last-id", newest);
      return `/?${query}`;
    };
    this.#unfollow();
    if (this.#ending.signal.aborted) return;
    this.#unfollow = follow({
      path: path(),
      resume: path,
      take: (lines) => {
        for (const line of lines) {
          const frame = JSON.parse(line) as Frame;
          newest = frame.id;
          if (/^stream\.cross\.(threshold|pulse)$/.test(frame.topic)) continue;
          listener?.take(frame);
          if (isOfRuntime(frame)) this.askSoon();
        }
      },
    });
  }

  /** Asks again: something has changed. */
  askSoon(): void {
    if (!this.#isSoon) this.#askIn(SOON_MS);
    this.#isSoon = true;
  }

  close(): void {
    this.#ending.abort();
    this.#unfollow();
    clearTimeout(this.#timer);
  }

  #askIn(ms: number): void {
    clearTimeout(this.#timer);
    if (this.#ending.signal.aborted) return;
    this.#timer = setTimeout(() => void this.#load(), ms);
  }

  async #load(): Promise<void> {
    const { signal } = this.#ending;
    const started = performance.now();
    this.#isSoon = true;
    try {
      if (!document.hidden) {
        const rows = await jsonLines<Processor>(await ask("/ps?all=true", { signal }));
        note(rows);
        this.shown.value = rows;
        this.error.value = undefined;
      }
    } catch (error) {
      if (!isAbort(error)) this.error.value = error;
    }
    this.#isSoon = false;
    this.#askIn(Math.max(POLL_MS, (performance.now() - started) * SHARE));
  }
}

function note(rows: readonly Processor[]): void {
  const ids = new Set(rows.map(idOf));
  for (const id of lags.keys()) if (!ids.has(id)) lags.delete(id);
  const most = Math.max(10, Math.min(MAX_POINTS, Math.floor(MAX_ALL_POINTS / rows.length)));
  for (const row of rows) {
    if (row.behind_ms === null) continue;
    const lag = lags.get(idOf(row)) ?? [];
    addPoint(lag, Date.now() / 1000, row.behind_ms, most);
    lags.set(idOf(row), lag);
  }
}
