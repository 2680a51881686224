import { XsError } from "../core/error.ts";
import { framesIn, idInLine } from "../core/frame.ts";
import { HTTP_RESPONSE } from "../core/http.ts";
import { READ_ALL } from "../core/read-options.ts";
import type { Reader } from "../store/reader.ts";
import type { Store } from "../store/store.ts";
import { type AnswerFrame, AnswerQueue, asAnswer } from "./answer-queue.ts";

/** Brings every `http.response` to the request that waits for it, with one reader for all of them. */
export class Answers {
  readonly #store: Store;
  readonly #waiting = new Map<string, AnswerQueue>();
  /** Requests on their way into the log, whose id is not known yet. */
  readonly #appending = new Set<Promise<AnswerQueue>>();
  /** Every request up to this id is known. */
  #newest = "";
  #ended: XsError | undefined;

  constructor(store: Store) {
    this.#store = store;
    void this.#run(this.#follow());
  }

  /** Appends a request and gives the queue of its answers. To be given back to {@link drop}. */
  async ask(append: () => Promise<string>): Promise<AnswerQueue> {
    const asked = append().then((line) => this.#register(idInLine(line)));
    this.#appending.add(asked);
    try {
      return await asked;
    } finally {
      this.#appending.delete(asked);
    }
  }

  /** Nobody waits for these answers any more. */
  drop(queue: AnswerQueue): void {
    this.#waiting.delete(queue.requestId);
  }

  #register(id: string): AnswerQueue {
    const queue = new AnswerQueue(this.#store, id);
    // Ids are given in the order of commits, so no earlier one comes later.
    if (id > this.#newest) this.#newest = id;
    this.#waiting.set(id, queue);
    if (this.#ended) queue.fail(this.#ended);
    return queue;
  }

  #follow(): Reader {
    return this.#store.read({ ...READ_ALL, tail: true, follow: true, topics: [HTTP_RESPONSE] });
  }

  async #run(first: Reader): Promise<void> {
    for (let reader = first; ; reader = this.#follow()) {
      try {
        await this.#bringAll(reader);
        this.#ended = new XsError("store_closed", "the server is stopping: try again later");
        this.#failAll(this.#ended);
        return;
      } catch (error) {
        // A damaged frame: who waits may have missed its answer, who comes later has not.
        reader.close();
        this.#failAll(error as Error);
      }
    }
  }

  async #bringAll(reader: Reader): Promise<void> {
    for (let page = await reader.next(); page; page = await reader.next()) {
      for (const frame of framesIn(page)) {
        const answer = asAnswer(frame);
        if (answer) await this.#bring(answer);
      }
    }
  }

  async #bring(answer: AnswerFrame): Promise<void> {
    const id = String(answer.meta.request_id);
    // A quick answer may be read before the append of its request has come back here.
    if (id > this.#newest) await Promise.allSettled(this.#appending);
    this.#waiting.get(id)?.tell(answer);
  }

  #failAll(error: Error): void {
    for (const queue of this.#waiting.values()) queue.fail(error);
  }
}
