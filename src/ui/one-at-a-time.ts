import { XsError } from "../core/error.ts";

/** The most that wait. */
const MAX_WAITING = 8;

/** Lets what costs much run one after the other: each is a process that runs a script on history. */
export class OneAtATime {
  #last: Promise<unknown> = Promise.resolve();
  #count = 0;

  /** Runs it when those before have ended, unless the signal came first. @throws XsError `too_many_requests` */
  async run<T>(signal: AbortSignal, what: () => Promise<T>): Promise<T> {
    if (this.#count > MAX_WAITING) {
      throw new XsError("too_many_requests", "the inspector runs other scripts: try again later");
    }
    this.#count++;
    const result = this.#last.then(() => {
      signal.throwIfAborted();
      return what();
    });
    this.#last = result.catch(() => {}).finally(() => this.#count--);
    return result;
  }

  /** Resolves once all have ended. */
  async idle(): Promise<void> {
    await this.#last;
  }
}
