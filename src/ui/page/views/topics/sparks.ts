import { signal } from "@preact/signals";
import { bound } from "../../../../lib/bound.ts";
import { askJson } from "../../lib/ask.ts";

/** The counts of a pattern in the last hour. */
interface Counts {
  readonly counts: readonly number[];
}

/** How many counts there are, and how long the page takes them for new, in ms. */
const STEPS = 24;
const FRESH_MS = 60_000;
/** Rows that rest for this long are asked for, in ms. */
const REST_MS = 200;
const MAX_KEPT = 1000;

/** Fetches the counts of the last hour for the topics that are visible: one after the other, and seldom anew. */
export class Sparks {
  /** Changes when some arrived. */
  readonly arrived = signal(0);
  readonly #kept = new Map<string, { counts: readonly number[] | undefined; until: number }>();
  #wanted: readonly string[] = [];
  #timer: ReturnType<typeof setTimeout> | undefined;
  #isRunning = false;
  readonly #end = new AbortController();

  get(pattern: string): readonly number[] | undefined {
    return this.#kept.get(pattern)?.counts;
  }

  /** Says which topics are visible. */
  want(patterns: readonly string[]): void {
    this.#wanted = patterns;
    this.#soon(REST_MS);
  }

  close(): void {
    this.#end.abort();
    clearTimeout(this.#timer);
  }

  #soon(ms: number): void {
    clearTimeout(this.#timer);
    if (this.#end.signal.aborted) return;
    this.#timer = setTimeout(() => void this.#run(), ms);
  }

  async #run(): Promise<void> {
    if (this.#isRunning) return;
    this.#isRunning = true;
    const { signal } = this.#end;
    while (!signal.aborted && !document.hidden) {
      const next = this.#wanted.find((pattern) => !this.#isFresh(pattern));
      if (next === undefined) break;
      this.#keep(next, await countsOf(next, signal));
    }
    this.#isRunning = false;
    this.#soon(FRESH_MS / 4);
  }

  #isFresh(pattern: string): boolean {
    return performance.now() < (this.#kept.get(pattern)?.until ?? 0);
  }

  #keep(pattern: string, counts: readonly number[] | undefined): void {
    bound(this.#kept, MAX_KEPT);
    const before = this.#kept.get(pattern)?.counts;
    this.#kept.set(pattern, { counts: counts ?? before, until: performance.now() + FRESH_MS });
    this.arrived.value += 1;
  }
}

/** Undefined where nothing answers: the list of topics says why. */
async function countsOf(
  topic: string,
  signal: AbortSignal,
): Promise<readonly number[] | undefined> {
  const query = new URLSearchParams({ topic, since: "1h", steps: `${STEPS}` });
  try {
    return (await askJson<Counts>(`/-/histogram?${query}`, signal)).counts;
  } catch {
    return undefined;
  }
}
