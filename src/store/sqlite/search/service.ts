import { XsError } from "../../../core/error.ts";
import { idBoundsOf } from "../../../core/id-bounds.ts";
import type { Ends } from "../../read-source.ts";
import type { SearchHit, SearchRequest } from "../../search.ts";
import { END } from "../log/frame-search.ts";
import { IndexDamaged, type SearchChild, SearchDied } from "./child.ts";
import { IndexKeeper, type KeeperUses } from "./keeper.ts";
import type { FindRequest, FoundFrame, SearchCursor } from "./messages.ts";
import { SearchPool } from "./pool.ts";

/** How long a search may look for its next hits, in ms. */
const LONGEST_MS = 30_000;
/** How long a search waits for the index, in ms: then it is refused, and says how far that is. */
const WAIT_MS = 1000;
/** Hits of a page, at most. */
const PAGE_HITS = 100;
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

/** Answers searches: each in a process, which is killed where its search is still under way at the end. */
export class SearchService {
  readonly keeper: IndexKeeper;
  readonly #uses: SearchUses;
  readonly #pool: SearchPool;

  constructor(uses: SearchUses) {
    this.#uses = uses;
    this.keeper = new IndexKeeper(uses);
    this.#pool = new SearchPool(this.keeper.places);
  }

  /** As `Search.find`. */
  async *find(request: SearchRequest): AsyncGenerator<readonly SearchHit[]> {
    const { signal } = request;
    const ends = this.#uses.ends();
    let cursor: SearchCursor | undefined = this.#startOf(request, ends);
    let isFirst = true;
    for (let left = request.limit ?? Infinity; cursor && left > 0; isFirst = false) {
      if (isFirst) this.#pool.begin();
      else await this.#pool.goOn();
      let page: Page;
      try {
        if (isFirst) await this.#prepare(ends, signal);
        page = await this.#surely(this.#findRequest(request, ends, cursor, isFirst, left), signal);
      } finally {
        this.#pool.pause();
      }
      cursor = page.next;
      const hits = page.found.filter(({ id, line }) => this.#uses.line(id) === line);
      left -= hits.length;
      if (hits.length > 0) yield hits.map(({ line, snippet }) => ({ line, snippet }));
    }
  }

  /** Ends all searches, and the work on the index. */
  async close(): Promise<void> {
    await Promise.all([this.#pool.close(), this.keeper.close()]);
  }

  async #prepare(ends: Ends, signal: AbortSignal | undefined): Promise<void> {
    if (this.keeper.isCovered(ends)) return;
    this.#pool.prepare();
    await this.keeper.covers(ends, WAIT_MS, signal);
  }

  /** Asks for a page, again where the process was killed, or the index is damaged and made anew. */
  async #surely(find: FindRequest, signal: AbortSignal | undefined): Promise<Page> {
    for (let tries = 0; ; tries++) {
      const child = this.#pool.take();
      try {
        return await this.#page(child, find, signal);
      } catch (error) {
        const passes = error instanceof IndexDamaged || error instanceof SearchDied;
        if (!passes || tries > 2 || signal?.aborted) throw error;
        if (error instanceof IndexDamaged) await this.keeper.renew();
        await this.keeper.covers(find.ends, WAIT_MS, signal);
      } finally {
        this.#pool.giveBack(child);
      }
    }
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
    isFirst: boolean,
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
      isFirst,
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
    if (signal?.aborted) kill();
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
}
