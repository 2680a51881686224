import type { IdBounds } from "../core/id-bounds.ts";
import type { LiveFeed } from "./live.ts";

/**
 * A place in an order of reading, after one frame. In the order of ids that is `id`. In the order of arrival it is the
 * pair (`position`, `id`), where a frame that was not late has its id for a position.
 */
export interface Cursor {
  readonly id: string;
  /** The position of a late frame. */
  readonly position?: string;
  /** Where the store's own table of frames is at this place, which spares a search. */
  readonly seq?: number;
}

/** How far a store's tables reach, see `Pages`. */
export interface Ends {
  /** The newest number of a frame that was not late. */
  readonly seq: number;
  /** The newest number of a late frame: these go down from -1. */
  readonly late: number;
}

/** A slice of the stored log. */
export interface PageQuery {
  /** Where it begins, exclusive; undefined for the first frame, or the newest where it descends. */
  readonly after?: Cursor | undefined;
  /** The patterns, or keys, that select frames; undefined for all frames. */
  readonly topics?: readonly string[] | undefined;
  readonly order: "asc" | "desc" | "arrival";
  /** Leaves out frames whose ids are not between these. */
  readonly bounds?: IdBounds | undefined;
  /** At most this many frames. */
  readonly rows: number;
  /** Leaves out what arrived later. */
  readonly ends?: Ends | undefined;
  /** Includes frames that are committed and not durable yet. */
  readonly evenBeyondHorizon?: boolean;
}

/** The answer to a `PageQuery`. */
export interface Page {
  readonly rows: number;
  /** The frames as NDJSON; empty for none. */
  readonly bytes: Uint8Array;
  /** The place after the page. */
  readonly cursor: Cursor | undefined;
  /** The position of the frames of the page, in the order of arrival, if these are late. */
  readonly position?: string;
  /** Whether more frames may follow. A page without frames may have some after it. */
  readonly more: boolean;
}

/** The part of the store that a reader uses. */
export interface ReadSource {
  readonly live: LiveFeed;
  page(query: PageQuery): Page;
  /** The place below which none of the newest `count` frames is; undefined if there are no more than that. */
  boundOfLast(count: number, query: PageQuery): Cursor | undefined;
  /** The place of a frame in the order of arrival. */
  placeOf(id: string): Cursor;
  /** The place in the order of arrival after everything that readers may have now. */
  end(): Cursor;
  /** How far readers may see now, and whether any of it was late. */
  ends(): Ends;
  readonly hasLate: boolean;
  /** A new id from the store's sequence, below the ids of all frames that no reader has yet. */
  nextId(): string;
  /** The time that decides what has expired, in ms. */
  now(): number;
  /** Called when the read has ended. */
  closed(): void;
}
