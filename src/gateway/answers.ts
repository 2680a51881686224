import { XsError } from "../core/error.ts";
import { framesIn, idInLine } from "../core/frame.ts";
import { HTTP_RESPONSE } from "../core/http.ts";
import { READ_ALL } from "../core/read-options.ts";
import type { FrameReader } from "../store/frame-reader.ts";
import type { Store } from "../store/store.ts";
import { type AnswerFrame, AnswerQueue, asAnswer } from "./answer-queue.ts";

/** Passes every `http.response` to the request that waits for it; one reader serves all requests. */
export class Answers {
  readonly #store: Store;
  readonly #waiting = new Map<string, AnswerQueue>();
  /** Requests that are being appended: their ids are not known yet. */
  readonly #appending = new Set<Promise<AnswerQueue>>();
  /** Responses that came before the append of their request has returned. */
  readonly #early = new Map<string, AnswerFrame[]>();
  #ended: XsError | undefined;

  constructor(store: Store) {
    this.#store = store;
    void this.#run(this.#follow());
  }

  /** Appends a request and returns the queue of its responses. The caller passes it to {@link drop} at the end. */
  async ask(append: () => Promise<string>): Promise<AnswerQueue> {
    const asked = append().then((line) => this.#register(idInLine(line)));
    this.#appending.add(asked);
    try {
      return await asked;
    } finally {
      this.#appending.delete(asked);
    }
  }

  /** Forgets a queue whose request has ended. */
  drop(queue: AnswerQueue): void {
    this.#waiting.delete(queue.requestId);
  }

  #register(id: string): AnswerQueue {
    const queue = new AnswerQueue(this.#store, id);
    this.#waiting.set(id, queue);
    for (const answer of this.#early.get(id) ?? []) queue.add(answer);
    this.#early.delete(id);
    if (this.#ended) queue.fail(this.#ended);
    return queue;
  }

  #follow(): FrameReader {
    return this.#store.read({ ...READ_ALL, tail: true, follow: true, topics: [HTTP_RESPONSE] });
  }

  async #run(first: FrameReader): Promise<void> {
    for (let reader = first; ; reader = this.#follow()) {
      try {
        await this.#passAll(reader);
        this.#ended = new XsError("store_closed", "the server is stopping: try again later");
        this.#failAll(this.#ended);
        return;
      } catch (error) {
        // A frame is damaged: waiting requests may have missed a response, later requests have not.
        reader.close();
        this.#failAll(error as Error);
      }
    }
  }

  async #passAll(reader: FrameReader): Promise<void> {
    for (let page = await reader.next(); page; page = await reader.next()) {
      // What an import brings answers nobody.
      if (reader.position !== undefined) continue;
      for (const frame of framesIn(page)) {
        const answer = asAnswer(frame);
        if (answer) this.#pass(answer);
      }
    }
  }

  #pass(answer: AnswerFrame): void {
    const id = String(answer.meta.request_id);
    const queue = this.#waiting.get(id);
    if (queue) queue.add(answer);
    if (queue || this.#appending.size === 0) return;
    // It may be the response to one of those. Other machines append too, in any order, so its id does not tell.
    const early = this.#early.get(id);
    this.#early.set(id, [...(early ?? []), answer]);
    if (!early) void Promise.allSettled(this.#appending).then(() => this.#early.delete(id));
  }

  #failAll(error: Error): void {
    for (const queue of this.#waiting.values()) queue.fail(error);
  }
}
