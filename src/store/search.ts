import type { Snippet } from "../core/search-match.ts";
import type { SearchQuery } from "../core/search-query.ts";

/** What a search looks for. */
export interface SearchRequest {
  /** The text that was parsed to `query`. */
  readonly text: string;
  readonly query: SearchQuery;
  /** Only frames whose id has this time or a later one, in ms since 1970. */
  readonly since?: number;
  /** Only frames whose id has an earlier time. */
  readonly until?: number;
  /** At most so many hits; all without it. */
  readonly limit?: number;
  /** The topics to look at, beside those that the query names, as `parseTopicFilter` returns them; absent for all. */
  readonly topics?: readonly string[];
  /** Ends the search. */
  readonly signal?: AbortSignal;
}

/** A frame that was found. */
export interface SearchHit {
  /** The JSON line, as `Store.get` returns it now. */
  readonly line: string;
  readonly snippet: Snippet;
}

/**
 * Full text search over topics, meta and content. Its index is derived from the log, made at the first search, and lost
 * without harm.
 */
export interface Search {
  /**
   * Finds frames, the highest id first, in pages. Each frame that was acknowledged before the call is looked at; none
   * that a read would not return is among the hits.
   *
   * @throws XsError `index_building` while the index is not that far, with the percentage in its member `percent`;
   *   `search_too_slow`, `too_many_requests`, `too_many_files`, `disk_full`
   */
  find(request: SearchRequest): AsyncGenerator<readonly SearchHit[]>;
}
