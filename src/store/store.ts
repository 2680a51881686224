import type { ReadOptions } from "../core/read-options.ts";
import type { Reader } from "./reader.ts";
import type { Collected } from "./sqlite/content/collector.ts";
import type { ContentStore } from "./sqlite/content/content.ts";
import type { KvEntry, KvStore } from "./sqlite/kv/kv.ts";
import type { Snapshot } from "./sqlite/transfer/snapshot.ts";
import type {
  AppendCondition,
  AppendRequest,
  Change,
  CheckListener,
  CheckResult,
  Direction,
  ImportFrame,
  ImportResult,
  StoreMetrics,
  TakenContent,
} from "./types.ts";
/**
 * An ordered log plus a pile of content. Frames go in and come out as the JSON line that is served.
 *
 * The contract, for every engine:
 * - A write's promise resolves after the write would survive a power cut, and rejects if nothing
 *   of it was kept. Writes that arrive together may commit together; each stands or falls alone.
 * - Ids are given in commit order; log order is id order; no id is given that is not greater than
 *   every id given before, in this process or an earlier one.
 * - A reader sees a frame only after its commit. A reader that follows gets every frame committed
 *   after its threshold once and in order, whatever it reads from; only ephemeral frames may be
 *   missing for a reader that is far behind.
 * - A frame whose ttl ran out is in no answer, whether or not its row is gone already.
 * - Of every frame with a `last:n` ttl: it and the frames of its topic before it are at most n.
 * - Content that a frame or a k/v pair names by its hash is never freed.
 * - A failure to sync stops the store: nothing is acknowledged any more, and `failure` settles.
 */
export interface Store {
  /** The directory of the store. */
  readonly path: string;
  readonly content: ContentStore;
  readonly kv: KvStore;
  /** Settles, with the reason, when the store can no longer promise that its writes are kept. */
  readonly failure: Promise<Error>;

  /** Appends one frame and gives it as its JSON line. @throws as {@link appendAll} */
  append(request: AppendRequest, condition?: AppendCondition): Promise<string>;
  /**
   * Appends frames in one step, all or none, and gives their JSON lines.
   *
   * @throws XsError `expect_last_failed`, `idempotency_key_reused`, `content_not_found`
   */
  appendAll(requests: readonly AppendRequest[], condition?: AppendCondition): Promise<string[]>;
  /** Makes changes in one step, all or none; gives the JSON lines of the frames appended. */
  apply(changes: readonly Change[]): Promise<string[]>;
  /**
   * Adds frames that bring their ids, checked by `parseFrame`, all or none. Those the store has
   * already are left as they are. Live readers are not told. An id that is ahead of the clock moves
   * the id sequence forward; with `ahead` it may be so by more than a day. @throws XsError `id_ahead`
   */
  import(frames: readonly ImportFrame[], ahead?: boolean): Promise<ImportResult>;
  /** The same for k/v pairs: the newer revision of a key stays. Gives how many were added. */
  importEntries(pairs: readonly KvEntry[]): Promise<number>;
  /** Removes a frame for good. False if there was none. */
  remove(id: string): Promise<boolean>;
  /** Makes content durable that no frame of this store refers to yet. */
  keep(...contents: readonly TakenContent[]): Promise<void>;

  /** One frame, or undefined. */
  get(id: string): string | undefined;
  /** The frame before or after an id, which itself need not exist, in the stream or some topics. */
  neighbour(id: string, direction: Direction, topics?: readonly string[]): string | undefined;
  /** The same; where there is none, what is committed but not durable yet, when it is. */
  newestDurable(
    id: string,
    direction: Direction,
    topics?: readonly string[],
  ): Promise<string | undefined>;
  /** Starts a read. The reader must be read to its end or closed. */
  read(options: ReadOptions): Reader;
  /** Tells whether a following read would be given the next frame of a topic. */
  isFollowed(topic: string): boolean;
  /**
   * Starts the threads that a server needs, and keeps them: later there may be no descriptor, or no memory,
   * to start one with.
   */
  keepThreads(): Promise<void>;
  /**
   * To be called before anything is put beside the store's own files.
   *
   * @throws XsError the reason why nothing can be written
   */
  checkWritable(): void;
  /** False once the store was moved, replaced or removed while it is open: it stops then. */
  readonly isInPlace: boolean;
  /** Tells whether chunked content still grows, by the id of its first frame. */
  isGrowing(id: string): boolean;

  /** All that is there at this moment, for an export; to be closed. */
  snapshot(): Promise<Snapshot>;
  /** Keeps all content until the function it gives is called. */
  holdContent(): Promise<() => void>;
  /** Frees content that nothing names; with `dryRun` it only tells. @throws XsError `busy` */
  collect(dryRun?: boolean): Promise<Collected>;
  /**
   * Reads everything, as it is now, and tells of each thing that does not fit together, in a
   * sentence. Writes go on beside it; nothing is freed until it ends.
   */
  check(report: CheckListener["report"], how?: Omit<CheckListener, "report">): Promise<CheckResult>;
  /** Numbers for whoever watches over the store. */
  readonly metrics: StoreMetrics;

  /** Ends following reads once they have had what is committed, as the first step of a stop. */
  endReads(): void;
  /** Ends reads, finishes writes, flushes content, checkpoints and gives up the lock. */
  close(): Promise<void>;
}
