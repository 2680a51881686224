import type { Place } from "../core/place.ts";
import type { ReadOptions } from "../core/read-options.ts";
import type { Import, ImportOptions } from "./import.ts";
import type { Reader } from "./reader.ts";
import type { Collected } from "./sqlite/content/collector.ts";
import type { ContentStore } from "./sqlite/content/content.ts";
import type { KvStore } from "./sqlite/kv/kv.ts";
import type { Snapshot } from "./sqlite/transfer/snapshot.ts";
import type {
  AppendCondition,
  AppendRequest,
  Change,
  CheckListener,
  CheckResult,
  Direction,
  Space,
  StoreMetrics,
  TakenContent,
} from "./types.ts";

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
 * - A failure to sync stops the store: it acknowledges nothing any more, and `failure` resolves.
 */
export interface Store {
  /** The directory of the store. */
  readonly path: string;
  readonly content: ContentStore;
  readonly kv: KvStore;
  /** Resolves to the reason when the store can no longer make writes durable. */
  readonly failure: Promise<Error>;

  /** Appends one frame and resolves to its JSON line. @throws as {@link appendAll} */
  append(request: AppendRequest, condition?: AppendCondition): Promise<string>;
  /**
   * Appends frames in one step, all or none, and resolves to their JSON lines.
   *
   * @throws XsError `expect_last_failed`, `idempotency_key_reused`, `content_not_found`
   */
  appendAll(requests: readonly AppendRequest[], condition?: AppendCondition): Promise<string[]>;
  /** Makes changes in one step, all or none; resolves to the JSON lines of the appended frames. */
  apply(changes: readonly Change[]): Promise<string[]>;
  /** Begins an import of frames that have ids, content and entries. The caller must dispose it. */
  beginImport(options?: ImportOptions): Import;
  /** Removes a frame for good. Resolves to false where there is none. */
  remove(id: string): Promise<boolean>;
  /** Makes content durable to which no frame of this store refers yet. */
  keep(...contents: readonly TakenContent[]): Promise<void>;

  /** The JSON line of a frame; undefined where there is none. */
  get(id: string): string | undefined;
  /** The JSON line of the frame next to an id, in the stream or some topics. The id itself need not exist. */
  neighbour(id: string, direction: Direction, topics?: readonly string[]): string | undefined;
  /** As `neighbour`; where no durable frame is there, waits for one that is committed to become durable. */
  newestDurable(
    id: string,
    direction: Direction,
    topics?: readonly string[],
  ): Promise<string | undefined>;
  /** The place of a frame in the order of arrival: of one that is gone, where its id would be. */
  placeOf(id: string): Place;
  /** The place of the frame that arrived last, in the stream or some topics. */
  newestPlace(topics?: readonly string[]): Place | undefined;
  /** Starts a read. The reader must be read to its end or closed. */
  read(options: ReadOptions): Reader;
  /** Whether a read that follows takes the frames of a topic. */
  isFollowed(topic: string): boolean;
  /** Starts the threads that a server needs, and keeps them: later a descriptor, or memory, may lack to start one. */
  keepThreads(): Promise<void>;
  /**
   * Checks that the store takes writes. Call it before you create files beside those of the store.
   *
   * @throws XsError the reason why the store takes no writes
   */
  checkWritable(): void;
  /** False once the store was moved, replaced or removed while it is open: it stops then. */
  readonly isInPlace: boolean;
  /** Whether chunked content still grows. @param id of its first frame */
  isGrowing(id: string): boolean;

  /** Everything in the store at this moment, for an export. The caller must close it. */
  snapshot(): Promise<Snapshot>;
  /** Stops the collector from freeing content. Resolves to the function that ends this. */
  holdContent(): Promise<() => void>;
  /** Frees content to which nothing refers; with `dryRun` it only counts that. @throws XsError `busy` */
  collect(dryRun?: boolean): Promise<Collected>;
  /** The space of the database, and what is free of it. */
  readonly space: Space;
  /** Gives the free space of the database back to the disk, in steps. Resolves to the size of it then, in bytes. */
  compact(): Promise<number>;
  /**
   * Forgets the removals of frames, and deletions of entries, that are at least so old, in ms: an import may bring them
   * back. Resolves to their number; with `dryRun` it only counts them.
   */
  forgetRemovals(age: number, dryRun?: boolean): Promise<number>;
  /**
   * Reads everything, as it is now, and reports each inconsistency in a sentence. Writes go on beside it; the store
   * frees nothing until it ends.
   */
  check(report: CheckListener["report"], how?: Omit<CheckListener, "report">): Promise<CheckResult>;
  /** Counts and sizes, for monitoring. */
  readonly metrics: StoreMetrics;

  /** Ends reads that follow, once they have returned every committed frame. The first step of a stop. */
  endReads(): void;
  /** Ends reads, finishes writes, flushes content, checkpoints and releases the lock. */
  close(): Promise<void>;
}
