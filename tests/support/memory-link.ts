import { XsError } from "../../src/core/error.ts";
import { Signal } from "../../src/lib/signal.ts";
import type { Random } from "./random.ts";

/** What is between a node and the rest: it delays, and can be cut. */
export class MemoryLink {
  readonly #random: Random;
  readonly #delayMs: number;
  readonly #changed = new Signal();
  #slowMs = 0;
  #isCut = false;

  /** @param delayMs the longest delay of one way */
  constructor(random: Random, delayMs: number) {
    this.#random = random;
    this.#delayMs = delayMs;
  }

  get isCut(): boolean {
    return this.#isCut;
  }

  /** Nothing gets through from now on; what is under way waits. */
  cut(): void {
    this.#isCut = true;
  }

  /** What waits goes on. Half of the requests whose caller has given up are still carried out: late, as a network does. */
  heal(): void {
    this.#isCut = false;
    this.#changed.wake();
  }

  /** Each way takes so many ms more. */
  slow(ms: number): void {
    this.#slowMs = ms;
  }

  /**
   * Does something at the other end.
   *
   * @param isHeld whether it may run out of time: a busy machine is no fault, so by default it does only where this link
   *   is cut or slow
   * @throws XsError `journal_unreachable` after `ms`; it may have been done, or be done later
   */
  async request<T>(
    ms: number,
    act: () => T | Promise<T>,
    isHeld = () => this.#isCut || this.#slowMs > 0,
  ): Promise<T> {
    const call = { isGivenUp: false };
    const late = Promise.withResolvers<never>();
    const timer = setInterval(() => {
      if (!isHeld()) return;
      call.isGivenUp = true;
      late.reject(unreachable(`no answer came within ${ms} ms`));
    }, ms);
    const run = async () => {
      await this.#pass(call);
      const result = await act();
      await this.#pass(call);
      return result;
    };
    try {
      return await Promise.race([run(), late.promise]);
    } finally {
      clearInterval(timer);
    }
  }

  /** One way: resolves when the link is up, however long that takes. */
  async pass(): Promise<void> {
    const ms = this.#random.below(this.#delayMs + 1) + this.#slowMs;
    if (ms > 0) await Bun.sleep(ms);
    while (this.#isCut) await this.#changed.wait();
  }

  async #pass(call: { readonly isGivenUp: boolean }): Promise<void> {
    await this.pass();
    if (call.isGivenUp && this.#random.chance(0.5)) throw unreachable("the request was lost");
  }
}

export function unreachable(why: string): XsError {
  return new XsError("journal_unreachable", `the journal is out of reach: ${why}`);
}
