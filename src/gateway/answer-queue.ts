import { XsError } from "../core/error.ts";
import { type Frame, framesIn } from "../core/frame.ts";
import { HTTP_RESPONSE } from "../core/http.ts";
import type { Json } from "../core/json.ts";
import { READ_ALL } from "../core/read-options.ts";
import { nextTurn } from "../lib/next-turn.ts";
import type { Store } from "../store/store.ts";

/** A response frame, as far as an answer needs it. */
export interface AnswerFrame {
  readonly id: string;
  readonly hash: string | null;
  readonly meta: { readonly [key: string]: Json };
}

/** Frames that wait for one client at most. What comes then is read from the store later. */
const MOST = 64;

/**
 * The response frames for one request, in order. However slow the client is, it holds only a few of
 * them: the rest is in the store anyway and is read there when the client has got so far.
 */
export class AnswerQueue {
  readonly requestId: string;
  readonly #store: Store;
  #queued: AnswerFrame[] = [];
  /** Everything up to this id was queued, or passed over. */
  #position: string;
  /** Frames were left out, so the store has to be read. */
  #behind = false;
  #leftOutSince = false;
  /** Frames that were left out and not found in the store yet. */
  #missing = 0;
  #failure: Error | undefined;
  #wake: () => void = () => {};

  constructor(store: Store, requestId: string) {
    this.#store = store;
    this.requestId = requestId;
    this.#position = requestId;
  }

  /** A response for this request is on the stream. */
  tell(answer: AnswerFrame): void {
    if (answer.id <= this.#position) {
      // It was found in the store already.
      this.#missing++;
    } else if (this.#behind || this.#queued.length >= MOST) {
      this.#behind = true;
      this.#leftOutSince = true;
      this.#missing++;
    } else {
      this.#queued.push(answer);
      this.#position = answer.id;
    }
    this.#wake();
  }

  /** No more responses will be told. */
  fail(error: Error): void {
    this.#failure ??= error;
    this.#wake();
  }

  /**
   * The next response. One call at a time.
   *
   * @throws XsError `bad_response` where frames that the client still needs are gone
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
        await new Promise<void>((resolve) => {
          this.#wake = resolve;
        });
      }
    }
  }

  async #readPage(): Promise<void> {
    this.#leftOutSince = false;
    const topics = [HTTP_RESPONSE];
    const reader = this.#store.read({ ...READ_ALL, after: this.#position, topics });
    const page = await reader.next();
    reader.close();
    for (const frame of page ? framesIn(page) : []) {
      this.#position = frame.id;
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
        "a part of the response expired before the client took what came before it",
      );
    }
  }
}

/** The frame as an answer, if it says to which request it belongs. */
export function asAnswer({ topic, id, hash, meta }: Frame): AnswerFrame | undefined {
  if (topic !== HTTP_RESPONSE) return undefined;
  if (typeof meta !== "object" || meta === null || Array.isArray(meta)) return undefined;
  return typeof meta.request_id === "string" ? { id, hash, meta } : undefined;
}
