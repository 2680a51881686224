import { XsError } from "../core/error.ts";
import { type Frame, framesIn, lastIdIn } from "../core/frame.ts";
import { HTTP_RESPONSE } from "../core/http.ts";
import type { Json } from "../core/json.ts";
import { idAt, type Place, placeOf, positionAt } from "../core/place.ts";
import { READ_ALL } from "../core/read-options.ts";
import { nextTurn } from "../lib/next-turn.ts";
import { Signal } from "../lib/signal.ts";
import type { Store } from "../store/store.ts";

/** The parts of a response frame that an exchange needs. */
export interface AnswerFrame {
  readonly id: string;
  readonly hash: string | null;
  readonly meta: { readonly [key: string]: Json };
}

/** The most frames that wait in memory for one client. Later ones are read from the store. */
const MAX_QUEUED_FRAMES = 64;

/**
 * The response frames for one request, in order. For a slow client it keeps only a few frames in memory,
 * and reads the others from the store when the client gets there.
 */
export class AnswerQueue {
  readonly requestId: string;
  readonly #store: Store;
  #queued: AnswerFrame[] = [];
  /** All frames up to this place were queued, or belong to other requests. */
  #position: Place;
  /** Frames did not fit into the queue and have to be read from the store. */
  #behind = false;
  #leftOutSince = false;
  /** The number of frames that did not fit and were not found in the store yet. */
  #missing = 0;
  #failure: Error | undefined;
  readonly #changed = new Signal();

  constructor(store: Store, requestId: string) {
    this.#store = store;
    this.requestId = requestId;
    this.#position = requestId;
  }

  /** Queues a response frame for this request. */
  add(answer: AnswerFrame): void {
    if (answer.id <= this.#position) {
      // The frame was found in the store already.
      this.#missing++;
    } else if (this.#behind || this.#queued.length >= MAX_QUEUED_FRAMES) {
      this.#behind = true;
      this.#leftOutSince = true;
      this.#missing++;
    } else {
      this.#queued.push(answer);
      this.#position = answer.id;
    }
    this.#changed.wake();
  }

  /** Ends the queue: {@link next} rejects with this error after the queued frames. */
  fail(error: Error): void {
    this.#failure ??= error;
    this.#changed.wake();
  }

  /**
   * Resolves to the next response frame. Only one call may wait at a time.
   *
   * @throws XsError `bad_response` if frames expired that the client still needs, or the error of {@link fail}
   */
  async next(): Promise<AnswerFrame> {
    for (;;) {
      const answer = this.#queued.shift();
      if (answer) return answer;
      if (this.#behind) {
        await this.#readPage();
        await nextTurn();
      } else if (this.#failure) {
        throw this.#failure;
      } else {
        await this.#changed.wait();
      }
    }
  }

  async #readPage(): Promise<void> {
    this.#leftOutSince = false;
    const topics = [HTTP_RESPONSE];
    const after = { after: idAt(this.#position), position: positionAt(this.#position) };
    const reader = this.#store.read({ ...READ_ALL, ...after, order: "arrival", topics });
    const page = await reader.next();
    reader.close();
    if (page) this.#position = placeOf(lastIdIn(page), reader.position);
    // What an import brings answers nobody.
    for (const frame of page && reader.position === undefined ? framesIn(page) : []) {
      const answer = asAnswer(frame);
      if (answer?.meta.request_id !== this.requestId) continue;
      this.#queued.push(answer);
      this.#missing--;
    }
    if (page || this.#leftOutSince) return;
    this.#behind = false;
    if (this.#missing > 0) {
      throw new XsError(
        "bad_response",
        "a part of the response expired before the client took the parts before it",
      );
    }
  }
}

/** Returns the parts of a response frame; undefined if the frame is no response or names no request. */
export function asAnswer({ topic, id, hash, meta }: Frame): AnswerFrame | undefined {
  if (topic !== HTTP_RESPONSE) return undefined;
  if (typeof meta !== "object" || meta === null || Array.isArray(meta)) return undefined;
  return typeof meta.request_id === "string" ? { id, hash, meta } : undefined;
}
