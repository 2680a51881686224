import { XsError } from "../../../core/error.ts";
import { idBoundsOf } from "../../../core/id-bounds.ts";
import type { Ends } from "../../read-source.ts";
import type { SearchHit, SearchRequest } from "../../search.ts";
import { END } from "../log/frame-search.ts";
import { IndexDamaged, SearchChild, SearchDied } from "./child.ts";
import { IndexKeeper, type KeeperUses } from "./keeper.ts";
import type { FindRequest, FoundFrame, SearchCursor } from "./messages.ts";

/** Searches at once. */
const MAX_SEARCHES = 4;
/** How long a search may look for its next hits, in ms. */
const LONGEST_MS = 30_000;
/** How long a search waits for the index, in ms: then it is refused, and says how far that is. */
const WAIT_MS = 1000;
/** Hits of a page, at most. */
const PAGE_HITS = 100;
/** A process that waits for the next search is kept so long, in ms. */
const KEPT_MS = 30_000;
const HIGHEST = "~";

/** What the search uses of a store. */
export interface SearchUses extends KeeperUses {
  /** The line of a frame, as reads return it; undefined where there is none, or it is damaged. */
  line(id: string): string | undefined;
  /** The first `seq` whose rows, from it on, have no id below this one. */
  firstFrom(id: string): number;
}

interface Page {
  readonly found: readonly FoundFrame[];
  readonly next?: SearchCursor;
}

/** Answers searches: each in a process, which is ended with it where it goes on. */
export class SearchService {
  readonly keeper: IndexKeeper;
  readonly #uses: SearchUses;
  readonly #running = new Set<SearchChild>();
  #count = 0;
  #idle: SearchChild | undefined;
  #idleTimer: ReturnType<typeof setTimeout> | undefined;
  #isClosed = false;

  constructor(uses: SearchUses) {
    this.#uses = uses;
    this.keeper = new IndexKeeper(uses);
  }

  /** As `Search.find`. */
  async *find(request: SearchRequest): AsyncGenerator<readonly SearchHit[]> {
    if (this.#count >= MAX_SEARCHES) {
      throw new XsError(
        "too_many_requests",
        `${MAX_SEARCHES} searches are under way: try again in a moment`,
      );
    }
    this.#count++;
    const search = { child: undefined as SearchChild | undefined };
    try {
      const ends = this.#uses.ends();
      await this.keeper.covers(ends, WAIT_MS, request.signal);
      let next: SearchCursor | undefined = this.#startOf(request, ends);
      for (let left = request.limit ?? Infinity; next && left > 0; ) {
        const page: Page = await this.#surely(
          search,
          this.#findRequest(request, ends, next, left),
          request.signal,
        );
        next = page.next;
        const hits = page.found.filter(({ id, line }) => this.#uses.line(id) === line);
        left -= hits.length;
        if (hits.length > 0) yield hits.map(({ line, snippet }) => ({ line, snippet }));
      }
    } finally {
      this.#count--;
      if (search.child) this.#giveBack(search.child);
    }
  }

  /** Asks for a page, again where the process was killed, or the index is damaged and made anew. */
  async #surely(
    search: { child: SearchChild | undefined },
    find: FindRequest,
    signal: AbortSignal | undefined,
  ): Promise<Page> {
    for (let tries = 0; ; tries++) {
      if (!search.child?.isAlive) {
        if (search.child) this.#running.delete(search.child);
        search.child = this.#take();
      }
      try {
        return await this.#page(search.child, find, signal);
      } catch (error) {
        const passes = error instanceof IndexDamaged || error instanceof SearchDied;
        if (!passes || tries > 2 || signal?.aborted || this.#isClosed) throw error;
        if (error instanceof IndexDamaged) await this.keeper.renew();
        await this.keeper.covers(find.ends, WAIT_MS, signal);
      }
    }
  }

  /** Ends all searches, and the work on the index. */
  async close(): Promise<void> {
    this.#isClosed = true;
    clearTimeout(this.#idleTimer);
    for (const child of this.#running) child.kill();
    await Promise.all([...this.#running, this.#idle].map((child) => child?.end()));
    await this.keeper.close();
  }

  #startOf({ until }: SearchRequest, ends: Ends): SearchCursor {
    const below = until === undefined ? undefined : idBoundsOf({ until })?.below;
    if (below === undefined) return { seq: Math.min(END, ends.seq + 1), id: HIGHEST };
    return { seq: this.#uses.firstFrom(below), id: below };
  }

  #findRequest(
    { text, since, topics }: SearchRequest,
    ends: Ends,
    cursor: SearchCursor,
    left: number,
  ): FindRequest {
    const from = since === undefined ? undefined : idBoundsOf({ since })?.from;
    return {
      text,
      ...(topics && { topics }),
      above: from === undefined ? 0 : this.#uses.firstFrom(from) - 1,
      ends,
      from: from ?? "",
      cursor,
      most: Math.min(left, PAGE_HITS),
    };
  }

  /** Asks for a page, and ends the process where that takes too long. */
  async #page(
    child: SearchChild,
    find: FindRequest,
    signal: AbortSignal | undefined,
  ): Promise<Page> {
    let isSlow = false;
    const timer = setTimeout(() => {
      isSlow = true;
      child.kill();
    }, LONGEST_MS);
    const kill = () => child.kill();
    signal?.addEventListener("abort", kill);
    try {
      const answer = await child.ask({ find });
      if ("found" in answer) return answer;
      throw new XsError("internal", "the process of the search answered something else");
    } catch (error) {
      if (!isSlow) throw error;
      throw new XsError(
        "search_too_slow",
        `the search looked for ${LONGEST_MS / 1000} s and found nothing more: ask for more words, fewer topics, or a shorter time (since, until)`,
      );
    } finally {
      clearTimeout(timer);
      signal?.removeEventListener("abort", kill);
    }
  }

  #take(): SearchChild {
    clearTimeout(this.#idleTimer);
    const kept = this.#idle?.isAlive ? this.#idle : undefined;
    this.#idle = undefined;
    const child = kept ?? new SearchChild(this.keeper.places);
    this.#running.add(child);
    return child;
  }

  #giveBack(child: SearchChild): void {
    this.#running.delete(child);
    // It still looks for a page that nobody waits for.
    if (child.isBusy) child.kill();
    if (!child.isAlive || child.isBusy) return;
    if (this.#idle?.isAlive || this.#isClosed) {
      void child.end();
      return;
    }
    this.#idle = child;
    this.#idleTimer = setTimeout(() => void child.end(), KEPT_MS);
    this.#idleTimer.unref();
  }
}
