import type { IdBounds } from "../core/id-bounds.ts";
import type { Place } from "../core/place.ts";
import type { ReadOptions } from "../core/read-options.ts";
import type { Content } from "./content.ts";
import type { FrameReader, LineReader } from "./frame-reader.ts";
import type { Import, ImportOptions } from "./import.ts";
import type { Kv } from "./kv.ts";
import type { Schedules } from "./scheduled.ts";
import type { Search } from "./search.ts";
import type { StoreSnapshot } from "./snapshot.ts";
import type { TraceDirection, TraceOptions } from "./trace.ts";
import type {
  AppendCondition,
  AppendRequest,
  Change,
  CheckListener,
  CheckResult,
  Direction,
  HistogramRange,
  StoreInfo,
  StoreMetrics,
} from "./types.ts";
import type { Upkeep } from "./upkeep.ts";

/**
 * An ordered log, the content of its frames, and key/value entries. Frames come out as the JSON lines that the API
 * serves.
 *
 * The contract:
 * - A write's promise resolves once the write would survive a power cut, and rejects if the store keeps nothing of it.
 *   Writes that arrive together may commit together; each succeeds or fails alone.
 * - Each new id is greater than every earlier id, in this process and in earlier ones. The order of ids is the order of
 *   commits and of the log.
 * - A reader sees a frame only after the frame is durable. A reader that follows gets every frame after its threshold
 *   once and in order; only ephemeral frames may be missing for a reader that is far behind.
 * - No answer contains a frame whose ttl has run out, even where its row still exists.
 * - A frame with a `last:n` ttl and the earlier frames of its topic are at most n.
 * - The store never frees content whose hash is in a frame or a key/value entry.
 * - A failure to sync stops the store: it acknowledges nothing any more.
 */
export interface Store {
  /** The directory of the store. */
  readonly path: string;
  readonly content: Content;
  readonly kv: Kv;
  readonly upkeep: Upkeep;
  readonly schedules: Schedules;
  readonly search: Search;

  /**
   * Appends one frame and resolves to its JSON line; for a time to come, to that of `scheduledLine`.
   *
   * @throws as {@link apply}
   */
  append(request: AppendRequest, condition?: AppendCondition): Promise<string>;
  /**
   * Makes changes in one step, all or none; resolves to the JSON lines of the appended frames.
   *
   * @param condition of the appends: where it has an idempotency key, there are no other changes
   * @throws XsError `expect_last_failed`, `idempotency_key_reused`, `content_not_found`, `too_many_scheduled`;
   *   `bad_option` for an `at` with which no read would return the frame
   */
  apply(changes: readonly Change[], condition?: AppendCondition): Promise<string[]>;
  /** Begins an import of frames that have ids, content and entries. The caller must dispose it. */
  beginImport(options?: ImportOptions): Import;
  /** Removes a frame for good. Resolves to false where there is none. */
  remove(id: string): Promise<boolean>;

  /** The JSON line of a frame; undefined where there is none. */
  get(id: string): string | undefined;
  /** The JSON line of the frame next to an id, in the stream or some topics. The id itself need not exist. */
  neighbour(id: string, direction: Direction, topics?: readonly string[]): string | undefined;
  /**
   * As `neighbour`; where no durable frame is there, waits for one that is committed to become durable.
   *
   * @param bounds leaves out frames whose ids are not between these
   */
  newestDurable(
    id: string,
    direction: Direction,
    topics?: readonly string[],
    bounds?: IdBounds,
  ): Promise<string | undefined>;
  /** The place of a frame in the order of arrival: of one that is gone, where its id would be. */
  placeOf(id: string): Place;
  /** The place of the frame that arrived last, in the stream or some topics. */
  newestPlace(topics?: readonly string[]): Place | undefined;
  /**
   * Starts a trace: the frames that a frame came of, or that came of it, nearest first and each once. Resolves to
   * undefined where there is no such frame. The first one for effects in a store makes their index.
   *
   * @throws XsError `not_found` for an `after` that is not among them
   */
  trace(
    id: string,
    direction: TraceDirection,
    options?: TraceOptions,
  ): Promise<LineReader | undefined>;
  /** Starts a read. The reader must be read to its end or closed. */
  read(options: ReadOptions): FrameReader;
  /**
   * Starts a listing of the topics that have frames, by name: lines of `{topic, frames, first, last}`, the last two the
   * ids of the oldest and the newest frame. It must be read to its end or closed.
   *
   * @param patterns that select topics; undefined for all
   */
  topics(patterns?: readonly string[]): LineReader;
  /**
   * Counts the frames of each step of time. One that has expired counts until its row is removed.
   *
   * @throws the reason of the signal
   */
  histogram(range: HistogramRange, signal: AbortSignal): Promise<number[]>;
  /** Resolves when everything that was committed before this call is durable. @throws XsError as a write does */
  whenDurable(): Promise<void>;
  /** Whether a read that follows takes the frames of a topic. */
  isFollowed(topic: string): boolean;
  /** Whether chunked content still grows. @param id of its first frame */
  isGrowing(id: string): boolean;

  /** Everything in the store at this moment. */
  snapshot(): Promise<StoreSnapshot>;
  /**
   * Reads everything, as it is now, and reports each inconsistency in a sentence. Writes go on beside it; the store
   * frees nothing until it ends.
   */
  check(report: CheckListener["report"], how?: Omit<CheckListener, "report">): Promise<CheckResult>;
  /** What the store holds, at this moment: what is committed and not yet durable included. */
  readonly info: StoreInfo;
  /** Counts and sizes, for monitoring. */
  readonly metrics: StoreMetrics;
}

/** A store, for the process that opened it and that lends it to others as a {@link Store}. */
export interface OpenStore extends Store {
  /** Resolves to the reason when the store can no longer make writes durable. */
  readonly failure: Promise<Error>;
  /** Why it takes no writes; undefined while it does. */
  readonly refusal: Error | undefined;
  /** False once the store was moved, replaced or removed while it is open: it stops then. */
  readonly isInPlace: boolean;

  /** Starts the threads that a server needs, and keeps them: later a descriptor, or memory, may lack to start one. */
  keepThreads(): Promise<void>;
  /** Appends what is scheduled when it is due, from now on: for one that serves, and once. */
  startSchedules(): void;
  /** Keeps the index of the search up to date, where there is one: for one that serves, and once. */
  startIndexing(): void;
  /** Ends reads that follow, once they have returned every committed frame. The first step of a stop. */
  endReads(): void;
  /**
   * Ends reads, finishes writes and all work in the background, and releases the store.
   *
   * @param finishing called first with the number of contents on which work remains, if there are any
   */
  close(finishing?: (contents: number) => void): Promise<void>;
}
