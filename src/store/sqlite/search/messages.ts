import type { Snippet } from "../../../core/search-match.ts";
import type { Ends } from "../../read-source.ts";

/** Where the parts of a store are, for a process of its search: its one argument, as JSON. */
export interface SearchPlaces {
  /** As `openForReading` takes it. */
  readonly database: string;
  /** The folder of the files of content. */
  readonly files: string;
  /** The file of the index. */
  readonly index: string;
}

/**
 * The names of the states of a store that its index may be of, the present one first. A name ends before the index
 * forgets what was removed: an older copy of the store, put in its place, has frames again that such an index lacks.
 */
export type Marks = readonly string[];

/** Where a search goes on: below a row of `frames` and, of the late frames, below an id. */
export interface SearchCursor {
  readonly seq: number;
  readonly id: string;
}

/** What a search looks for, and where. */
export interface FindRequest {
  readonly text: string;
  /** Patterns of topics; absent for all. */
  readonly topics?: readonly string[];
  /** The rows of `frames`: above one, and not beyond the end. */
  readonly above: number;
  readonly ends: Ends;
  /** The ids, for late frames: from one on, and below the cursor. */
  readonly from: string;
  readonly cursor: SearchCursor;
  /** Nothing that an earlier search found is used again. */
  readonly isFirst: boolean;
  readonly most: number;
}

/** A frame that was found, as it was. */
export interface FoundFrame {
  readonly id: string;
  readonly line: string;
  readonly snippet: Snippet;
}

/** A request to a process of the search; it answers one after another. */
export type ToSearch =
  /** Takes in frames up to the ends, for about `ms`. */
  | { readonly index: { readonly ends: Ends; readonly marks: Marks; readonly ms: number } }
  /** Takes out frames that are gone, from a row on, for about `ms`. */
  | { readonly sweep: { readonly marks: Marks; readonly from: number; readonly ms: number } }
  /** Takes the words of what was taken out from the file as well. */
  | { readonly clean: { readonly marks: Marks } }
  /** Checks the file of the index. */
  | { readonly check: { readonly marks: Marks } }
  | { readonly find: FindRequest }
  /** Makes the index anew. */
  | { readonly drop: { readonly marks: Marks } }
  /** The answer to `mark`; null where none could be made. */
  | { readonly mark: string | null }
  | { readonly end: true };

/** How far an index is. */
export interface Indexed {
  readonly covered: Ends;
  readonly isDone: boolean;
}

/** The answers. */
export type FromSearch =
  | { readonly indexed: Indexed }
  /** The row from which to go on; null at the end. */
  | { readonly swept: number | null }
  /** What is wrong with the file. */
  | { readonly checked: readonly string[] }
  /** `next` where more may follow. */
  | { readonly found: readonly FoundFrame[]; readonly next?: SearchCursor }
  /** Frames are to be forgotten: a new mark has to be durable first. */
  | { readonly mark: true }
  | { readonly failed: { readonly message: string; readonly code: string } };
