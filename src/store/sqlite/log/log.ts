import { encodeFrame, lastIdIn } from "../../../core/frame.ts";
import { HTTP_TOPICS } from "../../../core/http.ts";
import { type IdSequence, successor, timestampOf } from "../../../core/id.ts";
import { expiryOf, ttlOfNew } from "../../../core/ttl.ts";
import type { ImportOptions, ImportResult, Tombstone } from "../../import.ts";
import type { AppendRequest, ImportFrame } from "../../types.ts";
import type { FrameEffect } from "../commit/record.ts";
import type { Transaction } from "../commit/transaction.ts";
import type { Facts } from "../facts.ts";
import { isSound } from "./frame-row.ts";
import type { FrameSearch } from "./frame-search.ts";
import type { Pages } from "./pages.ts";
import type { Retention } from "./retention.ts";
import type { Tombstones } from "./tombstones.ts";

/** The topic of the frames that report late arrivals. */
const RECEIVED = "stream.cross.received";

/**
 * Whether frames of a topic may ask a program to act, or answer one: HTTP requests and responses, and the input of
 * duplex generators. Those that an import brings are meant for programs of another store. They count as late whatever
 * their ids, so that their positions tell so for ever.
 */
function isAddressed(topic: string): boolean {
  return HTTP_TOPICS.has(topic) || topic.endsWith(".send");
}

/** How an import treats its frames. `intoEmpty`: late frames keep the positions that they had. */
type LogImportOptions = Pick<ImportOptions, "restore"> & { readonly intoEmpty?: boolean };

/** What the log uses. */
export interface LogParts {
  readonly ids: IdSequence;
  readonly search: FrameSearch;
  readonly pages: Pages;
  readonly retention: Retention;
  readonly tombstones: Tombstones;
  readonly facts: Facts;
}

/** Decides what appends, imports and removals do to the log, and adds that to a transaction. */
export class Log {
  readonly #parts: LogParts;

  constructor(parts: LogParts) {
    this.#parts = parts;
  }

  /** Appends a frame and returns its line. */
  append(
    transaction: Transaction,
    { topic, meta, ttl: asked, content, growing }: AppendRequest,
  ): string {
    const { ids, retention } = this.#parts;
    const id = ids.next();
    const ends = asked.kind === "time" || asked.kind === "until";
    const ttl = ends ? ttlOfNew(asked, id, retention.followClock(transaction)) : asked;
    const line = encodeFrame(id, { topic, hash: content?.hash ?? null, meta, ttl: ttl.text });
    const last = ttl.kind === "last" ? ttl.count : undefined;
    const isEphemeral = ttl.kind === "ephemeral";
    if (!isEphemeral) retention.beforeFrame(transaction, topic, last);
    const expires = expiryOf(ttl, id);
    transaction.add({
      kind: "frame",
      id,
      topic,
      ms: ids.newestMs,
      line,
      expires,
      last,
      isEphemeral,
    });
    if (isEphemeral || !growing) return line;
    if (growing === "begins") transaction.add({ kind: "growing", id });
    else transaction.add({ kind: "growing", id: growing.ended, ended: true });
    return line;
  }

  /** Whether the store has had no frame since it was opened. */
  get isEmpty(): boolean {
    const { newest, hasLate } = this.#parts.search;
    return newest === "" && !hasLate;
  }

  /** Whether an import has begun to fill the store, and nothing else came in since. @param of tells it from others */
  isFilling(of: string): boolean {
    const { facts, ids } = this.#parts;
    return facts.isFilling({ of, newest: ids.newest });
  }

  /** Notes at the end of a commit that an import fills the store, or null that it has. */
  noteFilling(transaction: Transaction, of: string | null): void {
    const { ids } = this.#parts;
    transaction.add({ kind: "filling", of, newest: ids.newest });
    transaction.usesIds = true;
  }

  /** Adds frames with their ids, and reports the late ones in a frame of the runtime. */
  import(
    transaction: Transaction,
    frames: readonly ImportFrame[],
    options: LogImportOptions,
  ): Pick<ImportResult, "added" | "stayRemoved"> {
    this.#parts.retention.trim(transaction);
    transaction.settle();
    const { wanted, stayRemoved } = this.#wanted(transaction, frames, options);
    const gone = this.#addWithIds(transaction, wanted, options.intoEmpty);
    return { added: wanted.length - gone, stayRemoved };
  }

  /** Adds frames of one append whose ids have times that have passed, and reports the late ones as an import does. */
  addPast(transaction: Transaction, frames: readonly FrameEffect[]): void {
    this.#parts.retention.trim(transaction);
    this.#addWithIds(transaction, inOrder(frames));
  }

  /** Adds the tombstones of frames that are not here: an import removes none. */
  importTombstones(transaction: Transaction, tombstones: readonly Tombstone[]): void {
    transaction.settle();
    for (const { id, ms } of tombstones) {
      if (!this.#parts.search.find(id)) transaction.add({ kind: "tombstone", id, ms });
    }
  }

  /** Removes a frame for good. Returns false where there is none. */
  remove(transaction: Transaction, id: string, now: number): boolean {
    transaction.settle();
    const row = this.#parts.search.find(id);
    if (!row) return false;
    const tombstone = isSound(row) && { tombstone: now };
    transaction.remove({ id, seq: row.seq, ...tombstone }, this.#parts.search.newest);
    return true;
  }

  /** The line of the newest frame's id of a topic, as a write sees it. */
  newest(transaction: Transaction, topic: string): string | undefined {
    transaction.settle();
    const query = { topics: [topic], order: "desc", rows: 1, evenBeyondHorizon: true } as const;
    const page = this.#parts.pages.page(query);
    return page.rows > 0 ? lastIdIn(page.bytes) : undefined;
  }

  /**
   * A frame above this id is not late: no reader was given an id that is higher. Where a reader is given one while a
   * commit is not durable, that counts up from the newest.
   */
  #floor(): string {
    const { newest } = this.#parts.ids;
    return newest === "" ? "" : successor(newest, 2n ** 32n);
  }

  /**
   * Adds frames that have ids, in their order. Returns how many of them are gone again because of a `last:` ttl.
   *
   * @param intoEmpty the store had no frame before the import
   */
  #addWithIds(
    transaction: Transaction,
    frames: readonly FrameEffect[],
    intoEmpty?: boolean,
  ): number {
    const { ids, search, retention } = this.#parts;
    const floor = intoEmpty ? search.newest : this.#floor();
    const late: FrameEffect[] = [];
    for (const frame of frames) {
      const comesAlone = frame.position === undefined && frame.id > floor;
      if (comesAlone && (intoEmpty || !isAddressed(frame.topic))) transaction.add(frame);
      else late.push(frame);
    }
    const newest = frames.at(-1)?.id;
    if (newest !== undefined) ids.advancePast(newest);
    this.#addLate(transaction, late);
    return retention.afterImport(transaction, frames);
  }

  /** The frames of an import that come in, each once, in the order of ids; and how many do not, as they were removed. */
  #wanted(
    transaction: Transaction,
    frames: readonly ImportFrame[],
    { restore, intoEmpty }: LogImportOptions,
  ): { wanted: FrameEffect[]; stayRemoved: number } {
    const { search, retention } = this.#parts;
    const now = retention.now();
    const stay = new Set<string>();
    const wanted = new Map<string, FrameEffect>();
    for (const { topic, id, hash, meta, ttl, position } of frames) {
      const expires = expiryOf(ttl, id);
      const isGone = ttl.kind === "ephemeral" || (expires !== null && expires <= now);
      if (isGone || wanted.has(id) || search.find(id)) continue;
      if (this.#parts.tombstones.has(id)) {
        if (!restore) {
          stay.add(id);
          continue;
        }
        transaction.add({ kind: "tombstone", id, ms: null });
      }
      const line = encodeFrame(id, { topic, hash, meta, ttl: ttl.text });
      wanted.set(id, {
        kind: "frame",
        id,
        topic,
        ms: timestampOf(id),
        line,
        expires,
        last: ttl.kind === "last" ? ttl.count : undefined,
        position: intoEmpty ? position : undefined,
      });
    }
    return { wanted: inOrder(wanted.values()), stayRemoved: stay.size };
  }

  /** Adds late frames; those without a position get that of a new frame, which reports them. */
  #addLate(transaction: Transaction, late: readonly FrameEffect[]): void {
    const fresh = late.filter(({ position }) => position === undefined);
    const { ids } = this.#parts;
    for (const frame of late) {
      if (frame.position === undefined) continue;
      transaction.add(frame);
      // The frame that reported it may be gone, and a position must not be given twice.
      ids.advancePast(frame.position);
      transaction.usesIds = true;
    }
    const [oldest] = fresh;
    if (!oldest) return;
    const id = ids.next();
    for (const frame of fresh) transaction.add({ ...frame, position: id });
    const meta = JSON.stringify({ frames: fresh.length, oldest: oldest.id });
    const line = encodeFrame(id, { topic: RECEIVED, hash: null, meta, ttl: "forever" });
    transaction.add({ kind: "frame", id, topic: RECEIVED, ms: ids.newestMs, line, expires: null });
  }
}

function inOrder(frames: Iterable<FrameEffect>): FrameEffect[] {
  return [...frames].sort((one, other) => (one.id < other.id ? -1 : 1));
}
