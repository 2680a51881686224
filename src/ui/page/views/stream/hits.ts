import { signal } from "@preact/signals";
import type { Snippet } from "../../../../core/search-match.ts";
import { pause } from "../../../../lib/pause.ts";
import { ask, isAbort, Problem } from "../../lib/ask.ts";
import { type Frame, timeOf } from "../../lib/frame.ts";
import { jsonLines } from "../../lib/lines.ts";
import { noteRefusal } from "./field-problem.ts";
import type { LogSource } from "./source.ts";

/** A frame that a search found, with the text around what it found. */
export interface Hit extends Frame {
  readonly snippet: Snippet;
}

/** How many hits one request brings, and how many the page keeps. */
const PART = 100;
const MAX_HITS = 5000;
/** How soon a search is asked again whose index is being made, in ms. */
const AGAIN_MS = 1000;
/** What a search that is asked again gets over. */
const PASSING = new Set(["index_building", "too_many_requests"]);

/** The hits of a search, the newest first: more are asked for as the person scrolls to them. */
export class Hits {
  readonly hits = signal<readonly Hit[]>([]);
  readonly isLoading = signal(false);
  /** There are no more. */
  readonly isAll = signal(false);
  readonly error = signal<unknown>(undefined);
  /** Why the search waits, and is asked again by itself. */
  readonly waits = signal<Problem | undefined>(undefined);
  readonly #source: LogSource;
  readonly #q: string;
  readonly #work = new AbortController();

  constructor(source: LogSource, q: string) {
    this.#source = source;
    this.#q = q;
  }

  /** The page keeps no more, and there may be some. */
  get isFull(): boolean {
    return this.hits.value.length >= MAX_HITS;
  }

  /** Asks for more, unless it is asking already or there are none. */
  async more(): Promise<void> {
    if (this.isLoading.peek() || this.isAll.peek() || this.isFull) return;
    this.isLoading.value = true;
    try {
      const limit = PART + this.#ofLastMoment().length;
      const found = await this.#ask(limit);
      const last = this.hits.peek().at(-1)?.id;
      const fresh = found.filter(({ id }) => last === undefined || id < last);
      this.hits.value = [...this.hits.peek(), ...fresh];
      this.isAll.value = found.length < limit;
      this.error.value = undefined;
    } catch (error) {
      if (!isAbort(error) && !this.#work.signal.aborted) {
        this.error.value = error;
        noteRefusal(error, this.#q, this.#source.selection.topic);
      }
    }
    this.isLoading.value = false;
  }

  close(): void {
    this.#work.abort();
  }

  /** The hits of the millisecond of the last one: the next part begins with that millisecond. */
  #ofLastMoment(): readonly Hit[] {
    const hits = this.hits.peek();
    const last = hits.at(-1);
    if (!last) return [];
    const ms = timeOf(last.id);
    const first = hits.findIndex(({ id }) => timeOf(id) <= ms);
    return hits.slice(first);
  }

  async #ask(limit: number): Promise<Hit[]> {
    const last = this.hits.peek().at(-1);
    const times = this.#source.times();
    const until = last ? { until: new Date(timeOf(last.id) + 1).toISOString() } : {};
    const query = { ...this.#source.filter(), ...times, ...until, q: this.#q, limit: `${limit}` };
    for (;;) {
      try {
        const path = `/-/search?${new URLSearchParams(query)}`;
        const found = await jsonLines<Hit>(await ask(path, { signal: this.#work.signal }));
        this.waits.value = undefined;
        return found;
      } catch (error) {
        if (!(error instanceof Problem) || !PASSING.has(error.code)) throw error;
        this.waits.value = error;
        await pause(AGAIN_MS, this.#work.signal);
      }
    }
  }
}
