/**
 * Works off a queue, one piece at a time. The caller keeps the queue: the drain asks for the next piece
 * until none is left.
 */
export class Drain {
  readonly #next: () => Promise<unknown> | undefined;
  #running: Promise<void> | undefined;

  /** @param next begins the next piece; undefined if there is none. The promise it returns never rejects. */
  constructor(next: () => Promise<unknown> | undefined) {
    this.#next = next;
  }

  /** Starts working. The first piece begins in a later microtask, so it sees everything queued until then. */
  start(): void {
    this.#running ??= this.#run();
  }

  /** Settles when the queue is empty; undefined while the drain is idle. */
  get running(): Promise<void> | undefined {
    return this.#running;
  }

  async #run(): Promise<void> {
    await Promise.resolve();
    for (let piece = this.#next(); piece; piece = this.#next()) await piece;
    // Cleared here, not when this promise settles: a piece queued between the two would stay in the queue.
    this.#running = undefined;
  }
}
