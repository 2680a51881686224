import { quoted, XsError } from "../../../core/error.ts";
import { encodeFrame } from "../../../core/frame.ts";
import { firstIdAt, idOfTime, timestampOf } from "../../../core/id.ts";
import { formatTime } from "../../../core/time.ts";
import { expiryOf } from "../../../core/ttl.ts";
import type { AppendRequest } from "../../types.ts";
import type { FrameEffect } from "../commit/record.ts";
import type { Transaction } from "../commit/transaction.ts";
import type { Parts } from "../parts.ts";

/** The frames of one write that get ids of times that have passed. */
export class PastFrames {
  readonly #parts: Parts;
  readonly #transaction: Transaction;
  readonly #frames: FrameEffect[] = [];
  /** The newest id of each time, in ms, to which this write has added. */
  readonly #newest = new Map<number, string>();
  readonly #lasts = new Map<string, ReturnType<Parts["retention"]["lastsOf"]>>();

  constructor(parts: Parts, transaction: Transaction) {
    this.#parts = parts;
    this.#transaction = transaction;
  }

  /**
   * Refuses a frame that no read would ever return. Call it before anything is written.
   *
   * @param at in ms since 1970
   * @throws XsError `bad_option`
   */
  check({ topic, ttl }: AppendRequest, at: number): void {
    const { retention } = this.#parts;
    const given = `at=${quoted(formatTime(at))}`;
    const expires = expiryOf(ttl, firstIdAt(at));
    if (expires !== null && expires <= retention.now()) {
      throw refusal(`${given} with the ttl ${ttl.text} ended on ${formatTime(expires)}`);
    }
    this.#transaction.settle();
    const lasts = this.#lasts.getOrInsertComputed(topic, () => retention.lastsOf(topic));
    const newer = lasts.filter(({ id }) => timestampOf(id) > at);
    const pushing = newer.find(({ count }, index) => count <= index + 1);
    if (!pushing) return;
    throw refusal(
      pushing.count === 1
        ? `${given} is older than the newest frame of ${topic}, which keeps no others`
        : `${given} is older than the last ${pushing.count} frames of ${topic}, and the newest of them keeps no others`,
    );
  }

  /** Makes the frame of a request and returns its line. It comes into the log with {@link commit}. */
  add({ topic, meta, ttl, content }: AppendRequest, at: number): string {
    const id = idOfTime(at, this.#newestAt(at));
    this.#newest.set(at, id);
    const line = encodeFrame(id, { topic, hash: content?.hash ?? null, meta, ttl: ttl.text });
    this.#frames.push({
      kind: "frame",
      id,
      topic,
      ms: at,
      line,
      expires: expiryOf(ttl, id),
      last: ttl.kind === "last" ? ttl.count : undefined,
    });
    return line;
  }

  /** Adds all of them to the log. */
  commit(): void {
    if (this.#frames.length > 0) this.#parts.log.addPast(this.#transaction, this.#frames);
  }

  /** The newest id with a time that an append may have given: frames of one time keep the order in which they came. */
  #newestAt(ms: number): string | undefined {
    const known = this.#newest.get(ms);
    if (known !== undefined) return known;
    const { search, ids } = this.#parts;
    this.#transaction.settle();
    if (ids.newestMs === ms && ids.newest !== "") return ids.newest;
    return search.newestLateBetween(firstIdAt(ms), firstIdAt(ms + 1));
  }
}

function refusal(problem: string): XsError {
  return new XsError("bad_option", `${problem}: no read would ever return the frame`);
}
