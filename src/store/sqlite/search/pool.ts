import { XsError } from "../../../core/error.ts";
import { SearchChild } from "./child.ts";
import type { SearchPlaces } from "./messages.ts";

/** Searches at once. */
const MAX_SEARCHES = 4;
/** A process that waits for the next search is kept so long, in ms. */
const KEPT_MS = 30_000;

/** The processes that search, and the turns of the searches that use them. */
export class SearchPool {
  readonly #places: SearchPlaces;
  readonly #running = new Set<SearchChild>();
  readonly #idle: SearchChild[] = [];
  readonly #queue: (() => void)[] = [];
  #turns = 0;
  #isClosed = false;
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(places: SearchPlaces) {
    this.#places = places;
  }

  /** Begins a search. @throws XsError `too_many_requests` */
  begin(): void {
    if (this.#turns >= MAX_SEARCHES) {
      throw new XsError(
        "too_many_requests",
        `${MAX_SEARCHES} searches are under way: try again in a moment`,
      );
    }
    this.#turns++;
  }

  /** Goes on with a search that has begun: its client may have taken its time, so it waits for its turn. */
  async goOn(): Promise<void> {
    if (this.#turns >= MAX_SEARCHES) {
      await new Promise<void>((resolve) => this.#queue.push(resolve));
    }
    this.#turns++;
  }

  /** The search ends, or waits for its client. */
  pause(): void {
    this.#turns--;
    this.#queue.shift()?.();
  }

  /** Starts a process where none waits: it takes a moment. */
  prepare(): void {
    if (!this.#idle.some((child) => child.isAlive)) this.giveBack(this.take());
  }

  /** @throws XsError `store_closed`, `too_many_files` */
  take(): SearchChild {
    if (this.#isClosed) throw new XsError("store_closed", "the store is closed");
    let child = this.#idle.pop();
    while (child && !child.isAlive) child = this.#idle.pop();
    child ??= new SearchChild(this.#places);
    this.#running.add(child);
    return child;
  }

  giveBack(child: SearchChild): void {
    this.#running.delete(child);
    // It still looks for a page that nobody waits for.
    if (child.isBusy) child.kill();
    else if (child.isAlive) this.#idle.push(child);
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#endIdle(), KEPT_MS);
    this.#timer.unref();
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    clearTimeout(this.#timer);
    for (const child of this.#running) child.kill();
    await Promise.all([...this.#running, ...this.#idle].map((child) => child.end()));
  }

  #endIdle(): void {
    for (const child of this.#idle.splice(0)) void child.end();
  }
}
